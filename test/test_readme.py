"""The README against what it describes."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros import cli, models
from depth_ros.cli import exit_codes
from depth_ros.config import to_markdown

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SETUP = (ROOT / "setup.py").read_text()


def launch_arguments() -> list[str]:
    tree = ast.parse((ROOT / "launch" / "depth.launch.py").read_text())
    (table,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ARGUMENTS"
    ]
    assert isinstance(table, ast.Dict)
    return [ast.literal_eval(key) for key in table.keys if key]


def test_the_table_of_parameters_is_the_generated_one() -> None:
    assert to_markdown() in README, "run: depth_ros settings --markdown"


def test_the_table_of_models_is_the_generated_one() -> None:
    assert models.table() in README, "run: depth_ros models --markdown"


@pytest.mark.parametrize("name", launch_arguments())
def test_every_launch_argument_is_described(name: str) -> None:
    rows = [line for line in README.splitlines() if line.startswith("|")]
    assert any(f"`{name}`" in row.split("|")[1] for row in rows)


def test_every_requirement_has_its_reason() -> None:
    names = re.findall(r'^\s+"([A-Za-z][\w-]+)(?:>=[^"]*)?",$', SETUP, re.M)
    assert {"numpy", "torch", "hypothesis"} <= set(names)
    described = README.lower()
    helpers = {"pytest-timeout", "pytest-xdist", "mcap-ros2-support", "types-PyYAML", "setuptools"}
    for name in set(names) - helpers:
        assert name.lower() in described, f"{name} is not in the README's dependency table"


def test_every_verb_is_named() -> None:
    shown = " ".join(README.split())
    for verb in cli.VERBS:
        assert cli.name(verb) in shown


def test_every_picture_and_file_that_is_linked_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists() or "://" in target, target


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
def test_every_make_target_that_is_named_exists(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def first_code_block() -> str:
    found = re.search(r"^```python\n(.*?)^```|^    \S.*?$", README, re.M | re.S)
    assert found is not None
    return found[1] or ""


def test_the_first_code_block_is_six_lines_that_give_depth(tmp_path: Path) -> None:
    block = first_code_block()
    assert len([line for line in block.splitlines() if line]) == 6
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "photo.jpg"), picture)
    run = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"Depth\(64x48, [\d.]+ to [\d.]+ m\) \(\d+, 3\)\n", run.stdout)


def test_the_exit_codes_are_the_documented_ones() -> None:
    assert exit_codes.__doc__ is not None
    assert exit_codes.__doc__.rstrip(".") in " ".join(README.split())


def test_the_recipe_for_a_robot_asks_for_the_versions_that_the_package_wants() -> None:
    wanted = re.findall(
        r'^\s+"((?:torch|transformers|rosbags|mcap|simplejpeg)[<>=][^"]*)",$', SETUP, re.M
    )
    (recipe,) = re.findall(r"^    pip install (.*torch.*?)   #", README, re.M)
    assert len(wanted) == 5
    assert sorted(recipe.replace("'", "").split()) == sorted(wanted)
