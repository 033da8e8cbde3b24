"""Light on surfaces: lamps, windows and the sun with soft shadows, contacts, highlights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from depth_ros.training.rooms import tracing
from depth_ros.training.rooms.tracing import Shapes, Surface

_LIFT_M = 2e-3  # shadow rays start this far from their surface
_REACHES_M = (0.08, 0.35)
_CONTACT = 0.55
_SHININESS = 30.0
_TINY = 1e-12


class Lights(NamedTuple):
    """Rooms' lights, padded with dark ones to equal counts: (B, L, LIGHT_FIELDS), (B, 3)."""

    table: Tensor
    ambient: Tensor

    @property
    def colour(self) -> Tensor:
        """Colours, (B, L, 3)."""
        return self.table[..., 9:12]

    def targets(self, jitter: Tensor) -> Tensor:
        """Return points on the lights (B, L, 3, P), at jitter (2, P) in [-1, 1]."""
        centre, a, b = (self.table[..., i : i + 3, None] for i in (0, 3, 6))
        return centre + a * jitter[0] + b * jitter[1]

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the lowest and highest corners (B, L, 3) of the lights' gates."""
        centre, a, b = (self.table[..., i : i + 3] for i in (0, 3, 6))
        reach = a.abs() + b.abs()
        axis, place, low, high, bottom, top = self.table[..., 14:20].unbind(-1)
        lows = torch.stack(
            [torch.where(axis == 0, place, low), torch.where(axis == 0, low, place), bottom], -1
        )
        highs = torch.stack(
            [torch.where(axis == 0, place, high), torch.where(axis == 0, high, place), top], -1
        )
        gated = (axis >= 0)[..., None]
        return (
            torch.where(gated, lows, centre - reach),
            torch.where(gated, highs, centre + reach),
        )

    def enters(self, points: Tensor, ahead: Tensor) -> Tensor:
        """Return whether rays (B, L, 3, P) pass the lights' gates, bool (B, L, P)."""
        axis, place, low, high, bottom, top = self.table[..., 14:20, None].unbind(2)
        across_x = axis == 0
        step = torch.where(across_x, ahead[:, :, 0], ahead[:, :, 1])
        start = torch.where(across_x, points[:, :, 0], points[:, :, 1])
        t = (place - start) / torch.where(step.abs() < 1e-6, 1e-6, step)
        side = torch.where(
            across_x,
            points[:, :, 1] + t * ahead[:, :, 1],
            points[:, :, 0] + t * ahead[:, :, 0],
        )
        z = points[:, :, 2] + t * ahead[:, :, 2]
        through = (side > low) & (side < high) & (z > bottom) & (z < top) & (t > 0)
        return through | (axis < 0)


class Lit(NamedTuple):
    """Light on surfaces without shadows.

    Attributes:
        direct: (B, L, P) share of each light's strength.
        highlight: (B, L, P) share of it that a glossy surface reflects to the viewer.
    """

    direct: Tensor
    highlight: Tensor


def unshadowed(surface: Surface, rays: Tensor, lights: Lights) -> Lit:
    """Return the light on surfaces at P points, from the centres of the lights.

    Args:
        surface: the lit surfaces.
        rays: (B, 3, P) from the viewer.
        lights: of the rooms.
    """
    normal = surface.normal[:, None]
    ahead = lights.table[..., 0:3, None] - surface.points[:, None]
    distance = _length(ahead).clamp(min=0.2)
    strength = _lobe(lights, ahead, distance) / (1 + distance.square() * lights.table[:, :, 12:13])
    cosine = (_dot(ahead, normal) / distance).clamp(min=0)
    view = (rays / _length(rays, 1)[:, None])[:, None]
    half = ahead / distance[:, :, None] - view
    # Blinn, "Models of light reflection for computer synthesized pictures", 1977.
    highlight = (_dot(half, normal) / _length(half)).clamp(0, 1).pow(_SHININESS)
    return Lit(cosine * strength, highlight * strength)


def visible(
    shapes: Shapes, opaque: Tensor, surface: Surface, tiles: int, lights: Lights, jitter: Tensor
) -> Tensor:
    """Return which lights are visible from points on surfaces, bool (B, L, P).

    Args:
        shapes: of B rooms.
        opaque: bool (B, N + M), the shapes that cast shadows.
        surface: P points, in tiles.
        tiles: number of tiles.
        lights: of the rooms.
        jitter: (2, P) positions on the lights, from -1 to 1 in each direction.
    """
    points = (surface.points + _LIFT_M * surface.normal)[:, None]
    ahead = lights.targets(jitter) - points
    open_ = lights.enters(points, ahead) & (_dot(ahead, surface.normal[:, None]) > 0)
    return open_ & ~_shadows(shapes, opaque, points, ahead, open_, lights, tiles)


def ambient(shapes: Shapes, surface: Surface, tiles: int) -> Tensor:
    """Return the share (B, P) of ambient light: less near contacts and in corners.

    Occlusion is estimated from the free distance a little off the surface (Evans, "Fast
    approximations for global illumination on dynamic scenes", 2006).
    """
    points, normal = _split(surface.points[:, None], tiles), _split(surface.normal[:, None], tiles)
    bounds, real = shapes.bounds(), shapes.real()
    open_ = torch.ones_like(points[:, :, 0])
    for reach_m in _REACHES_M:
        raised = points + reach_m * normal
        mask = tracing.near((raised.amin(-1), raised.amax(-1)), bounds, reach_m) & real[:, None]
        free_m = tracing.distance_m(shapes, mask, raised, reach_m)
        open_ = open_ * (1 - _CONTACT * (1 - free_m / reach_m))
    # A little more light from above, so that faces turned away from lamps stay distinguishable.
    sky = 0.85 + 0.15 * surface.normal[:, 2] + 0.06 * surface.normal[:, 0]
    return open_.flatten(1) * sky


def _lobe(lights: Lights, ahead: Tensor, distance: Tensor) -> Tensor:
    """Return the share of its light that a light emits along rays."""
    forward = torch.linalg.cross(lights.table[..., 3:6], lights.table[..., 6:9])
    forward = (forward / _length(forward, -1)[..., None])[..., None]
    cosine = (-_dot(ahead, forward) / distance).clamp(min=0)
    return torch.where(lights.table[..., 13:14] > 0, cosine, 1.0)


def _dot(one: Tensor, other: Tensor, dim: int = 2) -> Tensor:
    """Return dot products of vectors; written out, which is faster than a reduction."""
    x, y, z = (a * b for a, b in zip(one.unbind(dim), other.unbind(dim), strict=True))
    return x + y + z


def _length(vectors: Tensor, dim: int = 2) -> Tensor:
    return _dot(vectors, vectors, dim).clamp(min=_TINY).sqrt()


def _split(tensor: Tensor, tiles: int) -> Tensor:
    """Turn (B, L, ..., P) into (B, L * T, ..., Q)."""
    split = tensor.reshape(*tensor.shape[:-1], tiles, -1).movedim(-2, 2)
    return split.flatten(1, 2)


def _shadows(
    shapes: Shapes,
    opaque: Tensor,
    points: Tensor,
    ahead: Tensor,
    wanted: Tensor,
    lights: Lights,
    tiles: int,
) -> Tensor:
    batch, count = ahead.shape[:2]
    origins = _split(points.expand_as(ahead), tiles)
    low, high = lights.bounds()
    repeated = (low.repeat_interleave(tiles, 1), high.repeat_interleave(tiles, 1))
    mask = tracing.between((origins.amin(-1), origins.amax(-1)), repeated, shapes.bounds())
    mask = mask & opaque[:, None] & _split(wanted, tiles).any(-1)[..., None]
    dark = tracing.blocked(shapes, mask, origins, _split(ahead, tiles))
    return dark.reshape(batch, count, -1)
