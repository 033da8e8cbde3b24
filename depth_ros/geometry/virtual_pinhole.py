"""The pinhole camera that shows a network what a camera with a lens sees, and the way back.

Networks are trained on pinhole images. Along a pinhole's optical axis z-depth is the same for both
cameras, because they share that axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from depth_ros.arrays import FloatArray
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.sampler import DeviceSampler, HostSampler, Sampler

MAX_FOV_DEG = 120.0
"""Maximum field of view of a virtual pinhole, across and down. Beyond it a pinhole shows mostly its
rim, and networks are less accurate also at its centre (python -m benchmarks.fisheye)."""

_CAMERAS = 16
_OUTSIDE_PX = 1e6
_STEPS_INWARDS = 65
_MOST_GROWTH = 2.5  # a fisheye of 120 degrees needs 1.65; limits memory if a calibration is wrong


@lru_cache(maxsize=_CAMERAS)
def virtual_pinhole(camera: Camera) -> Camera | None:
    """Return the pinhole camera that replaces a camera; None if it is a pinhole already.

    It has the camera's optical frame, aspect ratio, and focal lengths in pixels, which a lens
    changes towards the rim only: the resolution at the principal point is kept. Its field of view
    is the camera's own, across or down, whichever needs the larger image, but at most MAX_FOV_DEG.
    Where the image's sides curve inwards, it sees a little beyond them.
    """
    plain = camera.lens == "none" or (camera.lens != "equidistant" and not any(camera.coefficients))
    if plain and not camera.skew:
        return None
    growth = _growth(camera)
    shown = replace(
        camera,
        fx=camera.fx / growth,
        fy=camera.fy / growth,
        lens="none",
        coefficients=(),
        skew=0.0,
        turns=0,
    )
    sides = (max(1, round(growth * side)) for side in (camera.width, camera.height))
    return shown.scale(*sides)


def _growth(camera: Camera) -> float:
    """Return the size of the virtual image over that of the camera's."""
    right, bottom = camera.width - 0.5, camera.height - 0.5
    middle = np.array([right - 0.5, bottom - 0.5]) / 2
    ends = np.array([(-0.5, middle[1]), (right, middle[1]), (middle[0], -0.5), (middle[0], bottom)])
    # From the middle of each side inwards: further out, a lens may have no rays.
    pixels = ends + (middle - ends) * np.linspace(0, 1, _STEPS_INWARDS)[:, None, None]
    linear = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.hypot(*camera.unproject(pixels).T) / np.hypot(*linear.T)
    outermost = np.isfinite(growth).argmax(axis=1)
    wanted = float(np.nan_to_num(growth[range(len(ends)), outermost], nan=1.0).max())
    widest = math.tan(math.radians(MAX_FOV_DEG / 2)) / float(np.abs(linear).max())
    return min(wanted, widest, _MOST_GROWTH)


def share_unseen(camera: Camera, pinhole: Camera) -> float:
    """Return the share of a camera's pixels that a pinhole with its optical frame does not see."""
    return float(np.isnan(_seen_pixels(camera, pinhole)[..., 0]).mean())


class VirtualView:
    """Images as a virtual pinhole sees them, and its values back on the pixels of the camera.

    Args:
        camera: the real camera.
        pinhole: virtual_pinhole() of it.
        send: copies a tensor from the host to the device of the images.
    """

    def __init__(self, camera: Camera, pinhole: Camera, send: Callable[[Tensor], Tensor]) -> None:
        self.camera, self.pinhole = camera, pinhole
        back = _seen_pixels(camera, pinhole)
        self._unseen = send(torch.from_numpy(np.isnan(back[..., 0])))
        self._image = self._sampler(_pixels(pinhole, camera), camera, send)
        self._values = self._sampler(np.nan_to_num(back), pinhole, send)

    def _sampler(self, pixels: FloatArray, of: Camera, send: Callable[[Tensor], Tensor]) -> Sampler:
        if self._unseen.device.type == "cpu":
            return HostSampler(pixels)
        return DeviceSampler(pixels, (of.width, of.height), send)

    def image(self, rgb: Tensor) -> Tensor:
        """Return images uint8 (B, H, W, 3) as the pinhole sees them, uint8 (B, h, w, 3).

        Beyond the image's edges it sees the colours at the edges, which disturb networks less than
        black.
        """
        return self._image.smooth(rgb)

    def values(self, seen: Tensor) -> Tensor:
        """Return maps (B, h, w) of the pinhole on the camera's pixels (B, H, W).

        They are interpolated; next to a value that is not finite the nearest one is used. NaN for
        pixels that the pinhole does not see.
        """
        smooth = self._values.smooth(seen)
        values = torch.where(smooth.isfinite(), smooth, self._values.nearest(seen))
        return values.masked_fill_(self._unseen, torch.nan)

    def pixels(self, pixels: FloatArray) -> FloatArray:
        """Return the pinhole's pixels (N, 2) of the camera's; NaN where it does not see them."""
        found = self.pinhole.project(_ahead(self.camera.unproject(pixels)))
        return _inside(found, self.pinhole)


def _ahead(rays: FloatArray) -> FloatArray:
    """Return points (..., 3) on rays (..., 2), at a depth of 1."""
    return np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)


def _inside(pixels: FloatArray, camera: Camera) -> FloatArray:
    """Return pixels (..., 2), NaN for those outside of the camera's image."""
    ends = np.array([camera.width, camera.height]) - 0.5
    inside = np.all((pixels >= -0.5) & (pixels <= ends), axis=-1, keepdims=True)
    return np.where(inside, pixels, np.nan)


def _pixels(pinhole: Camera, camera: Camera) -> FloatArray:
    """Return a camera's pixels (h, w, 2) for those of the pinhole, also outside of its image."""
    rays = pinhole.rays().astype(np.float64)
    found = camera.project(_ahead(rays))
    # Where the lens has no pixel: outside, in the ray's direction.
    return np.where(np.isnan(found), _OUTSIDE_PX * rays, found)


def _seen_pixels(camera: Camera, pinhole: Camera) -> FloatArray:
    """Return the pinhole's pixels (H, W, 2) for those of a camera; NaN outside of its image."""
    return _inside(pinhole.project(_ahead(camera.rays().astype(np.float64))), pinhole)
