"""Cameras without a camera_info, with one that comes late, or with one for another size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from depth_ros import cli
from depth_ros.bag import frames
from depth_ros.bag import writer as bag
from depth_ros.bag.convert import convert
from depth_ros.bag.splits import SplitBag
from depth_ros.errors import BagError, SettingError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import camera_from_info
from test.bag.recordings import CAMERA, START_NS, STEP_NS, Message, drive, pipeline, read, write
from test.calibration_file import calibrated

COUNT = 4
DOUBLE = CAMERA.scale(2 * CAMERA.width, 2 * CAMERA.height)


def infos(camera: Camera | None, late: int = 0) -> Iterator[Message]:
    """A drive whose camera_info is another camera's, begins after some images, or is missing."""
    for topic, message, time_ns in drive(COUNT):
        if topic != "/camera/camera_info":
            yield topic, message, time_ns
        elif camera and time_ns >= START_NS + late * STEP_NS:
            yield topic, bag.camera_info(camera, time_ns - 5_000_000, "x"), time_ns


def cameras(out: Path) -> list[Camera]:
    return [camera_from_info(message) for message in read(out, "/depth/camera_info")]


@pytest.mark.parametrize("late", [1, 3])
def test_a_camera_info_that_comes_late_holds_for_the_images_before(
    tmp_path: Path, late: int
) -> None:
    source = write(tmp_path / "in", infos(CAMERA, late))
    assert convert([source], tmp_path / "out", pipeline()).answered == {"camera": COUNT}
    assert cameras(tmp_path / "out") == [CAMERA] * COUNT
    assert len(frames.spread(source, 100)) == COUNT


def test_a_camera_info_long_after_the_images_holds_for_them(tmp_path: Path) -> None:
    late_ns = START_NS + 3600 * 10**9
    late = ("/camera/camera_info", bag.camera_info(CAMERA, late_ns, "x"), late_ns)
    source = write(tmp_path / "in", [*infos(None), late])
    assert convert([source], tmp_path / "out", pipeline()).answered == {"camera": COUNT}


def test_a_calibration_stands_in_for_camera_info(tmp_path: Path) -> None:
    source = write(tmp_path / "in", infos(None))
    with pytest.raises(BagError, match="there is no camera_info on /camera/camera_info"):
        convert([source], tmp_path / "out", pipeline())
    given = pipeline(camera_calibration=calibrated(tmp_path / "camera.yaml", CAMERA))
    summary = convert([source], tmp_path / "out", given)
    assert summary.answered == {"camera": COUNT}
    assert summary.guess == ""
    assert cameras(tmp_path / "out") == [CAMERA] * COUNT


def test_a_file_that_is_no_calibration_is_refused_at_once(tmp_path: Path) -> None:
    source = write(tmp_path / "in", drive(COUNT))
    given = pipeline(camera_calibration=str(tmp_path / "in" / "metadata.yaml"))
    with pytest.raises(SettingError, match=r"metadata.yaml is not a calibration"):
        convert([source], tmp_path / "out", given)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_field_of_view_is_called_a_guess_wherever_it_shows(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write(tmp_path / "in", infos(None)), tmp_path / "out"
    model = ["--set", f"model={checkpoint}", "--set", "device=cpu"]
    assert cli.main(["convert", str(source), str(out), "--fov-deg", "70", *model]) == 0
    printed = capsys.readouterr()
    assert "the camera is a guess from fov_deg 70" in printed.err
    assert "guess: the camera is a guess from fov_deg 70" in printed.out
    assert "fov_deg 70" in SplitBag(out).note["guess"]
    assert cameras(out) == [Camera.from_fov(CAMERA.width, CAMERA.height, 70.0)] * COUNT
    # Readers of the new bag get the note as well.
    assert cli.main(["view", str(out), "--preview", str(tmp_path / "picture.png")]) == 0
    assert "out: the camera is a guess from fov_deg 70" in capsys.readouterr().err


@pytest.mark.parametrize("by_file", [False, True])
def test_another_size_of_the_same_aspect_is_rescaled_when_it_is_asked_for(
    tmp_path: Path, by_file: bool
) -> None:
    source = write(tmp_path / "in", infos(None if by_file else DOUBLE))
    path = calibrated(tmp_path / "camera.yaml", DOUBLE) if by_file else ""
    summary = convert([source], tmp_path / "straight", pipeline(camera_calibration=path))
    assert summary.answered == {}
    assert "camera.info_scale to rescale it" in summary.examples["CameraError"]
    given = pipeline(camera_calibration=path, camera_info_scale=True)
    assert convert([source], tmp_path / "out", given).answered == {"camera": COUNT}
    for found in cameras(tmp_path / "out"):
        assert (found.width, found.height) == (CAMERA.width, CAMERA.height)
        assert found.rays() == pytest.approx(CAMERA.rays(), abs=1e-6)
    (info, *_) = read(tmp_path / "out", "/depth/camera_info")
    assert info.p.reshape(3, 4)[:, :3] == pytest.approx(CAMERA.matrix)


def test_another_aspect_is_no_other_size(tmp_path: Path) -> None:
    source = write(tmp_path / "in", infos(CAMERA.crop(0, 0, CAMERA.width, CAMERA.height // 2)))
    summary = convert([source], tmp_path / "out", pipeline(camera_info_scale=True))
    assert summary.answered == {}
    assert "expected the same" in summary.examples["CameraError"]
