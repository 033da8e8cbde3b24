"""How uncertain depth is: against its definition, and against the confidence it is made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from depth_ros.geometry.uncertainty import (
    ErrorModel,
    deviation,
    deviation_from_confidence,
    log_range,
)
from depth_ros.models.grin.confidence import within

ERRORS = ErrorModel(base=0.05, per_m=0.02, edge=0.4, scale=0.1)


@pytest.mark.parametrize("radius", [1, 2, 3, 8])
def test_the_log_range_is_that_of_each_pixels_window(radius: int) -> None:
    rng = np.random.default_rng(radius)
    depth = rng.uniform(1, 5, (13, 17)).astype(np.float32)
    depth[3, 4], depth[5, 6] = np.nan, np.inf
    expected = np.empty(depth.shape)
    for y, x in np.ndindex(*depth.shape):
        window = depth[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
        window = window[np.isfinite(window)]
        expected[y, x] = np.log(window.max() / window.min())
    found = log_range(torch.from_numpy(depth), radius)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_where_nothing_is_known_nothing_is_added() -> None:
    assert torch.equal(log_range(torch.full((5, 5), torch.nan), 1), torch.zeros(5, 5))


def test_squares_of_independent_parts_add_up() -> None:
    depth = torch.full((9, 9), 2.0)
    depth[:, 5:] = 3.0
    found = deviation(depth, ERRORS, 1, 0.1)
    assert float(found[4, 0]) == pytest.approx(math.hypot(0.05, 0.04, 0.1), rel=1e-5)
    step = 0.4 * math.log(1.5)
    assert float(found[4, 4]) == pytest.approx(math.hypot(0.05, 0.04, step, 0.1), rel=1e-5)
    assert found[4, 4] > found[4, 0]


def test_there_is_no_uncertainty_of_no_depth() -> None:
    found = deviation(torch.tensor([[1.0, torch.nan, torch.inf]]), ERRORS, 1, 0.0)
    assert found.isnan().tolist() == [[False, True, True]]


def test_confidence_says_the_spread_that_it_was_made_of() -> None:
    spread = torch.tensor([0.05, 0.1, 0.3, 1.0])
    found = deviation_from_confidence(within(spread), ERRORS, 0.0)
    torch.testing.assert_close(found, spread, rtol=2e-2, atol=1e-4)
    certain = deviation_from_confidence(torch.tensor([0.0, 1.0]), ERRORS, 0.1)
    assert torch.isfinite(certain).all()
    assert certain[0] > certain[1] >= 0.1
