"""Files of calibrations."""

from __future__ import annotations

from pathlib import Path

from depth_ros.geometry.camera import Camera


def calibrated(path: Path, camera: Camera) -> str:
    """A file as camera_calibration writes it."""
    numbers = ", ".join(str(float(value)) for value in camera.matrix.reshape(-1))
    path.write_text(
        f"image_width: {camera.width}\nimage_height: {camera.height}\ncamera_name: narrow\n"
        f"camera_matrix:\n  rows: 3\n  cols: 3\n  data: [{numbers}]\n"
        "distortion_model: plumb_bob\n"
        "distortion_coefficients:\n  rows: 1\n  cols: 5\n  data: [0, 0, 0, 0, 0]\n"
    )
    return str(path)
