"""One image with its true depth, and many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from depth_ros.bag.losses import Losses
from depth_ros.errors import DepthError, one_line
from depth_ros.evaluation.datasets.files import DatasetError
from depth_ros.pipeline import Frame
from depth_ros.scale.scaler import Reference

Item = TypeVar("Item")


class Sample(NamedTuple):
    """A frame and its truth.

    Attributes:
        frame: image and camera.
        truth_m: float32 (H, W) of the image, z-depth in metres; NaN where it is unknown.
        name: which one it is, for people.
        clip: of which video it is, neighbours in time being neighbours here; None: an image alone.
        pose: 4x4, world from optical frame; None where it is unknown.
        reference: what a robot would know beside the image: its camera's mount, or anchors; None:
            nothing.
    """

    frame: Frame
    truth_m: npt.NDArray[np.float32]
    name: str
    clip: str | None = None
    pose: npt.NDArray[np.float64] | None = None
    reference: Reference | None = None


@dataclass(frozen=True)
class Samples:
    """Samples that are read when they are asked for, as often as that is.

    Attributes:
        read: starts an iterator over them.
        total: how many there are; None where only reading them tells.
        losses: what of a bag was left out, as far as it was read.
    """

    read: Callable[[], Iterator[Sample]]
    total: int | None = None
    losses: Losses = field(default_factory=Losses)

    def __iter__(self) -> Iterator[Sample]:
        return self.read()

    def part(self, first: int, last: int | None) -> Samples:
        """Return those from first up to, and without, last; None: to the end."""
        total = self.total
        if total is not None:
            total = len(range(total)[first:last])
        return Samples(lambda: islice(self.read(), first, last), total, self.losses)


def each(read: Callable[[Item], Sample], items: Sequence[Item]) -> Samples:
    """Return the samples that a function reads of items, in their order.

    Whatever it raises of a damaged file becomes a DatasetError that names the item.
    """
    return Samples(lambda: (_one(read, item) for item in items), len(items))


def _one(read: Callable[[Item], Sample], item: Item) -> Sample:
    try:
        return read(item)
    except DepthError:
        raise
    except Exception as error:  # NumPy, OpenCV, SciPy and h5py raise what they like
        named = item[0] if isinstance(item, tuple) else item
        raise DatasetError(
            f"{named} cannot be used: {type(error).__name__}: {one_line(error)}"
        ) from error
