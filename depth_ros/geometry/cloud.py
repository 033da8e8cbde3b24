"""Depth images to points: back-projection and packing, in torch, on the device of depth."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import torch
from torch import Tensor

Allocate = Callable[[int], Tensor]
"""Returns contiguous memory for the given number of float32 values."""


def back_project(depth_m: Tensor, rays: Tensor) -> Tensor:
    """Return the points of a depth image in the camera's optical frame.

    Args:
        depth_m: (H, W) z-depth; NaN and +inf mean no point.
        rays: (H, W, 2) viewing rays x/z and y/z, see Camera.rays().

    Returns:
        (H, W, 3) float32; x, y and z are all NaN if there is no point.
    """
    return torch.stack(coordinates(depth_m, *rays.unbind(-1)), -1)


def coordinates(
    depth_m: Tensor, x: Tensor, y: Tensor, without: Tensor | None = None
) -> list[Tensor]:
    """Return the coordinates x, y, z (H, W) of the points of a depth image, see points_of()."""
    across = x * depth_m
    # depth + 0 * x * depth: NaN if depth is infinite or there is no ray.
    z = torch.add(depth_m, across, alpha=0)
    if without is not None:
        z.masked_fill_(without, torch.nan)
    return [torch.mul(x, z, out=across), y * z, z]


class CloudPacker:
    """Fills PointCloud2 payloads: x, y, z (+ rgb) float32, for images of one size.

    All calls share its device buffers; a payload in them is valid until the next call.
    """

    def __init__(self, rays: Tensor, colour: bool, stride: int = 1) -> None:
        # One contiguous plane of x/z and one of y/z are faster to read.
        self._x, self._y = (plane.contiguous() for plane in rays[::stride, ::stride].unbind(-1))
        self._stride, self._colour = stride, colour
        self._points = torch.empty(*self._x.shape, 4 if colour else 3, device=rays.device)
        self._dense = torch.empty(self._points.numel(), device=rays.device)

    def pack(
        self,
        depth_m: Tensor,
        rgb: Tensor | None,
        organised: bool,
        allocate: Allocate | None = None,
        without: Tensor | None = None,
    ) -> Tensor:
        """Return the payload as uint8 (H, W, bytes) when organised, else (N, bytes).

        Args:
            depth_m: (H, W) z-depth at the image's resolution.
            rgb: uint8 (H, W, 3), needed if the cloud has colour.
            organised: keep one point per pixel, NaN if there is none.
            allocate: returns the payload's memory, on depth's device; None: use the packer's own.
            without: bool (H, W), pixels to leave out.
        """
        step, allocate = self._stride, allocate or self._own
        if without is not None:
            without = without[::step, ::step]
        planes = coordinates(depth_m[::step, ::step], self._x, self._y, without)
        if self._colour:
            assert rgb is not None
            planes.append(packed_colours(rgb[::step, ::step]))
        height, width, channels = self._points.shape
        indices = None if organised else (planes[2] < torch.inf).flatten().nonzero()[:, 0]
        if indices is None or len(indices) == height * width:
            memory = allocate(self._points.numel())
            points = torch.stack(planes, -1, out=memory.view(height, width, channels))
            return (points if organised else points.flatten(0, 1)).view(torch.uint8)
        points = torch.stack(planes, -1, out=self._points).flatten(0, 1)
        memory = allocate(len(indices) * channels).view(len(indices), channels)
        return torch.index_select(points, 0, indices, out=memory).view(torch.uint8)

    def _own(self, count: int) -> Tensor:
        return self._dense[:count]


def points_of(
    depth_m: Tensor, x: Tensor, y: Tensor, rgb: Tensor | None, without: Tensor | None = None
) -> Tensor:
    """Return x, y, z and, with rgb, packed colour: float32 (H, W, 3 or 4), NaN without a point.

    Args:
        depth_m: (H, W) z-depth.
        x, y: (H, W) viewing rays x/z and y/z.
        rgb: uint8 (H, W, 3); None: without colour.
        without: bool (H, W), pixels to leave out.
    """
    planes = coordinates(depth_m, x, y, without)
    if rgb is not None:
        planes.append(packed_colours(rgb))
    return torch.stack(planes, -1)


def compacted(points: Tensor) -> tuple[Tensor, Tensor]:
    """Move the valid points of (H, W, C) to the front, in order: return (H * W, C) and their count.

    Rows are computed by a prefix sum, so that the count, a 0-dimensional int64 tensor, need not be
    known on the host. Rows after the count are undefined.
    """
    flat = points.flatten(0, 1)
    valid = flat[:, 2] < torch.inf  # not NaN either
    ends = valid.cumsum(0)
    # Invalid points go to an extra row at the end.
    rows = (ends - 1).masked_fill_(~valid, len(flat))
    packed = flat.new_empty(len(flat) + 1, flat.shape[1])
    packed.index_copy_(0, rows, flat)
    return packed[:-1], ends[-1]


def packed_colours(rgb: Tensor) -> Tensor:
    """Return colours, uint8 (H, W, 3), as the float32 (H, W) whose bits are 0x00RRGGBB."""
    if rgb.device.type == "cpu":  # OpenCV is several times faster
        # Bytes b, g, r, 255 in little-endian memory.
        bgra = torch.from_numpy(cv2.cvtColor(rgb.numpy(), cv2.COLOR_RGB2BGRA))
        bits = bgra.view(torch.int32)[..., 0].bitwise_and_(0xFFFFFF)
    else:
        bits = bits_of(rgb)
    return bits.view(torch.float32)


def bits_of(rgb: Tensor) -> Tensor:
    """Return colours, uint8 (H, W, 3), as int32 0x00RRGGBB (H, W), on any device."""
    red, green, blue = rgb.unbind(-1)
    return red.to(torch.int32).mul_(256).add_(green).mul_(256).add_(blue)
