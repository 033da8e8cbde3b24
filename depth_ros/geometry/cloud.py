"""Depth images to points: back-projection and packing, in torch, on whatever device depth is on."""

from __future__ import annotations

import torch
from torch import Tensor


def back_project(depth_m: Tensor, rays: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the points of a depth image in the camera's optical frame.

    Args:
        depth_m: (H, W) z-depth; NaN and +inf mean that there is no point.
        rays: (H, W, 2) viewing rays x/z and y/z, as Camera.rays() gives.
        out: (H, W, C >= 3) float32 to write x, y, z into, instead of new memory.

    Returns:
        (H, W, C) float32; x, y and z are all NaN where there is no point.
    """
    if out is None:
        out = depth_m.new_empty((*depth_m.shape, 3))
    # 0 times infinity or NaN is NaN: there is no point where depth is infinite or there is no ray.
    x, y = rays.unbind(-1)
    z = torch.add(depth_m, depth_m, alpha=0).add_(x, alpha=0)
    torch.mul(x, z, out=out[..., 0])
    torch.mul(y, z, out=out[..., 1])
    out[..., 2] = z
    return out


class CloudPacker:
    """Fills PointCloud2 payloads: x, y, z (+ rgb) float32, for images of one size.

    It owns device buffers that every call reuses; a returned payload is valid until the next call.
    """

    def __init__(self, rays: Tensor, colour: bool, stride: int = 1) -> None:
        # One plane of x/z and one of y/z, which are read one after the other.
        self._rays = rays[::stride, ::stride].movedim(-1, 0).contiguous().movedim(0, -1)
        self._stride, self._colour = stride, colour
        channels = 4 if colour else 3
        height, width = self._rays.shape[:2]
        self._points = torch.zeros(height, width, channels, device=rays.device)
        self._dense = torch.empty(height * width, channels, device=rays.device)

    def pack(self, depth_m: Tensor, rgb: Tensor | None, organised: bool) -> Tensor:
        """Return the payload as uint8 (H, W, bytes) when organised, else (N, bytes).

        Args:
            depth_m: (H, W) z-depth at the image's resolution.
            rgb: uint8 (H, W, 3), needed when the cloud has colour.
            organised: keep one point per pixel, with NaN for none.
        """
        step = self._stride
        points = back_project(depth_m[::step, ::step], self._rays, self._points)
        if self._colour:
            assert rgb is not None
            _pack_colour(rgb[::step, ::step], points)
        if not organised:
            points = self._select(points.flatten(0, 1))
        return points.view(torch.uint8)

    def _select(self, points: Tensor) -> Tensor:
        """Return those of points (H * W, channels) that are not NaN."""
        indices = (points[:, 2] < torch.inf).nonzero()[:, 0]
        if len(indices) == len(points):
            return points
        return torch.index_select(points, 0, indices, out=self._dense[: len(indices)])


def _pack_colour(rgb: Tensor, points: Tensor) -> None:
    """Write 0x00RRGGBB into the fourth float of each point (little-endian: bytes b, g, r, 0)."""
    packed = points.view(torch.uint8)
    for channel in range(3):
        packed[..., 14 - channel] = rgb[..., channel]
