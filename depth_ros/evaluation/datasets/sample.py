"""One image with its true depth, and sequences of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeVar

from depth_ros.arrays import DepthArray, FloatArray
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
        truth_m: float32 (H, W) z-depth in metres, on the image's pixels; NaN if unknown.
        name: a readable name.
        clip: name of its video, whose samples follow in order; None: a single image.
        pose: 4x4, world from optical frame; None if unknown.
        reference: the scale reference that a robot would have: its camera's mount, or anchors;
            None if there is none.
    """

    frame: Frame
    truth_m: DepthArray
    name: str
    clip: str | None = None
    pose: FloatArray | None = None
    reference: Reference | None = None


@dataclass(frozen=True)
class Samples:
    """Samples that are read lazily, again in each iteration.

    Attributes:
        read: returns a new iterator over them.
        total: number of samples; None if unknown before reading.
        losses: the messages of a bag, or images of a folder, that were left out so far.
    """

    read: Callable[[], Iterator[Sample]]
    total: int | None = None
    losses: Losses = field(default_factory=Losses)

    def __iter__(self) -> Iterator[Sample]:
        return self.read()

    def part(self, first: int, last: int | None) -> Samples:
        """Return the samples from first (included) to last (excluded); None: to the end."""
        total = self.total
        if total is not None:
            total = len(range(total)[first:last])
        return Samples(lambda: islice(self.read(), first, last), total, self.losses)


def each(read: Callable[[Item], Sample], items: Sequence[Item]) -> Samples:
    """Return the samples that a function reads from items, in their order.

    Any error of a damaged file becomes a DatasetError that names the item.
    """
    return Samples(lambda: (read_one(read, item) for item in items), len(items))


def read_one(read: Callable[[Item], Sample], item: Item) -> Sample:
    """Return a sample.

    Raises:
        DatasetError: its files are damaged; the message contains the item's name.
    """
    try:
        return read(item)
    except DepthError:
        raise
    except Exception as error:  # errors of NumPy, OpenCV, SciPy and h5py
        named = item[0] if isinstance(item, tuple) else item
        raise DatasetError(
            f"{named} cannot be used: {type(error).__name__}: {one_line(error)}"
        ) from error
