"""The README against what it describes."""

import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros import models

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SETUP = (ROOT / "setup.py").read_text()


def test_it_is_short() -> None:
    assert len(README.encode()) <= 12_000
    for is_row, lines in groupby(README.splitlines(), lambda line: line.startswith("|")):
        assert not is_row or len(list(lines)) <= 2 + 8


@pytest.mark.parametrize("target", ["demo", "test", "docs"])
def test_every_make_target_that_is_named_exists(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_the_models_that_it_recommends_exist() -> None:
    rows = re.findall(r"^\|(.*)\|$", README, re.M)
    (start,) = (index for index, row in enumerate(rows) if "`model`" in row)
    named = {
        name for row in rows[start + 2 : start + 8] for name in re.findall(r"`([\w.-]+)`", row)
    }
    assert len(named & set(models.MODELS)) >= 7
    assert {name for name in named if "-" in name} <= set(models.MODELS)


def first_code_block() -> str:
    found = re.search(r"^```python\n(.*?)^```", README, re.M | re.S)
    assert found is not None
    return found[1]


@pytest.mark.slow
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


def test_the_recipe_for_a_robot_asks_for_the_versions_that_the_package_wants() -> None:
    wanted = re.findall(
        r'^\s+"((?:torch|transformers|rosbags|mcap|simplejpeg)[<>=][^"]*)",$', SETUP, re.M
    )
    (recipe,) = re.findall(r"^    pip install (.*torch.*?)   #", README, re.M)
    assert len(wanted) == 5
    assert sorted(recipe.replace("'", "").split()) == sorted(wanted)
    assert recipe in (ROOT / "docs" / "install.md").read_text()
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    assert all(f"'{each}'" in dockerfile for each in wanted)
