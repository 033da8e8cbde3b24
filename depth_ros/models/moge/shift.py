"""Solves for the depth shift of a point map: its depth is known up to an added constant."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from depth_ros.models.moge.network import view_plane

_SIDE = 64
_STEPS, _ENOUGH = 20, 1e-4
_FARTHEST = 10.0
"""Limit of the shift in mean depths: points that fit no camera would go to infinity."""
_DAMPING, _LESS, _MORE = 1e-3, 0.2, 8.0
_TINY = 1e-12


class Pose(NamedTuple):
    """Transforms points into the camera's frame.

    Attributes:
        shift: (B,) added to their depth.
        focal: (B,) focal length in half diagonals of the image.
    """

    shift: Tensor
    focal: Tensor


class _Fit(NamedTuple):
    """Quality of a shift: its cost (B,), and slope and curvature of half the cost."""

    cost: Tensor
    slope: Tensor
    curvature: Tensor
    focal: Tensor


def solve(points: Tensor, mask: Tensor, focal: Tensor | None = None) -> Pose:
    """Return the shift with which points project onto their own pixels, by least squares.

    min sum |f xy / (z + shift) - uv|^2 over 64x64 pixels of the mask, from shift 0, as upstream's
    recover_focal_shift(). Upstream uses scipy's Levenberg-Marquardt; this is the same method on the
    points' own device, with a fixed number of steps. Both stop when a step gains almost nothing.

    Args:
        points: (B, H, W, 3).
        mask: bool (B, H, W) of valid pixels; with fewer than two the shift is 0.
        focal: (B,) in half diagonals of the image; None: it is estimated too.
    """
    xyz, uv, ignored = _sample(points, mask)
    shift = torch.zeros_like(xyz[:, 0, 0])
    damping = torch.full_like(shift, _DAMPING)
    counted = (~ignored).sum(1).clamp_min(1)
    limit = _FARTHEST * _total(xyz[..., 2].abs(), ignored) / counted
    now, going = _fit(xyz, uv, ignored, focal, shift), torch.ones_like(shift, dtype=torch.bool)
    for _ in range(_STEPS):
        step = now.slope / (now.curvature * (1 + damping)).clamp_min(_TINY)
        moved = (shift - step).maximum(-limit).minimum(limit)
        tried = _fit(xyz, uv, ignored, focal, moved)
        better = going & (tried.cost < now.cost)  # False for NaN
        going = going & ~(better & (now.cost - tried.cost <= _ENOUGH * now.cost))
        shift = torch.where(better, moved, shift)
        now = _Fit(*(torch.where(better, new, old) for new, old in zip(tried, now, strict=True)))
        damping = damping * (_MORE - (_MORE - _LESS) * better)
    few = (~ignored).sum(1) < 2
    return Pose(shift.masked_fill(few, 0.0), now.focal.masked_fill(few, 1.0))


def _sample(points: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return points (B, N, 3), their image positions (N, 2), and which are ignored."""
    height, width = points.shape[1:3]
    down, across = (
        torch.arange(_SIDE, device=points.device) * side // _SIDE for side in (height, width)
    )
    plane = view_plane(height, width, points.device)
    xyz, uv, counts = (
        each.index_select(axis, down).index_select(axis + 1, across)
        for each, axis in ((points, 1), (plane, 0), (mask, 1))
    )
    return xyz.flatten(1, 2), uv.flatten(0, 1), ~counts.flatten(1)


def _fit(xyz: Tensor, uv: Tensor, ignored: Tensor, focal: Tensor | None, shift: Tensor) -> _Fit:
    z = xyz[..., 2] + shift[:, None]
    ray = xyz[..., :2] / z[..., None]
    turned = -ray / z[..., None]  # its derivative with respect to the shift
    along, onto = (ray * uv).sum(-1), ray.square().sum(-1)
    if focal is None:
        # The best focal length for this shift, and how it changes with the shift.
        top, bottom = _total(along, ignored), _total(onto, ignored).clamp_min(_TINY)
        f = top / bottom
        bent = _total((turned * uv).sum(-1), ignored) - 2 * f * _total(
            (ray * turned).sum(-1), ignored
        )
        slope_f = bent / bottom
    else:
        f, slope_f = focal, torch.zeros_like(focal)
    residual = f[:, None, None] * ray - uv
    change = f[:, None, None] * turned + slope_f[:, None, None] * ray
    return _Fit(
        _total(residual.square().sum(-1), ignored),
        _total((residual * change).sum(-1), ignored),
        _total(change.square().sum(-1), ignored),
        f,
    )


def _total(values: Tensor, ignored: Tensor) -> Tensor:
    """Return the sum (B,) of the valid values (B, N); ignored ones may be anything."""
    return values.masked_fill(ignored, 0.0).sum(1)
