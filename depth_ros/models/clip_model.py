"""The interface of models that see a whole recording at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.models.base import ModelEntry


class ClipModel(ABC):
    """A loaded network that processes many frames of a recording together, also future ones.

    Its values are correct up to one scale and one shift, which are the same for all frames.
    """

    entry: ModelEntry

    @abstractmethod
    def predict_clip(
        self,
        frames: Callable[[int], ImageArray],
        count: int,
        seed: int = 42,
        progress: Callable[[float], None] | None = None,
    ) -> Iterator[DepthArray]:
        """Yield values (H, W), of the kind entry.output, for every frame in order.

        Args:
            frames: returns rgb (H, W, 3) by index, all of one size; called once for each frame, in
                order.
            count: number of frames.
            seed: noise seed.
            progress: called with the fraction of the work that is done, 0 to 1.

        Raises:
            ModelError: there are no frames, or one is not an image or of another size.
        """
