"""From spread to the probability of being right."""

import math

import pytest
import torch

from depth_ros.geometry.depth import RIGHT
from depth_ros.models.grin.confidence import within


@pytest.mark.parametrize("spread", [0.05, 0.2, 0.8])
def test_it_is_the_share_of_normal_errors_within_the_factor(spread: float) -> None:
    errors = spread * torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    share = float((errors.abs() < math.log(RIGHT)).float().mean())
    assert float(within(torch.tensor(spread))) == pytest.approx(share, abs=0.004)


def test_no_spread_is_certainty_and_no_end_of_it_none() -> None:
    assert within(torch.tensor([0.0, torch.inf])).tolist() == [1, 0]


def test_more_spread_is_less_confidence() -> None:
    assert (within(torch.linspace(0.05, 3, 50)).diff() < 0).all()
