"""Validation scores against their definitions."""

import pytest
import torch
from torch import Tensor, nn

from depth_ros.models.lite.config import LiteConfig, preprocessing_of
from depth_ros.training.frames import Batch
from depth_ros.training.log_depth import LogDepth
from depth_ros.training.validation import validate

OBJECTIVE = LogDepth(preprocessing_of(LiteConfig()), training_f_px=100.0)


class Constant(nn.Module):
    def __init__(self, depth_m: float) -> None:
        super().__init__()
        self.depth_m = depth_m

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.new_full(
            (len(pixels), pixels.shape[2] // 2, pixels.shape[3] // 2), self.depth_m
        )


def batch(truth_m: float, f_px: float, count: int = 2) -> Batch:
    depth_m = torch.full((count, 8, 12), truth_m)
    depth_m[:, :2] = torch.nan
    depth_m[:, 2:3] = 0.0
    rgb = torch.zeros(count, 8, 12, 3, dtype=torch.uint8)
    return Batch(rgb, depth_m, torch.zeros(count, 8, 12, 2), torch.full((count,), f_px))


def test_metres_are_compared_as_the_canonical_camera_sees_them() -> None:
    scores = validate(Constant(1.0), OBJECTIVE, [batch(2.0, 200.0)])
    assert scores.abs_rel == pytest.approx(0.0, abs=1e-5)
    assert scores.delta1 == 1.0


def test_scale_counts_but_for_the_score_that_forgives_it() -> None:
    scores = validate(Constant(1.5), OBJECTIVE, [batch(1.0, 100.0)])
    assert scores.abs_rel == pytest.approx(0.5, abs=1e-5)
    assert scores.delta1 == 0.0
    assert scores.scaled_abs_rel == pytest.approx(0.0, abs=1e-5)


def test_every_image_counts_alike_and_those_without_truth_do_not() -> None:
    empty = batch(1.0, 100.0)
    empty.depth_m.fill_(torch.nan)
    scores = validate(Constant(1.5), OBJECTIVE, [batch(1.0, 100.0), batch(1.5, 100.0, 4), empty])
    assert scores.abs_rel == pytest.approx(0.5 * 2 / 6, abs=1e-5)


def test_the_network_trains_on_afterwards() -> None:
    network = Constant(1.0).train()
    validate(network, OBJECTIVE, [batch(1.0, 100.0)])
    assert network.training
