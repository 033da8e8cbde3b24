"""YAML of unknown origin: what is loaded, and what is refused before it fills the memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from depth_ros import calibration, yaml_file
from depth_ros.cli.given_settings import given
from depth_ros.errors import CameraError, SettingError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True)
)
"""Aliases of aliases: 600 bytes that expand to 4 thousand million values."""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_aliases_are_values(tmp_path: Path) -> None:
    file = written(tmp_path / "a.yaml", "base: &base {x: 1}\nother: *base\nmore: {<<: *base, y: 2}")
    assert yaml_file.load(file) == {"base": {"x": 1}, "other": {"x": 1}, "more": {"x": 1, "y": 2}}


@pytest.mark.parametrize("text", [LAUGHS, "a: &a [*a]", "&a {b: *a}"])
def test_aliases_without_bound_are_refused(text: str, tmp_path: Path) -> None:
    file = written(tmp_path / "a.yaml", text)
    with pytest.raises(ValueError, match="expand to more values than its"):
        yaml_file.load(file)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(OSError, match="not a regular file"):
        yaml_file.load(tmp_path / "a.yaml")


def test_parameters_and_calibrations_of_aliases_are_refused_at_once(tmp_path: Path) -> None:
    parameters = LAUGHS + "/**:\n  ros__parameters: {model: *k}\n"
    with pytest.raises(SettingError, match=r"a.yaml is not a parameter file: ValueError"):
        given(written(tmp_path / "a.yaml", parameters), [])
    with pytest.raises(CameraError, match=r"b.yaml is not a calibration: ValueError"):
        calibration.read(written(tmp_path / "b.yaml", LAUGHS + "distortion_model: *k\n"))
