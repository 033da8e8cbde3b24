"""The rays of a camera's points on a device, and the depth of the ground along them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from depth_ros.geometry.camera import Camera
from depth_ros.scale.ground import Mount

_TABLES = 8
_LEAST_FALL = 0.1  # per metre of depth: beyond ten camera heights the angle is too shallow


class Rays(NamedTuple):
    """Rays (h, w) x/z and y/z, and their length to z-depth 1 m; NaN: no ray."""

    x: Tensor
    y: Tensor
    length: Tensor


class RayTables:
    """Keeps the rays and the ground of the most recently used cameras.

    Args:
        send: copies a tensor from the host to the device of the tables.
    """

    def __init__(self, send: Callable[[Tensor], Tensor]) -> None:
        # Not cached methods: the reference cycle would keep the device's memory.
        self.rays = rays = lru_cache(_TABLES)(lambda camera, step: _rays(camera, step, send))
        """Return the Rays of every step-th pixel and row of a camera."""
        self.ground_m = lru_cache(_TABLES)(
            lambda camera, step, mount: _ground_m(rays(camera, step), mount)
        )
        """Return the z-depth (h, w) of the ground below a mount; NaN: not met, or far away."""


def _rays(camera: Camera, step: int, send: Callable[[Tensor], Tensor]) -> Rays:
    x, y = send(torch.from_numpy(camera.rays()[::step, ::step].copy())).unbind(-1)
    length = (x * x).addcmul_(y, y).add_(1).sqrt_()
    return Rays(x.contiguous(), y.contiguous(), length)


def _ground_m(rays: Rays, mount: Mount) -> Tensor:
    x, y, z = mount.down
    falls = rays.x * x + rays.y * y + z
    return mount.height_m / falls.masked_fill(~(falls > _LEAST_FALL), torch.nan)
