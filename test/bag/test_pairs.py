"""Images and depth images of one moment, as a recording has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from depth_ros.bag import writer as bag
from depth_ros.bag.decoder import Decoder
from depth_ros.bag.losses import Losses
from depth_ros.bag.pairs import Pairs
from depth_ros.bag.reader import Recording
from depth_ros.config import Settings
from test.bag.recordings import START_NS, Message, write

MS = 1_000_000
IMAGE, DEPTH = "/cam/image", "/cam/depth/image"


def messages(order: Sequence[tuple[str, int]]) -> Iterator[Message]:
    """One message after the other, by topic and stamp [ms]."""
    for number, (topic, stamp_ms) in enumerate(order):
        pixels = np.zeros((2, 4, 3), np.uint8) if topic == IMAGE else np.ones((2, 4), np.uint16)
        encoding = "rgb8" if topic == IMAGE else "16UC1"
        message = bag.image(pixels, encoding, START_NS + stamp_ms * MS, "optical")
        yield topic, message, START_NS + number


def pairs(
    tmp_path: Path, order: Sequence[tuple[str, int]], once: bool = False
) -> list[tuple[int, int]]:
    """Stamps of image and depth image [ms] of the pairs at most 20 ms apart."""
    losses = Losses()
    with Recording(write(tmp_path / "in", messages(order))) as recording:
        how = (Decoder(Settings()), losses, once)
        found = [
            tuple((each.stamp_ns - START_NS) // MS for each in pair)
            for pair in Pairs(recording, IMAGE, DEPTH, 20 * MS, *how)
        ]
    assert losses.lines() == []
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("first", [IMAGE, DEPTH])
def test_it_does_not_matter_which_comes_first(tmp_path: Path, first: str) -> None:
    second = DEPTH if first == IMAGE else IMAGE
    order = [(topic, stamp_ms) for stamp_ms in (0, 100, 200) for topic in (first, second)]
    assert pairs(tmp_path, order) == [(0, 0), (100, 100), (200, 200)]


def test_the_nearest_image_is_taken_although_it_comes_later(tmp_path: Path) -> None:
    order = [(IMAGE, 0), (DEPTH, 15), (IMAGE, 16), (DEPTH, 100)]
    assert pairs(tmp_path, order) == [(16, 15)]


def test_depth_may_come_long_after_its_image(tmp_path: Path) -> None:
    stamps = range(0, 1000, 100)
    order = [*((IMAGE, stamp_ms) for stamp_ms in stamps), *((DEPTH, at + 5) for at in stamps)]
    assert pairs(tmp_path, order) == [(at, at + 5) for at in stamps]
    again = [(topic, stamp_ms) for topic, stamp_ms in reversed(order)]
    assert sorted(pairs(tmp_path / "reversed", again)) == [(at, at + 5) for at in stamps]


def test_an_image_between_two_depth_images_belongs_to_both_or_to_one(tmp_path: Path) -> None:
    order = [(DEPTH, 0), (IMAGE, 10), (DEPTH, 20), (IMAGE, 100)]
    assert pairs(tmp_path, order) == [(10, 0), (10, 20)]
    assert pairs(tmp_path / "once", order, once=True) == [(10, 0)]
