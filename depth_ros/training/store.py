"""Training frames in memory, on the training device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from depth_ros.errors import DepthError
from depth_ros.geometry.camera import Camera
from depth_ros.training.frames import Rgbd, sparse

_MARGIN = 1.75
"""Frames are larger than the network's input by this factor, to leave room for crops."""


@dataclass(frozen=True)
class FrameStore:
    """Frames of one size.

    Attributes:
        rgb: uint8 (N, 3, H, W).
        depth_m: float16 (N, H, W) z-depth; values that are not finite and positive are no labels.
        cameras: (N,) index of each frame's camera in rays.
        rays: float16 (C, 2, H, W) viewing rays x/z and y/z of the cameras, accurate to about a
            tenth of a pixel; NaN for pixels without a ray.
        f_px: (N,) focal lengths.
    """

    rgb: Tensor
    depth_m: Tensor
    cameras: Tensor
    rays: Tensor
    f_px: Tensor

    def __len__(self) -> int:
        return len(self.f_px)

    def to(self, device: torch.device | str) -> FrameStore:
        """Return the store on a device."""
        return FrameStore(**{name: part.to(device) for name, part in vars(self).items()})

    def take(self, chosen: Tensor) -> FrameStore:
        """Return the chosen frames."""
        return FrameStore(
            self.rgb[chosen],
            self.depth_m[chosen],
            self.cameras[chosen],
            self.rays,
            self.f_px[chosen],
        )

    def split(self, kept_out: int) -> tuple[FrameStore, FrameStore]:
        """Split off the last kept_out frames, so that neighbours in time stay together."""
        everything = torch.arange(len(self), device=self.f_px.device)
        return self.take(everything[: len(self) - kept_out]), self.take(everything[-kept_out:])


def stores_of(recorded: Iterable[Rgbd], width: int, labels: float = 1.0) -> list[FrameStore]:
    """Return stores of frames at about the network's size, one for each image size.

    Frames without any depth are left out. Depth is never interpolated.

    Args:
        recorded: read once.
        width: of the network's input; larger frames are shrunk to slightly more than that.
        labels: share of the pixels whose depth is kept, chosen once for each frame.

    Raises:
        DepthError: there is no frame.
    """
    rng = np.random.default_rng(0)
    groups: dict[tuple[int, int], list[tuple[Tensor, Tensor, Camera]]] = {}
    for each in tqdm(recorded, desc="read", unit="frame"):
        if (np.isfinite(each.depth_m) & (each.depth_m > 0)).any():
            size = _kept_size(each.camera, width)
            groups.setdefault(size, []).append(_prepare(each, size, labels, rng))
    if not groups:
        raise DepthError("there is no frame with depth to train on")
    return [_stack(frames) for frames in groups.values()]


def _kept_size(camera: Camera, width: int) -> tuple[int, int]:
    shrink = min(1.0, _MARGIN * width / max(camera.width, camera.height))
    return round(camera.height * shrink), round(camera.width * shrink)


def _prepare(
    each: Rgbd, size: tuple[int, int], labels: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Camera]:
    height, width = size
    rgb = torch.from_numpy(each.rgb.copy()).permute(2, 0, 1)[None]
    depth_m = torch.from_numpy(each.depth_m.copy())[None, None].float()
    if rgb.shape[-2:] != size:
        rgb = functional.interpolate(rgb, size, mode="bilinear", antialias=True)
        depth_m = functional.interpolate(depth_m, size, mode="nearest-exact")
    depth_m = sparse(depth_m, labels, rng)
    return rgb[0], depth_m[0, 0].half(), each.camera.scale(width, height)


def _stack(frames: list[tuple[Tensor, Tensor, Camera]]) -> FrameStore:
    known: dict[Camera, int] = {}
    of_frame = [known.setdefault(camera, len(known)) for _, _, camera in frames]
    rays = np.stack([camera.rays() for camera in known])
    return FrameStore(
        torch.stack([rgb for rgb, _, _ in frames]),
        torch.stack([depth_m for _, depth_m, _ in frames]),
        torch.tensor(of_frame),
        torch.from_numpy(rays).permute(0, 3, 1, 2).half().contiguous(),
        torch.tensor([camera.f_px for _, _, camera in frames], dtype=torch.float32),
    )
