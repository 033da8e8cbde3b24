"""Batches from several sources: recordings, datasets and rendered rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from depth_ros.arrays import FloatArray
from depth_ros.training.disturb import disturb
from depth_ros.training.frames import Batch
from depth_ros.training.store import FrameStore
from depth_ros.training.views import Views, random_views


@dataclass(frozen=True)
class Source:
    """Frames with a sampling weight.

    Attributes:
        stores: the frames, one store for each size.
        weight: relative share of the drawn frames.
    """

    stores: Sequence[FrameStore]
    weight: float = 1.0


class Mixture:
    """Random views of frames from several sources. A batch has one shape.

    A batch depends on seed and step alone: a resumed run uses the same frames.

    Args:
        sources: the frames.
        shapes: heights and widths of batches; every step uses one of them.
        batch: frames per step.
        seed: determines every batch.
        views: ranges of the random views.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        shapes: Sequence[tuple[int, int]],
        batch: int,
        seed: int,
        views: Views | None = None,
    ) -> None:
        self._stores = [store for source in sources for store in source.stores]
        self._chances = np.concatenate([_chances(source) for source in sources])
        self._chances /= self._chances.sum()
        self._shapes, self._batch, self._seed = list(shapes), batch, seed
        self._views = views or Views()

    def start(self, step: int) -> None:
        """Do nothing: all frames are in memory."""

    def draw(self, step: int) -> Batch:
        """Return a step's batch."""
        rng = np.random.default_rng((self._seed, step))
        height, width = self._shapes[rng.integers(len(self._shapes))]
        counts = rng.multinomial(self._batch, self._chances)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        parts = []
        for store, count in zip(self._stores, counts, strict=True):
            if count:
                chosen = torch.from_numpy(rng.integers(len(store), size=count))
                frames = store.take(chosen.to(store.rgb.device, non_blocking=True))
                parts.append(random_views(frames, height, width, self._views, generator))
        batch = Batch(*(torch.cat(part) for part in zip(*parts, strict=True)))
        device = batch.rgb.device
        order = torch.from_numpy(rng.permutation(self._batch)).to(device, non_blocking=True)
        batch = Batch(*(part[order] for part in batch))
        disturbances = torch.Generator(device).manual_seed(int(rng.integers(2**31)))
        return disturb(batch, disturbances)


def _chances(source: Source) -> FloatArray:
    """Return the probabilities of the source's stores, equal for each frame."""
    counts = np.array([len(store) for store in source.stores], np.float64)
    chances: FloatArray = source.weight * counts / counts.sum()
    return chances
