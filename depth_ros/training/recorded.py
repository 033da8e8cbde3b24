"""Training batches out of recorded RGB-D: bags, folders, data sets."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from depth_ros.errors import DepthError
from depth_ros.geometry.camera import Camera
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.training.frames import Batch, Rgbd, jitter

# Frames are kept this much larger than the network's input, so that there is something to crop.
_MARGIN = 1.25


class RecordedFrames:
    """Recorded frames in memory, at about the network's size; every batch is of one size.

    Half of the batches are whole images, half are cut at a random place: narrower cameras whose
    axis is off the middle. Depth is never interpolated.

    Args:
        recorded: images with camera and truth; read once. Those without any truth are left out.
        preprocessing: how the network's images are sized.
        batch: frames per step.
        seed: every batch follows from it.
        labels: share of the pixels whose depth is kept, chosen once for each frame.

    Raises:
        DepthError: there is no frame.
    """

    def __init__(
        self,
        recorded: Iterable[Rgbd],
        preprocessing: Preprocessing,
        batch: int,
        seed: int,
        labels: float = 1.0,
    ) -> None:
        self._batch, self._seed = batch, seed
        rng = np.random.default_rng(seed)
        groups: dict[tuple[int, int], list[Batch]] = {}
        for each in tqdm(recorded, desc="read", unit="frame"):
            if not (np.isfinite(each.depth_m) & (each.depth_m > 0)).any():
                continue  # a batch has as many labelled pixels of each frame as the poorest one has
            size = preprocessing.network_size(each.camera.height, each.camera.width)
            groups.setdefault(size, []).append(_prepare(each, size, labels, rng))
        if not groups:
            raise DepthError("there is no frame with depth to train on, expected some")
        self._groups = {
            size: Batch(*(torch.cat(parts) for parts in zip(*frames, strict=True)))
            for size, frames in groups.items()
        }

    def start(self, step: int) -> None:
        """Everything is in memory already."""

    def draw(self, step: int) -> Batch:
        """Return a step's batch, with random colours, half of it mirrored."""
        rng = np.random.default_rng((self._seed, step))
        counts = np.array([len(group.f_px) for group in self._groups.values()])
        size = list(self._groups)[rng.choice(len(counts), p=counts / counts.sum())]
        group = self._groups[size]
        chosen = torch.from_numpy(rng.integers(len(group.f_px), size=self._batch))
        batch = _cut(Batch(*(part[chosen] for part in group)), size, rng)
        batch = batch.mirrored(torch.from_numpy(rng.random(self._batch) < 0.5))
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        return batch._replace(rgb=jitter(batch.rgb, generator))


def _prepare(each: Rgbd, size: tuple[int, int], labels: float, rng: np.random.Generator) -> Batch:
    """Return one frame, _MARGIN times as large as size."""
    height, width = (round(_MARGIN * side) for side in size)
    camera: Camera = each.camera.scale(width, height)
    rgb = torch.from_numpy(each.rgb.copy()).permute(2, 0, 1)[None].float()
    small = functional.interpolate(rgb, (height, width), mode="bilinear", antialias=True)
    depth_m = _nearest(torch.from_numpy(each.depth_m.copy())[None], height, width)
    if labels < 1:
        dropped = torch.from_numpy(rng.random(depth_m.shape) >= labels)
        depth_m = depth_m.masked_fill(dropped, torch.nan)
    return Batch(
        small.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1),
        depth_m,
        torch.from_numpy(camera.rays().copy())[None],
        torch.tensor([camera.f_px]),
    )


def _cut(batch: Batch, size: tuple[int, int], rng: np.random.Generator) -> Batch:
    """Return whole frames shrunk to size, or the same random window of that size of each."""
    height, width = size
    if rng.random() < 0.5:
        rgb = functional.interpolate(batch.rgb.permute(0, 3, 1, 2).float(), size, mode="bilinear")
        rays = functional.interpolate(batch.rays.permute(0, 3, 1, 2), size, mode="bilinear")
        return Batch(
            rgb.round().to(torch.uint8).permute(0, 2, 3, 1),
            _nearest(batch.depth_m, height, width),
            rays.permute(0, 2, 3, 1),
            batch.f_px * (width / batch.rgb.shape[2]),
        )
    top = int(rng.integers(batch.rgb.shape[1] - height + 1))
    left = int(rng.integers(batch.rgb.shape[2] - width + 1))
    rows, columns = slice(top, top + height), slice(left, left + width)
    return Batch(
        batch.rgb[:, rows, columns],
        batch.depth_m[:, rows, columns],
        batch.rays[:, rows, columns],
        batch.f_px,
    )


def _nearest(depth_m: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(depth_m[:, None], (height, width), mode="nearest-exact")[:, 0]
