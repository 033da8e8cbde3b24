"""Where things stand on the ground: on images whose depth is wrong by a factor that varies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_ros.geometry.contact import find_contact

HEIGHT_M, F_PX, ROWS, COLUMNS = 0.4, 125.0, 120, 60
HORIZON = 40.0


def ground() -> torch.Tensor:
    """Depth of the ground of a level camera; NaN above the horizon."""
    below = torch.arange(ROWS) - HORIZON
    depth = torch.where(below > 2, HEIGHT_M * F_PX / below, torch.nan)
    return depth[:, None].expand(ROWS, COLUMNS).clone()


def wall(distance_m: torch.Tensor) -> torch.Tensor:
    """Depth of upright things at distances (COLUMNS,) on the ground."""
    return torch.minimum(ground().nan_to_num(torch.inf), distance_m[None])


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.4])
def test_the_foot_tells_the_distance_whatever_the_scale(factor: float) -> None:
    truth = torch.linspace(1.2, 2.5, COLUMNS)
    found = find_contact(wall(truth) * factor, ground(), 2)
    torch.testing.assert_close(found.foot_m, truth, rtol=0.08, atol=0)
    corrected = wall(truth)[10] * factor * found.log_factor.exp()
    torch.testing.assert_close(corrected, truth, rtol=0.06, atol=0)


def test_a_factor_that_varies_over_the_image_is_corrected_column_by_column() -> None:
    truth = torch.full((COLUMNS,), 1.8)
    factor = torch.linspace(0.8, 1.3, COLUMNS)
    found = find_contact(wall(truth) * factor, ground(), 2)
    corrected = wall(truth)[10] * factor * found.log_factor.exp()
    torch.testing.assert_close(corrected, truth, rtol=0.06, atol=0)


def test_ground_is_what_lies_below_the_foot() -> None:
    truth = torch.full((COLUMNS,), 1.5)
    found = find_contact(wall(truth), ground(), 2)
    foot = HORIZON + HEIGHT_M * F_PX / 1.5
    assert found.ground[round(foot) + 3 :].all()
    assert not found.ground[: round(foot) - 3].any()


def test_a_column_without_ground_is_as_its_nearest_neighbour() -> None:
    truth = torch.full((COLUMNS,), 1.8)
    depth = wall(truth) * 1.2
    depth[:, 20:30] = 0.3  # something right before the lens
    found = find_contact(depth, ground(), 2)
    assert found.foot_m[22:28].isnan().all()
    assert not found.ground[:, 22:28].any()
    np.testing.assert_allclose(found.log_factor[20:30], np.log(1 / 1.2), atol=0.06)


def test_without_any_ground_nothing_is_corrected() -> None:
    nowhere = find_contact(
        torch.full((ROWS, COLUMNS), 2.0), torch.full((ROWS, COLUMNS), torch.nan), 2
    )
    assert torch.equal(nowhere.log_factor, torch.zeros(COLUMNS))
    assert not nowhere.ground.any()
    unknown = find_contact(torch.full((ROWS, COLUMNS), torch.nan), ground(), 2)
    assert torch.equal(unknown.log_factor, torch.zeros(COLUMNS))
    assert not unknown.ground.any()


def test_open_ground_has_no_foot_but_a_factor() -> None:
    found = find_contact(ground().nan_to_num(torch.inf) * 1.2, ground(), 2)
    assert found.foot_m.isnan().all()
    np.testing.assert_allclose(found.log_factor, np.log(1 / 1.2), atol=1e-4)
