"""Training batches: images with depth and the viewing rays of their cameras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.geometry.camera import Camera
from depth_ros.training.render import random_frames
from depth_ros.training.scenes import Robot

_POOL_FRAMES = 1024


class Batch(NamedTuple):
    """Frames of one size.

    Attributes:
        rgb: uint8 (B, H, W, 3).
        depth_m: (B, H, W) z-depth; values that are not finite and positive are no labels.
        rays: (B, H, W, 2) viewing rays x/z and y/z; NaN for pixels without a ray.
        f_px: (B,) focal lengths.
    """

    rgb: Tensor
    depth_m: Tensor
    rays: Tensor
    f_px: Tensor

    def to(self, device: str) -> Batch:
        """Return the batch on a device."""
        return Batch(*(part.to(device) for part in self))

    def canonical_m(self, f_px: float) -> Tensor:
        """Return depth as if all cameras had a focal length, the canonical camera of Metric3D."""
        return self.depth_m * (f_px / self.f_px)[:, None, None]

    def mirrored(self, which: Tensor) -> Batch:
        """Return the frames, with those selected by which, bool (B,), mirrored."""
        rgb, depth_m, rays = self.rgb.clone(), self.depth_m.clone(), self.rays.clone()
        rgb[which], depth_m[which] = rgb[which].flip(2), depth_m[which].flip(2)
        rays[which] = rays[which].flip(2) * rays.new_tensor([-1.0, 1.0])
        return Batch(rgb, depth_m, rays, self.f_px)


class Rgbd(NamedTuple):
    """A recorded image, uint8 (H, W, 3), with its depth in metres (H, W) and its camera."""

    rgb: ImageArray
    depth_m: DepthArray
    camera: Camera


class Frames(Protocol):
    """A source of batches. The batch of a step depends on the step alone, not on those before."""

    def start(self, step: int) -> None:
        """Prepare to draw the batches from a step on."""

    def draw(self, step: int) -> Batch:
        """Return a step's batch."""


class FramePool:
    """A pool of rendered frames: every step replaces a few and draws a batch.

    Rendering costs about as much as a training step, so a frame is used several times. The pool's
    content depends on seed and step alone: a resumed run uses the same frames.

    Args:
        seed: determines every frame.
        robot: ranges of the cameras' poses and lenses.
        width, height: of the frames.
        fresh: newly rendered frames per step.
        batch: frames per step.
        labels: share of the pixels that have depth, chosen once for each frame.
    """

    def __init__(
        self,
        seed: int,
        robot: Robot,
        width: int,
        height: int,
        fresh: int,
        batch: int,
        labels: float = 1.0,
    ) -> None:
        self._seed, self._robot, self._size = seed, robot, (width, height)
        self._fresh, self._batch, self._labels = fresh, batch, labels
        self._pool = Batch(
            torch.zeros(_POOL_FRAMES, height, width, 3, dtype=torch.uint8),
            torch.zeros(_POOL_FRAMES, height, width),
            torch.zeros(_POOL_FRAMES, height, width, 2),
            torch.zeros(_POOL_FRAMES),
        )

    def start(self, step: int) -> None:
        """Render the pool's frames before a step."""
        rounds = _POOL_FRAMES // self._fresh
        for before in tqdm(range(step - rounds, step), desc="first frames", leave=False):
            self._refresh(before)

    def _refresh(self, step: int) -> None:
        # Seeds must not be negative, and the pool's first rounds are before step 0.
        rng = np.random.default_rng((self._seed, step + _POOL_FRAMES))
        frames, cameras = random_frames(rng, self._robot, *self._size, self._fresh)
        first = step * self._fresh % _POOL_FRAMES
        slots = torch.arange(first, first + self._fresh) % _POOL_FRAMES
        self._pool.rgb[slots] = frames.rgb
        self._pool.depth_m[slots] = sparse(frames.depth_m, self._labels, rng)
        rays = np.stack([camera.rays() for camera in cameras])
        self._pool.rays[slots] = torch.from_numpy(rays)
        self._pool.f_px[slots] = torch.tensor(
            [camera.f_px for camera in cameras], dtype=torch.float32
        )

    def draw(self, step: int) -> Batch:
        """Return a step's batch, with random colours, half of it mirrored."""
        self._refresh(step)
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        chosen = torch.randint(_POOL_FRAMES, (self._batch,), generator=generator)
        batch = Batch(*(part[chosen] for part in self._pool))
        batch = batch.mirrored(torch.rand(self._batch, generator=generator) < 0.5)
        return batch._replace(rgb=jitter(batch.rgb, generator))


class Shapes:
    """Pools of several shapes, used in turn.

    Args:
        pools: one for each shape.
    """

    def __init__(self, pools: Sequence[FramePool]) -> None:
        self._pools = pools

    def start(self, step: int) -> None:
        """Prepare every pool."""
        count = len(self._pools)
        for index, pool in enumerate(self._pools):
            # The pool's own first step from here on.
            pool.start((step + (index - step) % count) // count)

    def draw(self, step: int) -> Batch:
        """Return a step's batch."""
        return self._pools[step % len(self._pools)].draw(step // len(self._pools))


def sparse(depth_m: Tensor, labels: float, rng: np.random.Generator) -> Tensor:
    """Return depth with NaN for all but a share of the pixels, up to 1, chosen at random."""
    if labels >= 1:
        return depth_m
    dropped = torch.from_numpy(rng.random(depth_m.shape) >= labels)
    return depth_m.masked_fill(dropped, torch.nan)


def jitter(rgb: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with random brightness, contrast and colour balance."""
    count = len(rgb)
    gain = 1 + 0.3 * (torch.rand(count, 1, 1, 3, generator=generator) - 0.5)
    gain = gain * (1 + 0.5 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5))
    power = 1 + 0.5 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    return (255 * (rgb / 255 * gain).clamp(0, 1) ** power).to(torch.uint8)
