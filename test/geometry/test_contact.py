"""Where things stand on the ground: on images whose depth is wrong by a factor that varies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_ros.geometry.camera import Camera
from depth_ros.geometry.contact import Contact, find_contact, standing, upright_m
from depth_ros.scale.ground import Mount

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


CAMERA = Camera.from_fov(COLUMNS, ROWS, 60.0)


@pytest.mark.parametrize(
    ("pitch_deg", "yaw_deg", "median", "most"),
    [(0, 0, 1e-6, 1e-5), (0, 40, 1e-6, 1e-5), (15, 0, 0.006, 0.05), (25, 40, 0.012, 0.11)],
)
def test_an_upright_surface_of_any_direction_has_its_true_depth(
    pitch_deg: float, yaw_deg: float, median: float, most: float
) -> None:
    mount = Mount.from_angles(HEIGHT_M, pitch_deg, 0.0)
    down = torch.tensor(mount.down, dtype=torch.float32)
    rays = torch.from_numpy(Camera.from_fov(160, 120, 65.0).rays().copy())
    full = torch.dstack([rays, torch.ones(120, 160)])
    # A wall: its normal is horizontal, turned from the direction of view.
    forward = torch.tensor([0.0, 0.0, 1.0]) - down[2] * down
    right = torch.linalg.cross(down, forward)
    yaw = torch.deg2rad(torch.tensor(yaw_deg))
    normal = forward / forward.norm() * yaw.cos() + right / right.norm() * yaw.sin()
    wall_m = 1.5 / (full @ normal)
    ground_m = HEIGHT_M / (full @ down)
    below = (ground_m > 0) & (ground_m < wall_m)
    row = below.int().argmax(0)
    # The exact row of the foot lies between two rows: take the wall's own depth there.
    foot_m = wall_m.gather(0, row[None])[0]
    contact = Contact(below, torch.zeros(160), foot_m, row)
    seen = below.any(0).expand(120, -1) & (wall_m > 0) & ~below
    assert seen.sum() > 1000
    found = upright_m(contact, rays[..., 0], rays[..., 1], mount.down)
    error = (found / wall_m)[seen].log().abs()
    assert error.median() <= median
    assert error.max() <= most


def columns_of(*columns: list[float]) -> tuple[torch.Tensor, Contact, torch.Tensor]:
    """Depth of columns, from the top, whose lowest row is ground before a surface at 2 m."""
    depth_m = torch.tensor(columns).T
    ground = torch.zeros_like(depth_m, dtype=torch.bool)
    ground[-1] = True
    height, width = depth_m.shape
    foot_m, row = torch.full((width,), 2.0), torch.full((width,), height - 1)
    return depth_m, Contact(ground, torch.zeros(width), foot_m, row), torch.full_like(depth_m, 2.0)


def test_what_is_near_its_upright_surface_stands_on_it_and_the_rest_stays() -> None:
    depth_m, contact, upright = columns_of(
        [2.2, 2.1, 2.0, 1.9, 2.1, 2.0, 1.7],  # a wall that leans
        [1.2, 1.3, 1.4, 1.6, 1.7, 1.9, 1.7],  # what overhangs stays in front
        [torch.nan, 2.1, torch.nan, 2.0, 2.0, 2.0, 1.7],
    )
    found = standing(depth_m, contact, upright, 1)
    assert found[:, 0].tolist() == pytest.approx([2.0] * 6 + [1.7])
    assert found[:, 1].tolist() == pytest.approx([1.2, 1.3, 1.4, 1.6, 1.7, 2.0, 1.7])
    torch.testing.assert_close(
        found[:, 2],
        torch.tensor([torch.nan, 2.0, torch.nan, 2.0, 2.0, 2.0, 1.7]),
        equal_nan=True,
    )


def test_what_is_seen_above_an_object_is_another_one() -> None:
    jumps, leans = [2.7, 2.7, 2.7, 2.0, 2.0, 2.0, 1.7], [2.55, 2.5, 2.4, 2.3, 2.2, 2.1, 1.7]
    depth_m, contact, upright = columns_of(jumps, leans)
    found = standing(depth_m, contact, upright, 1)
    assert found[:3, 0].tolist() == pytest.approx([2.7] * 3)
    assert found[:-1, 1].tolist() == pytest.approx([2.0] * 6)


def test_without_a_foot_nothing_stands_anywhere() -> None:
    found = find_contact(ground().nan_to_num(torch.inf) * 1.2, ground(), 2)
    rays = torch.from_numpy(CAMERA.rays().copy())
    upright = upright_m(found, rays[..., 0], rays[..., 1], (0.0, 1.0, 0.0))
    assert upright.isnan().all()
    depth_m = torch.full((ROWS, COLUMNS), 2.0)
    assert torch.equal(standing(depth_m, found, upright, 2), depth_m)


def test_a_leaning_wall_is_put_upright_over_its_foot() -> None:
    truth = torch.full((COLUMNS,), 1.8)
    leaning = wall(truth) * torch.linspace(1.15, 1.0, ROWS)[:, None]
    y = ((torch.arange(ROWS) - HORIZON) / F_PX)[:, None].expand(ROWS, COLUMNS)
    found = find_contact(leaning, ground(), 2)
    corrected = leaning * found.log_factor.exp()
    upright = upright_m(found, torch.zeros_like(y), y, (0.0, 1.0, 0.0))
    before, after = (
        (each[:60] / truth).log().abs().mean()
        for each in (corrected, standing(corrected, found, upright, 2))
    )
    assert after < 0.06
    assert after < 0.8 * before
