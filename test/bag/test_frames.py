"""Some frames of a recording, spread over all of it."""

from pathlib import Path

import numpy as np
import pytest

from depth_ros.bag.frames import spread
from depth_ros.errors import BagError
from test.bag.recordings import CAMERA, drive, picture, scene, write


@pytest.mark.parametrize("packed", [False, True])
def test_frames_are_spread_over_the_whole_recording(packed: bool, tmp_path: Path) -> None:
    frames = spread(write(tmp_path / "bag", drive(10, packed=packed)), 4)
    assert len(frames) == 4
    for index, frame in zip((0, 3, 6, 9), frames, strict=True):
        np.testing.assert_array_equal(frame.rgb, picture(scene(index)))
        assert frame.camera == CAMERA


def test_a_short_recording_gives_all_it_has(tmp_path: Path) -> None:
    assert len(spread(write(tmp_path / "bag", drive(3)), 64)) == 3


def test_a_camera_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="/nothing is not in the bag"):
        spread(write(tmp_path / "bag", drive(3)), 4, "/nothing")
