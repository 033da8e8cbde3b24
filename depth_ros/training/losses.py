"""Losses for metric and for affine-invariant depth. All take (B, H, W) tensors and a bool mask."""

from __future__ import annotations

import torch
from torch import Tensor

_EPSILON = 1e-7


def silog(depth_m: Tensor, truth_m: Tensor, valid: Tensor, mean_weight: float = 0.15) -> Tensor:
    """Return the scale-invariant log loss, 10 sqrt(Var(g) + mean_weight mean(g)^2).

    g = ln(depth) - ln(truth) over the valid pixels of the batch. mean_weight 0 ignores scale
    completely; 1 is the root mean square of g. Computed in float32, because squares of small
    logarithms underflow in half precision.

    Source: Eigen et al. 2014, as configured in ZoeDepth (arXiv 2302.12288), lambda = 0.85.
    """
    g = torch.log(depth_m.float() + _EPSILON) - torch.log(truth_m.float() + _EPSILON)
    g = g[valid]
    return 10 * torch.sqrt(g.var(unbiased=False) + mean_weight * g.mean() ** 2 + _EPSILON)


def per_image(residual: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, standard deviation and mean absolute value of each image's residuals, (B,).

    Images without a valid pixel have zero residuals.
    """
    count = valid.sum((1, 2)).clamp(min=1)
    kept = residual.float() * valid
    mean = kept.sum((1, 2)) / count
    square = ((residual.float() - mean[:, None, None]) ** 2 * valid).sum((1, 2)) / count
    return mean, torch.sqrt(square + _EPSILON), kept.abs().sum((1, 2)) / count


def gradient(residual: Tensor, valid: Tensor, scales: int = 4) -> Tensor:
    """Return the multi-scale gradient matching term of a residual map.

    The mean over valid neighbours of |dx R| + |dy R|, summed over subsamplings by 1, 2, 4, ...

    Source: Ranftl et al., MiDaS (arXiv 1907.01341), equation 11.
    """
    total = residual.new_zeros(())
    for scale in range(scales):
        step = 2**scale
        part, mask = residual[:, ::step, ::step], valid[:, ::step, ::step]
        total = total + _mean_step(part, mask, dim=1) + _mean_step(part, mask, dim=2)
    return total


def _mean_step(residual: Tensor, valid: Tensor, dim: int) -> Tensor:
    both = valid.narrow(dim, 1, valid.shape[dim] - 1) & valid.narrow(dim, 0, valid.shape[dim] - 1)
    step = residual.diff(dim=dim).abs() * both
    return step.sum() / both.sum().clamp(min=1)


def align_shift_scale(prediction: Tensor, valid: Tensor) -> Tensor:
    """Return each map shifted by its median and divided by its mean absolute deviation.

    Source: MiDaS (arXiv 1907.01341), equation 5; the median is over valid pixels only.
    """
    hidden = prediction.float().masked_fill(~valid, torch.nan).flatten(1)
    shift = hidden.nanmedian(dim=1).values[:, None, None]
    scale = (hidden - shift.flatten(1)).abs().nanmean(dim=1)[:, None, None].clamp(min=1e-6)
    return ((prediction.float() - shift) / scale).masked_fill(~valid, 0.0)


def affine_invariant(prediction: Tensor, truth: Tensor, valid: Tensor, trim: float = 0.2) -> Tensor:
    """Return the trimmed scale-and-shift-invariant loss with its gradient term.

    prediction and truth are inverse depths. Both are aligned robustly, the largest trim of the
    absolute residuals is dropped, and half of the gradient term is added.

    Source: MiDaS (arXiv 1907.01341), equations 5, 7, 11 and 12 (alpha = 0.5).
    """
    residual = align_shift_scale(prediction, valid) - align_shift_scale(truth, valid)
    errors = residual.abs()[valid].sort().values
    kept = errors[: max(1, round((1 - trim) * errors.numel()))]
    return kept.sum() / (2 * errors.numel()) + 0.5 * gradient(residual, valid)
