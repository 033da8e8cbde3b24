"""Filled edges: on enlarged depth of rendered rooms with exact truth, and on plain shapes."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from benchmarks import edges
from depth_ros.evaluation.boundary import boundary_f1
from depth_ros.geometry import edge_fill
from depth_ros.geometry.edge_fill import fill
from depth_ros.geometry.edges import flying

NEAR_M, FAR_M, RADIUS_PX = 1.5, 4.0, 6
BOX = (slice(16, 36), slice(20, 44))


def smeared() -> Tensor:
    """A box before a wall, as a small network's enlarged map has it."""
    small = torch.full((12, 16), FAR_M)
    small[4:9, 5:11] = NEAR_M
    return functional.interpolate(small[None, None], (48, 64), mode="bilinear")[0, 0]


def picture(level: int = 200) -> Tensor:
    """The image (48, 64, 3) of the box, a little brighter or much brighter than the wall."""
    rgb = torch.full((48, 64, 3), 90, dtype=torch.uint8)
    rgb[BOX] = level
    return rgb


def filled(depth_m: Tensor, rgb: Tensor) -> Tensor:
    return fill(depth_m, rgb, flying(depth_m, 0.025, RADIUS_PX), RADIUS_PX)


def test_an_edge_moves_to_that_of_the_image() -> None:
    depth_m, true_m = smeared(), torch.full((48, 64), FAR_M)
    true_m[BOX] = NEAR_M
    before, after = ((each / true_m).log().abs() for each in (depth_m, filled(depth_m, picture())))
    assert after.mean() < 0.3 * before.mean()
    assert boundary_f1(filled(depth_m, picture()), true_m) > 0.8
    assert boundary_f1(depth_m, true_m) < 0.5


def test_the_image_decides_on_which_side_a_pixel_is() -> None:
    wider = picture()
    wider[:, 18:20] = 200  # the box ends two columns further left
    there = filled(smeared(), wider)[26, 18:20]
    assert (there < 0.5 * (NEAR_M + FAR_M)).all()
    assert (filled(smeared(), picture())[26, 18:20] > 0.5 * (NEAR_M + FAR_M)).all()


@pytest.mark.parametrize("level", [90, 95])
def test_without_an_edge_in_the_image_depth_stays_between_the_surfaces(level: int) -> None:
    depth_m = filled(smeared(), picture(level))
    assert (depth_m >= NEAR_M - 1e-4).all()
    assert (depth_m <= FAR_M + 1e-4).all()


def test_only_flying_pixels_change() -> None:
    depth_m = smeared()
    flies = flying(depth_m, 0.025, RADIUS_PX)
    after = filled(depth_m, picture())
    assert (after != depth_m)[flies].any()
    assert torch.equal(after[~flies], depth_m[~flies])


def test_a_slanted_floor_with_a_texture_stays_as_it_is() -> None:
    floor_m = 30.0 / torch.arange(10.0, 58.0)[:, None].repeat(1, 64)
    tiles = (torch.arange(48) // 6 % 2 * 120 + 60).byte()[:, None, None].expand(48, 64, 3)
    assert torch.equal(filled(floor_m, tiles), floor_m)


def test_what_has_no_depth_is_no_neighbour_and_gets_none() -> None:
    depth_m = smeared()
    holes = torch.zeros_like(depth_m, dtype=torch.bool)
    holes[20:30, 26:30] = True
    flies = flying(depth_m, 0.025, RADIUS_PX)
    after = fill(depth_m.masked_fill(holes, torch.nan), picture(), flies, RADIUS_PX)
    assert torch.equal(after.isnan(), holes)
    bright = fill(depth_m.masked_fill(holes, 1e3), picture(), flies, RADIUS_PX)
    assert (bright - after)[~holes].abs().max() > 0.1  # those pixels do count otherwise


def test_the_sky_beside_a_box_is_sky() -> None:
    depth_m = smeared().clone()
    depth_m[depth_m >= FAR_M] = torch.inf
    flies = flying(smeared(), 0.025, RADIUS_PX)
    after = fill(depth_m, picture(), flies, RADIUS_PX)
    assert not after.isnan().any()
    assert (after[~flies].isinf() == depth_m[~flies].isinf()).all()
    assert (after[BOX][2:-2, 2:-2] < 1.1 * NEAR_M).all()


@given(st.floats(0.01, 100))
def test_any_unit_of_depth_gives_the_same(factor: float) -> None:
    one, other = (fill(each, picture(), MASK, RADIUS_PX) for each in (BASE_M, BASE_M * factor))
    assert torch.allclose(one * factor, other, rtol=1e-4)


def test_a_mirrored_or_turned_image_gives_the_mirrored_or_turned_depth() -> None:
    base = fill(BASE_M, picture(), MASK, RADIUS_PX)
    turns: list[Callable[[Tensor], Tensor]] = [lambda x: x.flip(0), lambda x: x.flip(1), torch.t]
    for turned in turns:
        rgb = torch.stack([turned(plane) for plane in picture().unbind(-1)], -1)
        assert torch.allclose(fill(turned(BASE_M), rgb, turned(MASK), RADIUS_PX), turned(base))


def test_a_device_where_every_pixel_is_computed_gives_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = fill(BASE_M, picture(), MASK, RADIUS_PX)
    monkeypatch.setattr(edge_fill, "_pixels", lambda flying: torch.arange(flying.numel()))
    assert torch.equal(fill(BASE_M, picture(), MASK, RADIUS_PX), listed)


def test_at_the_images_border_and_in_tiny_images_nothing_breaks() -> None:
    everywhere = torch.ones(3, 4, dtype=torch.bool)
    rgb = torch.zeros(3, 4, 3, dtype=torch.uint8)
    assert torch.allclose(fill(torch.full((3, 4), 2.0), rgb, everywhere, 8), torch.tensor(2.0))


def test_a_rendered_rooms_contours_are_found_again() -> None:
    before, after = edges.contours(edges.views(2), 4, "bilinear")
    assert after > 3 * before


BASE_M = smeared()
MASK = flying(BASE_M, 0.025, RADIUS_PX)
