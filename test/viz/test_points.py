"""Points for the eye."""

import numpy as np
import pytest

from depth_ros.viz.points import points
from test.viz.scene import CAMERA, shot


@pytest.mark.parametrize(("across", "step"), [(1000, 1), (64, 1), (20, 3), (1, 64)])
def test_points_project_onto_their_pixels_and_have_their_colours(across: int, step: int) -> None:
    frame = shot(0)
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rgb = np.stack([u, v, u + v], axis=-1).astype(np.uint8)
    found = points(rgb, frame.depth_m, CAMERA, across)
    known = np.isfinite(frame.depth_m[::step, ::step])
    pixels = np.stack([u, v], axis=-1)[::step, ::step][known]
    assert found.xyz.shape == (known.sum(), 3)
    assert np.allclose(CAMERA.project(found.xyz), pixels, atol=1e-2)
    assert np.array_equal(found.rgb[:, :2], pixels)
    assert np.array_equal(found.xyz[:, 2], frame.depth_m[::step, ::step][known])
