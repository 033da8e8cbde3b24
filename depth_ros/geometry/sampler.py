"""Images read at the pixels of another camera, on the host and on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.arrays import FloatArray


class Sampler(Protocol):
    """Reads images (B, H, W) or (B, H, W, 3) at given pixels (h, w, 2).

    Outside of the image it reads the pixels at its edge.
    """

    def smooth(self, images: Tensor) -> Tensor:
        """Return bilinearly interpolated values; those of uint8 images are rounded."""

    def nearest(self, images: Tensor) -> Tensor:
        """Return the values of the nearest pixels."""


class HostSampler:
    """Samples on the CPU with OpenCV, which takes a fraction of torch's time; see Sampler.

    Args:
        pixels: u and v (h, w, 2), finite.
    """

    def __init__(self, pixels: FloatArray) -> None:
        places = pixels.astype(np.float32)
        nothing: Any = None  # the second map, which OpenCV's types forbid to be missing
        self._places = cv2.convertMaps(places, nothing, cv2.CV_16SC2)
        self._nearest = cv2.convertMaps(places, nothing, cv2.CV_16SC2, nninterpolation=True)

    def smooth(self, images: Tensor) -> Tensor:
        """Return bilinearly interpolated values, at the nearest 1/32 of a pixel."""
        return _remapped(images, self._places, cv2.INTER_LINEAR)

    def nearest(self, images: Tensor) -> Tensor:
        """Return the values of the nearest pixels."""
        return _remapped(images, self._nearest, cv2.INTER_NEAREST)


def _remapped(images: Tensor, places: tuple[Any, Any], mode: int) -> Tensor:
    edge = cv2.BORDER_REPLICATE
    found = [cv2.remap(each.numpy(), *places, mode, borderMode=edge) for each in images]
    return torch.from_numpy(np.stack(found))


class DeviceSampler:
    """Samples on the images' device, without waiting for it; see Sampler.

    Args:
        pixels: u and v (h, w, 2), finite.
        size: width and height of the images.
        send: copies a tensor from the host to the device.
    """

    def __init__(
        self, pixels: FloatArray, size: tuple[int, int], send: Callable[[Tensor], Tensor]
    ) -> None:
        places = (pixels + 0.5) * 2 / size - 1  # of grid_sample: -1 and 1 are the image's edges
        self._places = send(torch.from_numpy(places.astype(np.float32))[None])

    def smooth(self, images: Tensor) -> Tensor:
        """Return bilinearly interpolated values; those of uint8 images are rounded."""
        found = self._sampled(images, "bilinear")
        return found if images.is_floating_point() else found.round_().to(images.dtype)

    def nearest(self, images: Tensor) -> Tensor:
        """Return the values of the nearest pixels."""
        return self._sampled(images, "nearest").to(images.dtype)

    def _sampled(self, images: Tensor, mode: str) -> Tensor:
        """Return values (B, h, w, ...), float32."""
        planes = images.reshape(*images.shape[:3], -1).movedim(-1, 1).float()
        places = self._places.expand(len(images), -1, -1, -1)
        found = functional.grid_sample(planes, places, mode, "border", align_corners=False)
        return found.movedim(1, -1).reshape(*found.shape[:1], *found.shape[2:], *images.shape[3:])
