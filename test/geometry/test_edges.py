"""Flying pixels: on enlarged depth of rendered rooms with exact truth, and on plain shapes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks import edges
from benchmarks.edges import View, enlarged, truth
from depth_ros.errors import SettingError
from depth_ros.geometry.depth import depth_from_inverse
from depth_ros.geometry.edges import flying, radius_for


@pytest.fixture(scope="module")
def views() -> list[View]:
    return edges.views(6)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("mode", edges.MODES)
@pytest.mark.parametrize("factor", edges.FACTORS)
def test_points_in_the_air_go_and_points_on_surfaces_stay(
    views: list[View], factor: int, mode: str, noise: bool
) -> None:
    counts = edges.measure(views, factor, mode, noise)
    assert counts.bad > 500 * factor
    assert counts.removed >= 0.9 * counts.bad
    assert counts.lost <= 0.005 * counts.good


def test_true_depth_loses_next_to_nothing(views: list[View]) -> None:
    lost = torch.stack([flying(truth(view)) for view in views])
    assert lost.float().mean() < 0.001


def test_any_unit_of_depth_gives_the_same(views: list[View]) -> None:
    depth_m = enlarged(views[0], 4, "bilinear")
    assert flying(depth_m).any()
    assert torch.equal(flying(depth_m * 1024), flying(depth_m))
    assert (flying(depth_m * 3.2808) != flying(depth_m)).sum() <= 1


def test_a_mirrored_or_turned_image_gives_the_mirrored_or_turned_mask(views: list[View]) -> None:
    depth_m = enlarged(views[0], 2, "bilinear")
    mask = flying(depth_m)
    assert mask.any()
    assert torch.equal(flying(depth_m.flip(0)), mask.flip(0))
    assert torch.equal(flying(depth_m.flip(1)), mask.flip(1))
    assert torch.equal(flying(depth_m.T), mask.T)


SLOPES = st.floats(-0.02, 0.02)


@given(SLOPES, SLOPES, st.floats(-0.5, 2), st.integers(1, 6))
def test_a_plane_loses_nothing_at_any_tilt_up_to_its_horizon(
    right: float, down: float, inverse: float, radius_px: int
) -> None:
    v, u = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
    depth_m = depth_from_inverse(inverse + right * u + down * v)
    assert not flying(depth_m, 0.025, radius_px).any()


@given(st.floats(1e-3, 1e5), st.integers(1, 40), st.integers(1, 40))
def test_one_depth_everywhere_loses_nothing_in_an_image_of_any_size(
    depth_m: float, height: int, width: int
) -> None:
    mask = flying(torch.full((height, width), depth_m))
    assert mask.shape == (height, width)
    assert not mask.any()


def step(between_m: list[float], near_m: float = 1.0, far_m: float = 4.0) -> Tensor:
    """Rows (20, W) of a near surface, some pixels at an edge, and a far surface."""
    row = [near_m] * 20 + between_m + [far_m] * 20
    return torch.tensor(row).expand(20, -1)


def test_what_lies_between_two_surfaces_flies_and_the_surfaces_do_not() -> None:
    mask = flying(step([1.75, 3.25]), 0.025, 2)
    assert mask.nonzero()[:, 1].unique().tolist() == [20, 21]


def test_a_sharp_step_and_a_step_below_the_threshold_lose_nothing() -> None:
    assert not flying(step([]), 0.025, 2).any()
    assert not flying(step([1.005, 1.015], far_m=1.02), 0.025, 2).any()


def test_overshoot_beyond_a_step_flies_too() -> None:
    mask = flying(step([0.8, 4.3]), 0.025, 2)
    assert mask.nonzero()[:, 1].unique().tolist() == [20, 21]


@pytest.mark.parametrize("width_px", [1, 2, 3, 5, 8])
def test_a_thin_pole_before_a_slanted_wall_stays(width_px: int) -> None:
    depth_m = (0.2 + 0.002 * torch.arange(70)).reciprocal().repeat(50, 1)
    depth_m[:, 30 : 30 + width_px] = 1.5
    assert not flying(depth_m).any()


def test_a_corner_of_the_room_stays() -> None:
    inverse = 0.2 + 0.004 * (torch.arange(70) - 33).abs()
    assert not flying(inverse.reciprocal().repeat(50, 1)).any()


def test_infinity_is_a_surface_but_never_flies() -> None:
    depth_m = step([2.0, 3.0], far_m=torch.inf)
    assert flying(depth_m, 0.025, 2).nonzero()[:, 1].unique().tolist() == [20, 21]
    ceiling = torch.tensor([torch.inf] * 15 + [9.0] + [torch.inf, 5.0, 2.0] + [3.0] * 15)
    assert not (flying(ceiling.repeat(20, 1)) & torch.isinf(ceiling)).any()


def test_pixels_without_estimate_never_fly_and_do_not_affect_neighbours() -> None:
    assert not flying(torch.full((30, 40), torch.nan)).any()
    depth_m = step([1.75, 3.25]).clone()
    whole = flying(depth_m, 0.025, 2)
    depth_m[:, 5] = torch.nan
    depth_m[4, 20] = torch.nan
    mask = flying(depth_m, 0.025, 2)
    assert not mask[4, 20]
    assert torch.equal(mask | torch.isnan(depth_m), whole | torch.isnan(depth_m))


def test_the_radius_is_one_and_a_half_of_the_network_s_pixels() -> None:
    assert radius_for((240, 320), (480, 640)) == 3
    assert radius_for((96, 128), (480, 640)) == 8
    assert radius_for((392, 518), (480, 640)) == 2
    assert radius_for((384, 384), (720, 1280)) == 5
    assert radius_for((1536, 1536), (480, 640)) == 1


def test_a_threshold_or_radius_that_is_not_positive_is_refused() -> None:
    with pytest.raises(SettingError, match=r"threshold is 0\.0"):
        flying(torch.ones(20, 30), 0.0)
    with pytest.raises(SettingError, match="radius_px is 0"):
        flying(torch.ones(20, 30), 0.025, 0)


def test_a_threshold_in_a_tensor_finds_what_the_number_does() -> None:
    depth_m = 1 + torch.rand(40, 50, generator=torch.Generator().manual_seed(0))
    for threshold in (0.025, 0.1234567):
        known = flying(depth_m, threshold, 2)
        assert torch.equal(flying(depth_m, torch.tensor(threshold, dtype=torch.float64), 2), known)
        assert known.any()
