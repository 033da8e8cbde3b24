"""Surfaces' patterns: of their physical size, and blurred where a pixel covers them."""

import numpy as np
import pytest
import torch

from depth_ros.training.rooms.materials import Material, Pattern
from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.textures import albedo

WHITE, BLACK = (0.9, 0.9, 0.9), (0.1, 0.1, 0.1)


def line(material: Material, end_m: float, footprint_m: float = 1e-3) -> torch.Tensor:
    """The brightness along a line on a surface."""
    count = 4000
    uv = torch.stack([torch.linspace(0, end_m, count), torch.full((count,), 0.013)])[None]
    table = torch.from_numpy(material.row()).float()[None, :, None].expand(-1, -1, count)
    return albedo(table, uv, uv / end_m, torch.full((1, count), footprint_m))[0].mean(0)


def test_tiles_have_their_joints_apart_by_their_size() -> None:
    tiles = Material(WHITE, BLACK, Pattern.TILES, 0.25, 0.25, grain=0.0)
    dark = (line(tiles, 2.0) < 0.5).int()
    joints_m = dark.diff().eq(1).nonzero()[:, 0] * 2.0 / 4000
    assert torch.allclose(joints_m.diff(), torch.tensor(0.25), atol=2e-3)


@pytest.mark.parametrize("pattern", [Pattern.CHECKERS, Pattern.STRIPES, Pattern.TILES])
def test_a_pattern_finer_than_a_pixel_is_grey(pattern: Pattern) -> None:
    material = Material(WHITE, BLACK, pattern, 0.02, 0.02, grain=0.3, grain_m=0.02)
    assert line(material, 2.0).std() > 0.03
    assert line(material, 2.0, footprint_m=0.1).std() < 0.6 * line(material, 2.0).std()


@pytest.mark.parametrize("pattern", list(Pattern))
def test_reflectances_are_shares(pattern: Pattern) -> None:
    material = Material(WHITE, BLACK, pattern, 0.1, 0.1, grain=0.9, dirt=1.0)
    values = line(material, 3.0)
    assert values.min() > 0
    assert values.max() <= 1


def test_a_palette_draws_materials_that_differ() -> None:
    palette = Palette(np.random.default_rng(0), rich=True)
    patterns = {draw().pattern for _ in range(60) for draw in (palette.wall, palette.floor)}
    assert {Pattern.BRICKS, Pattern.PLANKS, Pattern.TILES, Pattern.WEAVE} < patterns
