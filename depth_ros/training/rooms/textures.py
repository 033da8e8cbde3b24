"""Colours of surfaces: patterns of physical size and noise of several octaves.

Details smaller than a pixel fade, as in a camera.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.training.rooms.materials import Pattern

_SIDE = 128
_HASHES = 4096
_OCTAVES = 4
_PATTERN, _U, _V, _GRAIN, _GRAIN_M, _PHASE, _DIRT = 6, 7, 8, 9, 10, 11, 14
_STRETCH = 10.0  # of wood's grain along the wood
# Widths of joints in metres, and how far each row is offset by.
_JOINT_M = {Pattern.TILES: 0.005, Pattern.PLANKS: 0.003, Pattern.BRICKS: 0.011}
_TINT = {Pattern.TILES: 0.06, Pattern.PLANKS: 0.25, Pattern.BRICKS: 0.3}


class _Cells(NamedTuple):
    """The unit of a pattern that contains a point: its integer index, and 0 to 1 inside it."""

    column: Tensor
    row: Tensor
    u: Tensor
    v: Tensor


def albedo(material: Tensor, uv: Tensor, unit: Tensor, footprint_m: Tensor) -> Tensor:
    """Return reflectances (B, 3, P).

    Args:
        material: (B, FIELDS, P), see Material.row().
        uv: (B, 2, P) metres along and up the face.
        unit: (B, 2, P) the same as shares of the face.
        footprint_m: (B, P) a pixel's size on the surface.
    """
    kind = material[:, _PATTERN]
    cells = _cells(kind, uv, material)
    share = _share(kind, cells, material, footprint_m)
    colour = torch.lerp(material[:, 0:3], material[:, 3:6], share[:, None])
    colour = colour * _tint(kind, cells, material[:, _PHASE])[:, None]
    for pattern, paint in (
        (Pattern.PICTURE, _picture),
        (Pattern.BOOKS, _books),
        (Pattern.OUTSIDE, _outside),
    ):
        chosen = kind == pattern
        if bool(chosen.any()):
            colour = torch.where(chosen[:, None], paint(material, unit, cells), colour)
    grain = _grain(kind, uv, cells, material, footprint_m)
    stains = _noise(uv / 0.7, material[:, _PHASE] + 7).clamp(min=0)
    light = (1 + material[:, _GRAIN] * grain) * (1 - material[:, _DIRT] * stains)
    painted: Tensor = (colour * light[:, None]).clamp(0.005, 1)
    return painted


def _is(kind: Tensor, *patterns: Pattern) -> Tensor:
    found = kind == patterns[0]
    for pattern in patterns[1:]:
        found = found | (kind == pattern)
    return found


def _cells(kind: Tensor, uv: Tensor, material: Tensor) -> _Cells:
    v = uv[:, 1] / material[:, _V]
    row = v.floor()
    shift = torch.where(kind == Pattern.BRICKS, 0.5 * row, torch.zeros_like(row))
    shift = torch.where(kind == Pattern.PLANKS, _hash(row, row, material[:, _PHASE]), shift)
    u = uv[:, 0] / material[:, _U] + shift
    column = u.floor()
    return _Cells(column, row, u - column, v - row)


def _share(kind: Tensor, cells: _Cells, material: Tensor, footprint_m: Tensor) -> Tensor:
    """Return the share of the second colour, from 0 to 1."""
    u_m, v_m = material[:, _U], material[:, _V]
    size_m = torch.minimum(u_m, v_m)
    # Checkers and stripes smaller than a pixel become their mean.
    sharp = (2 - 2 * footprint_m / size_m).clamp(0, 1)
    checkers = 0.5 + ((cells.column + cells.row) % 2 - 0.5) * sharp
    stripes = 0.5 + (cells.column % 2 - 0.5) * sharp
    weave = 0.5 + 0.5 * torch.sin(6.2832 * cells.u) * torch.sin(6.2832 * cells.v) * sharp
    share = torch.zeros_like(u_m)
    for pattern, value in (
        (Pattern.CHECKERS, checkers),
        (Pattern.STRIPES, stripes),
        (Pattern.WEAVE, weave),
    ):
        share = torch.where(kind == pattern, value, share)
    edge_m = torch.minimum((0.5 - (cells.u - 0.5).abs()) * u_m, (0.5 - (cells.v - 0.5).abs()) * v_m)
    for pattern, width_m in _JOINT_M.items():
        covered = ((width_m + footprint_m) / 2 - edge_m) / footprint_m
        thin = (width_m / footprint_m).clamp(max=1)
        share = torch.where(kind == pattern, torch.minimum(covered.clamp(min=0), thin), share)
    return share


def _tint(kind: Tensor, cells: _Cells, phase: Tensor) -> Tensor:
    """Return the relative brightness of each tile, plank or brick."""
    strength = torch.zeros_like(phase)
    for pattern, value in _TINT.items():
        strength = strength.masked_fill(kind == pattern, value)
    return 1 + strength * (2 * _hash(cells.column, cells.row, phase) - 1)


def _grain(
    kind: Tensor, uv: Tensor, cells: _Cells, material: Tensor, footprint_m: Tensor
) -> Tensor:
    """Return noise of several octaves, about -1 to 1."""
    wooden = _is(kind, Pattern.WOOD, Pattern.PLANKS)
    size_m = material[:, _GRAIN_M]
    long_m = torch.where(wooden, size_m * _STRETCH, size_m)
    # Every plank, brick and tile has a different part of the noise.
    apart = torch.where(
        _is(kind, Pattern.PLANKS, Pattern.BRICKS, Pattern.TILES),
        37 * _hash(cells.row, cells.column, material[:, _PHASE]),
        torch.zeros_like(size_m),
    )
    place = torch.stack([uv[:, 0] / long_m + apart, uv[:, 1] / size_m + apart], dim=1)
    total = torch.zeros_like(size_m)
    for octave in range(_OCTAVES):
        scale = 2.0**octave
        visible = (1.5 - 2 * footprint_m * scale / size_m).clamp(0, 1)
        total = total + visible * 0.65**octave * _noise(place * scale, material[:, _PHASE] + octave)
    return total * 0.7


def _picture(material: Tensor, unit: Tensor, cells: _Cells) -> Tensor:
    """Return smooth coloured shapes inside a white border."""
    phase = material[:, _PHASE]
    forms = torch.stack(
        [_noise(2.5 * unit, phase + step) + 0.5 * _noise(7 * unit, phase + step) for step in (1, 2)]
    )
    first, second = (forms * 3 + 0.5).clamp(0, 1)
    colour = torch.lerp(material[:, 0:3], material[:, 3:6], first[:, None])
    third = material[:, 0:3].flip(1) * 0.7 + 0.1
    colour = torch.lerp(colour, third, second[:, None])
    border = (unit - 0.5).abs().amax(dim=1) > 0.5 - 0.12 * _hash(
        phase.floor(), phase.floor(), phase
    )
    return torch.where(border[:, None], torch.full_like(colour, 0.8), colour)


def _books(material: Tensor, unit: Tensor, cells: _Cells) -> Tensor:
    """Return spines of many colours, with dark gaps."""
    phase = material[:, _PHASE]
    one, two, three = (_hash(cells.column, cells.column + step, phase) for step in (1, 5, 9))
    colour = torch.lerp(material[:, 0:3], material[:, 3:6], one[:, None])
    colour = torch.lerp(colour, colour.flip(1), (two > 0.6)[:, None].float())
    gap = (cells.u < 0.08) | (unit[:, 1] > 0.75 + 0.25 * three)
    band = ((unit[:, 1] - 0.2 - 0.5 * two).abs() < 0.05) & (three > 0.4)
    light = (0.4 + 0.8 * three) * torch.where(gap, 0.12, 1.0)
    return torch.where((band & ~gap)[:, None], colour * 0.3 + 0.4, colour * light[:, None])


def _outside(material: Tensor, unit: Tensor, cells: _Cells) -> Tensor:
    """Return the sky over the ground, with something dark between them."""
    phase = material[:, _PHASE]
    place = torch.stack([unit[:, 0] * 6, unit[:, 1] * 6], dim=1)
    skyline = 0.35 + 0.25 * _noise(place * 0.7 * place.new_tensor([[[1.0], [0.0]]]), phase)
    height = unit[:, 1]
    sky = material[:, 0:3] * (0.8 + 0.2 * height)[:, None]
    trees = material[:, 3:6] * (0.35 + 0.2 * _noise(place * 3, phase))[:, None]
    near = material[:, 3:6] * 0.9
    view = torch.where((height > skyline)[:, None], sky, trees)
    return torch.where((height < 0.22)[:, None], near, view)


@lru_cache(maxsize=4)
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return a periodic map of random numbers in [-1, 1], and numbers in [0, 1)."""
    rng = np.random.default_rng(0)
    sheet = np.pad(rng.uniform(-1, 1, (_SIDE, _SIDE)), (0, 1), mode="wrap").astype(np.float32)
    hashes = rng.random(_HASHES).astype(np.float32)
    return torch.from_numpy(sheet).to(device), torch.from_numpy(hashes).to(device)


def _noise(place: Tensor, phase: Tensor) -> Tensor:
    """Return value noise in [-1, 1] at points (B, 2, P), with a random value per integer point."""
    sheet, _ = _tables(place.device)
    shifted = torch.stack([place[:, 0] + 17.3 * phase, place[:, 1] + 5.7 * phase], dim=-1)
    turns = shifted / _SIDE
    grid = 2 * (turns - turns.floor()) - 1
    values = functional.grid_sample(sheet[None, None], grid[None], align_corners=True)
    return values[0, 0]


def _hash(x: Tensor, y: Tensor, phase: Tensor) -> Tensor:
    """Return a deterministic random number in [0, 1) per pair of integers."""
    _, hashes = _tables(x.device)
    index = (x * 97 + y * 389 + (phase * 53).floor()).long() % _HASHES
    return hashes[index]
