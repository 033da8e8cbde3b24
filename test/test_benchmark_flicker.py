"""The table and picture of how much a model's scale wobbles."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import flicker
from benchmarks.flicker import PLAIN, STEADY


def test_planted_wobble_is_seen_and_steadied(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flicker, "_WIDTH", 80)
    monkeypatch.setattr(flicker, "_HEIGHT", 60)
    out = tmp_path / "flicker.png"
    said = ["--model", str(checkpoint), "--device", "cpu", "--drives", "1", "--wobble", "0.1"]
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
