"""A node whose camera is described by parameters, with or without a camera_info."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from test.calibration_file import calibrated
from test.ros.conftest import CAMERA, LOG, Bench, Reference, take

pytest.importorskip("rclpy")

from depth_ros.geometry.camera import Camera
from depth_ros.messages import camera_from_info, depth_from_image

HALF = CAMERA.scale(CAMERA.width // 2, CAMERA.height // 2)


def answered(bench: Bench, **settings: Any) -> tuple[Camera, Any]:
    """Return the camera and the depth that a node publishes for an image alone."""
    bench.start("depth/image", "depth/camera_info", **settings)
    bench.deliver("image", take().image(), "image")
    answers = bench.answers(take())
    return camera_from_info(answers["depth/camera_info"]), depth_from_image(answers["depth/image"])


def test_a_file_of_a_calibration_needs_no_camera_info(
    bench: Bench, reference: Reference, tmp_path: Path
) -> None:
    file = calibrated(tmp_path / "front.yaml", CAMERA)
    camera, depth_m = answered(bench, camera_calibration=file)
    assert camera == CAMERA
    np.testing.assert_allclose(depth_m, reference(take()), rtol=1e-4)


def test_a_calibration_for_another_size_is_rescaled_when_asked(
    bench: Bench, tmp_path: Path
) -> None:
    file = calibrated(tmp_path / "front.yaml", HALF)
    camera, _ = answered(bench, camera_calibration=file, camera_info_scale=True)
    np.testing.assert_allclose(camera.matrix, CAMERA.matrix, atol=1e-6)


def test_a_camera_info_for_another_size_is_rescaled_when_asked(bench: Bench) -> None:
    bench.start("depth/image", "depth/camera_info", camera_info_scale=True)
    bench.deliver("camera_info", take(0, HALF).info(), "camera_info")
    bench.deliver("image", take().image(), "image")
    info = bench.answers(take())["depth/camera_info"]
    assert (info.width, info.height) == (CAMERA.width, CAMERA.height)
    np.testing.assert_allclose(camera_from_info(info).matrix, CAMERA.matrix, atol=1e-6)


def test_a_camera_info_for_another_size_is_refused_otherwise(bench: Bench) -> None:
    bench.peer.listen(LOG)
    bench.start("depth/image")
    bench.deliver("camera_info", take(0, HALF).info(), "camera_info")
    bench.deliver("image", take().image(), "dropped")
    bench.warning(f"image is {CAMERA.width}x{CAMERA.height}", f"{HALF.width}x{HALF.height}")


def test_a_field_of_view_is_a_guess_and_called_one(bench: Bench) -> None:
    bench.peer.listen(LOG)
    camera, _ = answered(bench, fov_deg=70.0)
    assert camera == Camera.from_fov(CAMERA.width, CAMERA.height, 70.0)
    bench.warning("the camera is a guess from fov_deg 70")
    bench.peer.listen("/diagnostics")
    values = {value.key: value.value for value in bench.report().values}
    assert values["camera"].startswith("the camera is a guess from fov_deg 70")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("image_width: ", "image_wide: "), "image_width"),
        (("data: [", "data: [x, "), "is not a calibration"),
        (("", ""), "is not a calibration"),
        (("data: [", "data: [0, 0, 0, 0, 0, 0, 0, 0, 0] # "), "all-zero k"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_refused_before_any_image(
    bench: Bench, tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    path = tmp_path / "front.yaml"
    calibrated(path, CAMERA)
    text = path.read_text()
    path.write_text(text.replace(*change, 1) if change[0] else "")
    bench.start(camera_calibration=str(path))
    assert bench.gate.runs == 0, "the network must not be loaded for it"
    assert bench.node.ended.done()
    assert told in bench.node.ended.result()


def test_a_calibration_that_is_not_there_is_named(bench: Bench, tmp_path: Path) -> None:
    bench.start(camera_calibration=str(tmp_path / "nothing.yaml"))
    assert "nothing.yaml is not a calibration" in bench.node.ended.result()
