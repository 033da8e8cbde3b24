"""One mean point for each voxel, against a dictionary of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depth_ros.geometry import voxels
from depth_ros.geometry.navigation import Points
from depth_ros.geometry.voxels import voxel_means


def cloud(count: int = 800, seed: int = 0, extent_m: float = 2.0) -> np.ndarray:
    """Points (N, 3) around the origin."""
    points = np.random.default_rng(seed).uniform(-extent_m, extent_m, (count, 3))
    return points.astype(np.float32)


def planes(points: np.ndarray) -> Points:
    return Points(*torch.from_numpy(points.T.copy()))


def chosen(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which points are kept, and their kinds."""
    rng = np.random.default_rng(3)
    return torch.from_numpy(rng.random(count) < 0.8), torch.from_numpy(rng.random(count) < 0.5)


def expected(points: np.ndarray, voxel_m: float) -> np.ndarray:
    kept, kinds = (each.numpy() for each in chosen(len(points)))
    groups: dict[tuple[int, ...], list[np.ndarray]] = {}
    for point, kind in zip(points[kept], kinds[kept], strict=True):
        voxel = np.floor(point / np.float32(voxel_m)).astype(int)
        groups.setdefault((*voxel.tolist(), int(kind)), []).append(point)
    return np.array([np.mean(groups[key], axis=0) for key in sorted(groups)])


@pytest.mark.parametrize(
    ("extent_m", "voxel_m"),
    [
        (2.0, 0.5),  # keys of 16 bits
        (2.0, 0.05),  # of more, which float32 holds
        (1000.0, 0.1),  # of more than those
    ],
)
def test_a_voxel_gives_the_mean_of_its_points_of_a_kind(extent_m: float, voxel_m: float) -> None:
    points = cloud(extent_m=extent_m)
    points[1::2] = points[::2]  # of one voxel, though of different kinds
    means, count = voxel_means(planes(points), *chosen(800), voxel_m)
    truth = expected(points, voxel_m)
    assert int(count) == len(truth) < 650
    np.testing.assert_allclose(means[: int(count)].numpy(), truth, rtol=1e-5, atol=1e-5)


def test_points_are_grouped_alike_with_and_without_the_extent_of_their_voxels() -> None:
    """On a device the extent is not known on the host."""
    points, (kept, kinds) = cloud(), chosen(800)
    groups = voxels._groups(voxels._cells(planes(points), 0.5), kinds, kept)
    few = voxels._groups_on_host(voxels._cells(planes(points[kept]), 0.5), kinds[kept])
    assert int(groups.voxels) == int(few.voxels) == few.size
    assert torch.equal(groups.rows[kept], few.rows)
    assert (groups.rows[~kept] == groups.size - 1).all()


def test_thinning_again_changes_nothing() -> None:
    everything, kinds = torch.ones(800, dtype=torch.bool), torch.zeros(800, dtype=torch.bool)
    once, count = voxel_means(planes(cloud()), everything, kinds, 0.2)
    number = int(count)
    again = planes(once[:number].numpy())
    twice, count = voxel_means(again, everything[:number], kinds[:number], 0.2)
    assert torch.equal(twice[: int(count)], once[:number])


def test_no_point_gives_no_voxel() -> None:
    nothing = torch.zeros(4, dtype=torch.bool)
    _, count = voxel_means(planes(np.full((4, 3), np.nan, np.float32)), nothing, nothing, 0.1)
    assert int(count) == 0
    cells = voxels._cells(planes(np.full((4, 3), np.nan, np.float32)), 0.1)
    assert int(voxels._groups(cells, nothing, nothing).voxels) == 0
