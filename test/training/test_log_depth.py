"""The objective of zoedepth-lite against its definition."""

import math

import pytest
import torch
from torch import Tensor, nn

from depth_ros.models.lite.config import LiteConfig, preprocessing_of
from depth_ros.training.frames import Batch
from depth_ros.training.log_depth import LogDepth

PREPROCESSING = preprocessing_of(LiteConfig())
GENERATOR = torch.Generator()


class Says(nn.Module):
    """A network whose answer is given."""

    def __init__(self, depth_m: Tensor) -> None:
        super().__init__()
        self.depth_m = depth_m

    def forward(self, pixels: Tensor) -> Tensor:
        return self.depth_m


def batch(truth_m: Tensor, f_px: float = 100.0) -> Batch:
    count, height, width = truth_m.shape
    rgb = torch.zeros(count, height, width, 3, dtype=torch.uint8)
    rays = torch.zeros(count, height, width, 2)
    return Batch(rgb, truth_m, rays, torch.full((count,), f_px))


def loss(depth_m: Tensor, truth_m: Tensor, f_px: float = 100.0, **weights: float) -> float:
    objective = LogDepth(PREPROCESSING, 100.0, **weights)
    return float(objective(Says(depth_m), batch(truth_m, f_px), GENERATOR))


def test_truth_costs_nothing_whatever_the_camera() -> None:
    truth_m = 1 + torch.rand(2, 8, 12)
    assert loss(truth_m, truth_m) == pytest.approx(0.0, abs=1e-3)
    assert loss(truth_m / 2, truth_m, f_px=200.0) == pytest.approx(0.0, abs=1e-3)


def test_a_wrong_scale_costs_its_logarithm() -> None:
    truth_m = 1 + torch.rand(2, 8, 12)
    expected = (0.3 + 0.5) * math.log(2)
    assert loss(2 * truth_m, truth_m) == pytest.approx(expected, abs=2e-3)


def test_images_are_scaled_one_by_one() -> None:
    """Opposite errors of two images do not make up for each other, and are no error of shape."""
    truth_m = torch.ones(2, 8, 12)
    depth_m = torch.stack([torch.full((8, 12), 2.0), torch.full((8, 12), 0.5)])
    expected = (0.3 + 0.5) * math.log(2)
    assert loss(depth_m, truth_m) == pytest.approx(expected, abs=2e-3)


def test_pixels_without_truth_do_not_affect_the_loss() -> None:
    truth_m = 1 + torch.rand(1, 8, 12)
    holes = truth_m.clone()
    holes[:, :3], holes[:, 3, :4] = torch.nan, 0.0
    wild = torch.where((holes > 0) & holes.isfinite(), 1.3 * truth_m, 50.0)
    assert loss(wild, holes, gradient_weight=0.0) == pytest.approx(0.8 * math.log(1.3), abs=2e-3)


def test_a_batch_without_any_truth_costs_nothing() -> None:
    assert loss(torch.ones(1, 8, 12), torch.zeros(1, 8, 12)) == pytest.approx(0.0, abs=1e-3)
