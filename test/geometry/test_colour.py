"""Depth in colour."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.errors import SettingError
from depth_ros.geometry.colour import (
    COLOUR_MAPS,
    colour_table,
    colourise,
    robust_limits,
    robust_range,
)

MAPS = sorted(COLOUR_MAPS)


@pytest.mark.parametrize("name", MAPS)
def test_no_estimate_is_black_and_beyond_range_is_another_dark_colour(name: str) -> None:
    depth_m = torch.tensor([[torch.nan, torch.inf, 2.0]])
    rgb = colourise(depth_m, 0.5, 10.0, colour_table(name))
    assert rgb[0, 0].tolist() == [0, 0, 0]
    assert rgb[0, 1].tolist() not in ([0, 0, 0], rgb[0, 2].tolist())


@pytest.mark.parametrize("name", ["magma", "inferno", "viridis"])
def test_near_is_brighter_than_far_in_maps_of_rising_brightness(name: str) -> None:
    depth_m = torch.linspace(0.5, 10, 60)[None]
    rgb = colourise(depth_m, 0.5, 10.0, colour_table(name)).float()
    brightness = rgb @ torch.tensor([0.299, 0.587, 0.114])
    assert (brightness[0].diff() <= 0.5).all()
    assert brightness[0, 0] > brightness[0, -1] + 100


def test_colours_are_even_in_inverse_depth() -> None:
    inverse = torch.linspace(1 / 0.5, 1 / 10.0, 254)
    rgb = colourise((1 / inverse)[None], 0.5, 10.0, colour_table("turbo"))
    assert torch.equal(rgb[0], colour_table("turbo")[2:].flip(0))


def test_depth_outside_of_the_range_takes_the_end_colours() -> None:
    depth_m = torch.tensor([[0.01, 0.5, 10.0, 100.0]])
    rgb = colourise(depth_m, 0.5, 10.0, colour_table("turbo"))[0].tolist()
    assert rgb[0] == rgb[1]
    assert rgb[2] == rgb[3]


def test_the_same_metres_have_the_same_colour_in_every_image() -> None:
    table = colour_table("turbo")
    a = colourise(torch.tensor([[1.0, 9.0]]), 0.5, 10.0, table)
    b = colourise(torch.tensor([[1.0, 2.0]]), 0.5, 10.0, table)
    assert np.array_equal(a[0, 0], b[0, 0])


def room(height: int = 120, width: int = 200) -> torch.Tensor:
    """Depth whose inverse is evenly spread from 1 / 0.8 to 1 / 6 per metre."""
    inverse = torch.linspace(1 / 0.8, 1 / 6.0, height * width)
    shuffled = torch.randperm(height * width, generator=torch.Generator().manual_seed(1))
    return inverse[shuffled].reciprocal().reshape(height, width)


@pytest.mark.parametrize("size", [(120, 200), (480, 640), (600, 1024)])
def test_the_range_is_that_of_the_percentiles(size: tuple[int, int]) -> None:
    depth_m = room(*size)
    assert robust_range(depth_m) == pytest.approx(np.quantile(depth_m, (0.02, 0.98)), rel=0.03)
    assert robust_range(depth_m, 0.2, 0.7) == pytest.approx(
        np.quantile(depth_m, (0.2, 0.7)), rel=0.03
    )


def test_a_few_wild_pixels_do_not_move_the_range() -> None:
    depth_m = room()
    quiet = robust_range(depth_m)
    depth_m[::20, ::20] = 1e-3
    depth_m[10::20, 10::20] = 1e4
    assert robust_range(depth_m) == pytest.approx(quiet, rel=0.03)


def test_pixels_without_a_finite_depth_do_not_affect_the_range() -> None:
    depth_m = room()
    holes = torch.tensor([torch.nan, torch.inf, 0.0, -2.0, -torch.inf])
    mixed = torch.stack([depth_m, *(hole.expand_as(depth_m) for hole in holes)], dim=-1)
    assert robust_range(mixed) == pytest.approx(robust_range(depth_m), rel=0.03)


@given(st.lists(st.floats(width=32), max_size=6))
def test_near_is_always_nearer_than_far(values: list[float]) -> None:
    near_m, far_m = robust_range(torch.tensor(values))
    assert 0 < near_m < far_m < torch.inf


@pytest.mark.parametrize("value", [2.0, torch.nan, torch.inf])
def test_an_image_of_one_value_has_a_range_around_it_if_it_is_a_depth(value: float) -> None:
    near_m, far_m = robust_range(torch.full((3, 5), value))
    assert near_m < far_m
    assert value != 2.0 or near_m <= 2.0 <= far_m


def test_one_pixel_with_depth_in_a_large_image_gives_the_range() -> None:
    depth_m = torch.full((300, 500), torch.nan)
    depth_m[151, 33] = 3.0
    assert robust_range(depth_m)[0] == pytest.approx(3.0)


def test_an_image_of_more_pixels_than_quantile_takes_has_a_range() -> None:
    depth_m = torch.tensor([1.0, 4.0]).repeat(4100, 2050)
    assert robust_range(depth_m) == pytest.approx((1.0, 4.0))


def test_no_estimate_and_beyond_range_keep_their_colours_in_a_robust_range() -> None:
    depth_m = room()
    depth_m[0, :2] = torch.tensor([torch.nan, torch.inf])
    rgb = colourise(depth_m, *robust_range(depth_m), colour_table("turbo"))
    assert rgb[0, 0].tolist() == [0, 0, 0]
    assert rgb[0, 1].tolist() == colour_table("turbo")[1].tolist()
    assert (rgb[1:] != rgb[0, 1]).any(dim=-1).all()


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (0.9, 0.1), (-0.1, 0.9), (0.1, 1.1)])
def test_shares_out_of_order_are_refused(low: float, high: float) -> None:
    with pytest.raises(SettingError, match=f"low and high are {low} and {high}"):
        robust_range(torch.ones(2, 3), low, high)


@pytest.mark.parametrize("ends", [(0.5, 10.0), (0.33, 7.1)])
def test_a_range_in_tensors_gives_the_colours_of_the_range_in_numbers(
    ends: tuple[float, float],
) -> None:
    near_m, far_m = (torch.tensor(end, dtype=torch.float64) for end in ends)
    table = colour_table("turbo")
    assert torch.equal(colourise(room(), near_m, far_m, table), colourise(room(), *ends, table))


@pytest.mark.parametrize("size", [(120, 200), (480, 640), (7, 9)])
@pytest.mark.parametrize("shares", [(0.02, 0.98), (0.2, 0.7), (0.0, 1.0)])
def test_limits_without_synchronisation_are_those_of_the_range(
    size: tuple[int, int], shares: tuple[float, float]
) -> None:
    depth_m = room(*size)
    depth_m[0, :3] = torch.tensor([torch.nan, torch.inf, -1.0])
    found = [float(end) for end in robust_limits(depth_m, *shares)]
    assert found == pytest.approx(robust_range(depth_m, *shares), rel=1e-5)


@pytest.mark.parametrize("value", [2.0, torch.nan, torch.inf])
def test_limits_of_an_image_of_one_value_are_its_range(value: float) -> None:
    depth_m = torch.full((3, 5), value)
    found = [float(end) for end in robust_limits(depth_m)]
    assert found == pytest.approx(robust_range(depth_m))


def test_limits_of_one_pixel_in_a_large_image_are_its_own() -> None:
    depth_m = torch.full((300, 500), torch.nan)
    depth_m[151, 33] = 3.0
    near_m, far_m = (float(end) for end in robust_limits(depth_m))
    assert near_m == pytest.approx(3.0)
    assert near_m < far_m < torch.inf
