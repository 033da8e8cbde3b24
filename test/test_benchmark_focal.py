"""benchmarks.focal: lenses that show the same scene at the same depth."""

import numpy as np
import pytest

from benchmarks import focal
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Frame

CAMERA = Camera(160, 120, 140.0, 142.0, 78.0, 61.0)


def ramp() -> Frame:
    """An image whose colours say where in the picture a pixel is."""
    v, u = np.mgrid[0:120, 0:160]
    return Frame(np.dstack([u, v, np.zeros_like(u)]).astype(np.uint8), CAMERA)


@pytest.mark.parametrize("lens", focal.LENSES)
def test_a_lens_shows_every_point_where_its_camera_says(lens: float) -> None:
    seen = focal.through(ramp(), lens)
    height, width = seen.rgb.shape[:2]
    assert (width, height) == (seen.camera.width, seen.camera.height)
    assert seen.camera.f_px == pytest.approx(lens * CAMERA.f_px, rel=0.01)
    v, u = height // 2, width // 3
    x, y = seen.camera.rays()[v, u]
    source = (x * CAMERA.fx + CAMERA.cx, y * CAMERA.fy + CAMERA.cy)
    assert seen.rgb[v, u, :2] == pytest.approx(source, abs=1.5)


def test_the_shared_part_is_what_the_longest_lens_sees() -> None:
    depth_m = np.full((120, 160), 9.0, np.float32)
    rows, columns = focal.middle(120, 160, 1.6)
    depth_m[rows, columns] = 2.0
    assert focal.shared_median_m(depth_m, 1.0) == 2.0
    assert focal.shared_median_m(np.full((120, 160), 2.0, np.float32), 1.6) == 2.0
    assert np.isnan(focal.shared_median_m(np.full((120, 160), np.inf, np.float32), 1.6))
