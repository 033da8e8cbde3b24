"""benchmarks.fisheye: true depth on the pixels of wide lenses, and the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.fisheye import checks, several
from benchmarks.fisheye.__main__ import main
from benchmarks.fisheye.lenses import LENSES, samples
from benchmarks.mismatch import MismatchError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.virtual_pinhole import VirtualView
from depth_ros.pipeline import DepthFrame, Frame

RADIUS_M = 3.0
LENS = LENSES["fisheye, 180 deg"]


def sphere_m(camera: Camera) -> Any:
    """z-depth of a sphere around the camera, which is the same for every direction of its axis."""
    rays = camera.rays()
    return RADIUS_M / np.sqrt(1 + (rays**2).sum(axis=-1))


@pytest.mark.slow
def test_true_depth_survives_the_way_to_the_pinhole_and_back() -> None:
    checks.check()


def test_depth_that_does_not_survive_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    values = VirtualView.values
    monkeypatch.setattr(VirtualView, "values", lambda *given: 1.05 * values(*given))
    with pytest.raises(MismatchError, match=r"barrel, 90 deg: true depth differs by 5\.\d+%"):
        checks.check()


def test_pinholes_side_by_side_give_the_depth_of_the_lens() -> None:
    def of_sphere(frame: Frame) -> DepthFrame:
        depth_m = torch.from_numpy(sphere_m(frame.camera))
        return DepthFrame(depth_m, torch.from_numpy(frame.rgb), frame.camera, 1, "")

    pipeline: Any = of_sphere
    frame = Frame(np.zeros((LENS.height, LENS.width, 3), np.uint8), LENS)
    found = several.merged(pipeline, frame)
    known = np.isfinite(found.depth_m)
    assert 0.6 < known.mean() < 0.9
    np.testing.assert_allclose(found.depth_m[known], sphere_m(LENS)[known], rtol=2e-3)
    assert found.jump < 2e-3


def test_frames_are_the_same_for_every_run_and_not_for_every_index() -> None:
    first, second = (list(samples("plain scenes", LENS, 2)) for _ in range(2))
    assert np.array_equal(first[0].frame.rgb, second[0].frame.rgb)
    assert not np.array_equal(first[0].frame.rgb, first[1].frame.rgb)


@pytest.mark.slow  # it renders and predicts 12 frames several times
def test_the_table_has_every_lens_place_and_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "fisheye.png"
    assert main(["--frames", "1", "--models", "zoedepth-tiny", "--out", str(picture)]) == 0
    out = capsys.readouterr().out
    for lens in LENSES:
        for place in ("rooms", "plain scenes"):
            assert f"zoedepth-tiny, {lens}, {place}\n" in out
    assert out.count("    pinhole ") == 6
    assert out.count("    three pinholes") == 4
    assert picture.exists()
