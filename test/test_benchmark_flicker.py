"""The table and picture of how much a model's scale wobbles."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import flicker
from benchmarks.flicker import PLAIN, STEADY, log_scale_error, scale_flicker
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Robot, random_drive


def test_planted_wobble_is_seen_and_steadied(
    built: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flicker, "_WIDTH", 80)
    monkeypatch.setattr(flicker, "_HEIGHT", 60)
    out = tmp_path / "flicker.png"
    model = str(built("zoedepth"))
    said = ["--model", model, "--device", "cpu", "--drives", "1", "--wobble", "0.1"]
    assert flicker.main([*said, "--steps", "40", "--out", str(out)]) == 0
    rows = {line[16:26].strip(): line.split() for line in capsys.readouterr().out.splitlines()}
    jumps = {way: float(rows[way][-4].rstrip("%")) for way in (PLAIN, STEADY)}
    assert jumps[PLAIN] > 4
    assert jumps[STEADY] < 0.7 * jumps[PLAIN]
    assert all(float(rows[way][-3].rstrip("%")) > 0 for way in (PLAIN, STEADY))
    assert cv2.imread(str(out)) is not None


def test_a_larger_error_is_drawn_higher() -> None:
    assert flicker._y(0.2) < flicker._y(0.0) < flicker._y(-0.2)
    clip = flicker.Clip(log_errors=[0.1, float("nan"), 0.1, 0.1, 0.3])
    panel = flicker.draw({"a clip": {PLAIN: clip}})
    near = np.abs(panel[30:].astype(int) - flicker._COLOURS[PLAIN]).max(-1) < 60
    assert 30 + near.sum(1).argmax() == pytest.approx(flicker._y(0.0), abs=1)
    assert near.sum(1).max() > 400


def test_a_model_without_metres_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert flicker.main(["--model", "nonesuch"]) == 1
    assert capsys.readouterr().err.startswith("benchmarks: model 'nonesuch' is unknown")


def test_flicker_is_that_of_the_scale_and_not_of_the_motion() -> None:
    drive = random_drive(np.random.default_rng(1), Robot(), 40, 30, 20)
    truth_m = render_drive(drive).depth_m.numpy()
    truth_m[3, :5] = np.nan
    scales = np.random.default_rng(2).uniform(0.9, 1.1, 20).astype(np.float32)
    pairs = zip(2 * scales[:, None, None] * truth_m, truth_m, strict=True)
    errors = [log_scale_error(*pair) for pair in pairs]
    assert errors == pytest.approx(np.log(2 * scales), abs=1e-5)
    assert scale_flicker(errors) == pytest.approx(100 * np.diff(np.log(scales)).std(), rel=1e-3)


def test_a_frame_without_truth_has_no_scale_and_does_not_count_as_flicker() -> None:
    nothing = np.full((3, 4), np.nan, np.float32)
    missing = log_scale_error(np.ones((3, 4), np.float32), nothing)
    assert math.isnan(missing)
    assert scale_flicker([0.0, 0.1, missing, 0.0, 0.1]) == pytest.approx(0)
