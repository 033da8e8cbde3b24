"""Losses: against definitions written out plainly, and their invariances."""

import math

import numpy as np
import pytest
import torch

from depth_ros.training.losses import affine_invariant, align_shift_scale, gradient, silog


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    depth = 1 + 4 * torch.rand(2, 9, 13, generator=generator)
    truth = 1 + 4 * torch.rand(2, 9, 13, generator=generator)
    return depth, truth, torch.rand(2, 9, 13, generator=generator) > 0.3


def test_silog_is_its_formula() -> None:
    depth, truth, valid = maps()
    g = np.log(depth[valid].numpy()) - np.log(truth[valid].numpy())
    expected = 10 * math.sqrt(g.var() + 0.15 * g.mean() ** 2)
    assert float(silog(depth, truth, valid)) == pytest.approx(expected, rel=1e-4)


def test_silog_ignores_scale_only_with_mean_weight_0() -> None:
    depth, truth, valid = maps()
    scaled = silog(3 * depth, truth, valid, mean_weight=0.0)
    assert float(scaled) == pytest.approx(float(silog(depth, truth, valid, 0.0)), rel=1e-4)
    assert silog(3 * truth, truth, valid, 0.5) > 5


def test_pixels_without_truth_do_not_affect_the_loss() -> None:
    depth, truth, valid = maps()
    hidden = truth.masked_fill(~valid, 1e6)
    assert torch.equal(silog(depth, truth, valid), silog(depth, hidden, valid))
    inverse = 1 / depth
    loss = affine_invariant(inverse, 1 / truth, valid)
    torch.testing.assert_close(affine_invariant(inverse, 1 / hidden, valid), loss)


def test_the_gradient_term_is_its_sum_over_scales() -> None:
    residual, _, valid = maps()
    expected = 0.0
    for scale in range(4):
        r = residual[:, :: 2**scale, :: 2**scale].numpy()
        m = valid[:, :: 2**scale, :: 2**scale].numpy()
        for axis in (1, 2):
            both = m.take(range(1, m.shape[axis]), axis) & m.take(range(m.shape[axis] - 1), axis)
            steps = np.abs(np.diff(r, axis=axis))[both]
            expected += float(steps.mean()) if steps.size else 0.0
    assert float(gradient(residual, valid)) == pytest.approx(expected, rel=1e-4)


def test_alignment_ignores_scale_and_shift_of_each_map() -> None:
    depth, _, valid = maps()
    moved = torch.stack([3 * depth[0] + 2, 0.5 * depth[1] - 1])
    expected = align_shift_scale(depth, valid)
    torch.testing.assert_close(align_shift_scale(moved, valid), expected, rtol=1e-4, atol=1e-5)


def test_the_affine_invariant_loss_is_zero_for_the_truth_up_to_scale_and_shift() -> None:
    _, truth, valid = maps()
    assert float(affine_invariant(4 * truth + 3, truth, valid)) < 1e-4
    assert float(affine_invariant(truth.flip(2), truth, valid)) > 0.1


def test_the_trimmed_share_forgives_outliers() -> None:
    _, truth, valid = maps()
    spoiled = truth.clone()
    spoiled[0, 0, :3] = 100.0
    trimmed = affine_invariant(spoiled, truth, valid, trim=0.2)
    whole = affine_invariant(spoiled, truth, valid, trim=0.0)
    assert trimmed < whole


@pytest.mark.parametrize("loss", [silog, affine_invariant])
def test_gradients_are_finite_and_point_downhill(loss: object) -> None:
    assert callable(loss)
    depth, truth, valid = maps()
    depth.requires_grad_()
    before = loss(depth, truth, valid)
    before.backward()
    assert depth.grad is not None
    assert torch.isfinite(depth.grad).all()
    step = 1e-2 * depth.grad / depth.grad.norm()
    assert loss((depth - step).detach(), truth, valid) < before
