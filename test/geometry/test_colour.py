"""Depth in colour."""

import numpy as np
import pytest
import torch

from depth_ros.geometry.colour import COLOUR_MAPS, colour_table, colourise

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
