"""The shift of a point map's depth against scipy's least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from torch import Tensor

from depth_ros.models.moge import shift

HEIGHT, WIDTH = 96, 128
DIAGONAL = float(np.hypot(HEIGHT, WIDTH))


def scene(seed: int, focal: float, offset: float) -> tuple[Tensor, Tensor]:
    """Points of a camera with noise, moved away by an offset, and a mask with holes."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    uv = np.stack([u - WIDTH / 2, v - HEIGHT / 2], axis=-1) * 2 / DIAGONAL
    z = 2 + rng.uniform(0.3, 1) * np.sin(u / 17 + seed) + v / HEIGHT
    xyz = np.concatenate([uv * z[..., None] / focal, z[..., None] + offset], axis=-1)
    xyz += rng.normal(0, 0.01, xyz.shape)
    mask = rng.uniform(size=(HEIGHT, WIDTH)) > 0.3
    return torch.tensor(xyz, dtype=torch.float32)[None], torch.tensor(mask)[None]


def reference(points: Tensor, mask: Tensor, focal: float | None) -> tuple[float, float]:
    """Upstream's solve_optimal_shift and solve_optimal_focal_shift, to the last digit."""
    rows, columns = (np.arange(64) * side // 64 for side in (HEIGHT, WIDTH))
    v, u = np.meshgrid(rows + 0.5, columns + 0.5, indexing="ij")
    uv = np.stack([u - WIDTH / 2, v - HEIGHT / 2], axis=-1) * 2 / DIAGONAL
    kept = mask[0].numpy()[np.ix_(rows, columns)]
    xyz, uv = points[0].numpy().astype(float)[np.ix_(rows, columns)][kept], uv[kept]

    def best(ray: Any) -> float:
        return float((ray * uv).sum() / np.square(ray).sum()) if focal is None else focal

    def error(s: Any) -> Any:
        ray = xyz[:, :2] / (xyz[:, 2] + s)[:, None]
        return (best(ray) * ray - uv).ravel()

    found = float(least_squares(error, x0=0, method="lm", xtol=1e-10, ftol=1e-10).x[0])
    return found, best(xyz[:, :2] / (xyz[:, 2] + found)[:, None])


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("seed", "focal", "offset"), [(0, 0.7, -0.5), (1, 1.2, 1.0), (2, 1.9, 0.3), (3, 2.5, 4.0)]
)
def test_shift_and_focal_length_are_those_of_least_squares(
    seed: int, focal: float, offset: float, known: bool
) -> None:
    points, mask = scene(seed, focal, offset)
    given = torch.tensor([focal]) if known else None
    pose = shift.solve(points, mask, given)
    expected, f = reference(points, mask, focal if known else None)
    assert float(pose.shift[0]) == pytest.approx(expected, abs=0.02)
    assert float(pose.focal[0]) == pytest.approx(f, rel=0.01)
    if known:
        assert float(pose.shift[0]) == pytest.approx(-offset, abs=0.02)


def test_a_batch_is_its_images() -> None:
    scenes = [scene(0, 0.7, -0.5), scene(1, 1.2, 1.0)]
    points, mask = (torch.cat(each) for each in zip(*scenes, strict=True))
    focal = torch.tensor([0.7, 1.2])
    together = shift.solve(points, mask, focal)
    for index, (one, kept) in enumerate(scenes):
        alone = shift.solve(one, kept, focal[index : index + 1])
        torch.testing.assert_close(together.shift[index], alone.shift[0], rtol=1e-3, atol=1e-3)


def test_what_the_mask_leaves_out_may_be_anything() -> None:
    points, mask = scene(2, 1.9, 0.3)
    expected = shift.solve(points, mask, torch.tensor([1.9]))
    points[~mask] = torch.nan
    found = shift.solve(points, mask, torch.tensor([1.9]))
    torch.testing.assert_close(found.shift, expected.shift)


def test_without_points_nothing_is_shifted() -> None:
    points, mask = scene(0, 1.0, 1.0)
    pose = shift.solve(points, torch.zeros_like(mask))
    assert float(pose.shift[0]) == 0
    assert float(pose.focal[0]) == 1


def test_points_of_no_camera_are_not_shifted_to_infinity() -> None:
    points = torch.randn(1, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(0)).abs()
    pose = shift.solve(points, torch.ones(1, HEIGHT, WIDTH, dtype=torch.bool), torch.tensor([1.0]))
    assert float(pose.shift[0].abs()) <= 10.01 * float(points[..., 2].mean())
