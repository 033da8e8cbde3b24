"""Calibration files and fields of view against their cameras."""

from __future__ import annotations

from pathlib import Path

import pytest

from depth_ros import calibration
from depth_ros.config import Settings
from depth_ros.errors import CameraError, SettingError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import camera_from_info

# As camera_calibration's cameracalibrator writes it.
TEXT = """image_width: 640
image_height: 480
camera_name: head_camera
camera_matrix:
  rows: 3
  cols: 3
  data: [433.12,   0.  , 318.4 ,
           0.  , 434.27, 242.1 ,
           0.  ,   0.  ,   1.  ]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.36, 0.11, -0.001, 0.0005, 0.0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1., 0., 0., 0., 1., 0., 0., 0., 1.]
projection_matrix:
  rows: 3
  cols: 4
  data: [341.7, 0., 315.2, 0., 0., 391.4, 244.9, 0., 0., 0., 1., 0.]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "head_camera.yaml"
    file.write_text(TEXT)
    return file


def test_a_file_is_the_camera_that_was_calibrated(path: Path) -> None:
    info = calibration.read(path)
    lens = (-0.36, 0.11, -0.001, 0.0005, 0.0)
    expected = Camera(640, 480, 433.12, 434.27, 318.4, 242.1, "plumb_bob", lens)
    assert camera_from_info(info) == expected
    assert camera_from_info(info, True) == Camera(640, 480, 341.7, 391.4, 315.2, 244.9)


@pytest.mark.parametrize("text", ["", "[", "a: 1", TEXT.replace("434.27", "x"), TEXT[:200]])
def test_an_invalid_file_is_refused_in_one_line(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(
        CameraError, match=r"head_camera.yaml (is not a calibration|has matrices)"
    ) as e:
        calibration.read(path)
    assert "\n" not in str(e.value)


def test_depth_of_half_the_size_has_half_the_camera(path: Path) -> None:
    settings = Settings(camera_calibration=str(path), camera_info_scale=True)
    half = calibration.given(settings, 320, 240)
    whole = calibration.given(settings, 640, 480)
    assert half and whole
    assert half.camera == whole.camera.scale(320, 240)
    fields = calibration.Calibration(**vars(half.info))
    for rectified in (False, True):
        expected = camera_from_info(calibration.read(path), rectified).scale(320, 240)
        found = camera_from_info(fields, rectified)
        assert found.matrix == pytest.approx(expected.matrix)
        assert (found.width, found.lens) == (320, expected.lens)


def test_a_guess_has_the_given_field_of_view() -> None:
    settings = Settings(fov_deg=70.0)
    found = calibration.given(settings, 64, 48)
    assert found and found.camera == Camera.from_fov(64, 48, 70.0)
    assert "guess" in calibration.guess(settings)
    assert calibration.guess(Settings()) == ""
    assert calibration.given(Settings(), 64, 48) is None


def test_a_calibration_and_a_guess_contradict_each_other(path: Path) -> None:
    with pytest.raises(SettingError, match="expected one of them"):
        Settings(camera_calibration=str(path), fov_deg=70.0)
