"""The measurements of GRIN run, and measure what they say."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.grin import __main__ as bench
from benchmarks.grin import cameras, queries, uncertainty, video
from benchmarks.grin.frames import drives, pipeline, recorded, views
from depth_ros.geometry.camera import Camera
from test.evaluation.datasets.test_datasets import write_folder
from test.models.grin import small

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("grin")
    small.network().save_pretrained(folder)
    return str(folder)


def test_every_part_prints_a_table_or_a_picture(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "grin.png"
    arguments = ["cameras", "picture", "--model", checkpoint, "--frames", "1"]
    assert bench.main([*arguments, "--out", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in cameras.cameras())
    assert picture.stat().st_size > 1000


def test_cameras_lie_beyond_those_of_training() -> None:
    angles = {
        name: camera.fov_deg[0] for name, camera in cameras.cameras().items() if camera is not None
    }
    assert angles["40 degrees"] == pytest.approx(40)
    assert angles["90 degrees"] == pytest.approx(90)


def test_asking_for_fewer_pixels_asks_for_just_these(checkpoint: str) -> None:
    view = next(views(1, Camera.from_fov(96, 64, 60.0)))
    asked = queries.measure(checkpoint, view, repeats=1, steps=1)
    height, width = view.frame.rgb.shape[:2]
    assert [each.pixels for each in asked] == [
        -(-height // stride) * -(-width // stride) for stride in queries.STRIDES
    ]
    assert asked[0].worst == 0


def test_uncertainty_is_measured_over_all_pixels(checkpoint: str) -> None:
    found = uncertainty.measure(checkpoint, list(views(1)), steps=1, samples=2)
    assert -1 <= found.spearman <= 1
    assert found.confident_abs_rel > 0
    assert 0 <= found.confidence <= 1


def test_of_recorded_frames_only_pixels_with_truth_count(checkpoint: str, tmp_path: Path) -> None:
    write_folder(tmp_path)
    (seen,) = recorded(tmp_path, 3)
    assert np.isnan(seen.truth_m).any()
    found = uncertainty.measure(checkpoint, [seen], steps=1, samples=2)
    assert np.isfinite(found).all()


def test_flicker_is_measured_between_neighbours(checkpoint: str) -> None:
    seen = drives(1, 3)
    carried = video.measure(pipeline(checkpoint, grin_steps=1, grin_carry=True), seen, 3)
    alone = video.measure(pipeline(checkpoint, grin_steps=1), seen, 3)
    assert carried.tae > 0
    assert carried.abs_rel != alone.abs_rel
