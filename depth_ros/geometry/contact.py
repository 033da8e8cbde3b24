"""Where things stand on the ground: a camera's known height says how far away that is.

On the ground z-depth is h / (n . r), whatever a network says (see scale.ground). Going up an image,
depth grows as the ground's does, until the foot of something upright, from where it stays. So the
row of the foot tells its distance, and what the network says there is off by a factor that holds
for what stands on it. The idea is that of stixels (Badino, Franke and Pfeiffer, "The Stixel World",
DAGM 2009).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_FOLLOWS = 0.5  # half-way between upright, where depth stays, and ground, where it grows
_LEAST_ROWS = 3  # of ground below a foot
_SMOOTHED = 2  # columns to each side whose median counts


class Contact(NamedTuple):
    """Where the ground that an image shows ends, column by column.

    Attributes:
        ground: bool (H, W), the pixels from the bottom up to there.
        log_factor: (W,) ln of true over predicted depth of what stands there; that of the nearest
            column where a column shows none, and 0 where none does.
        foot_m: (W,) true z-depth there; NaN where a column shows none.
    """

    ground: Tensor
    log_factor: Tensor
    foot_m: Tensor


def find_contact(depth_m: Tensor, ground_m: Tensor, reach_px: int) -> Contact:
    """Return where the ground ends, for an image whose columns run down to the ground.

    Args:
        depth_m: (H, W) z-depth as predicted; NaN no estimate, +inf beyond range.
        ground_m: (H, W) z-depth that the ground has; NaN where a ray does not meet it.
        reach_px: rows to either side that a slope is measured over: as far as depth is smeared.
    """
    height = depth_m.shape[0]
    log_m, log_ground = depth_m.log(), ground_m.log()
    rise = log_m[: -2 * reach_px] - log_m[2 * reach_px :]
    expected = log_ground[: -2 * reach_px] - log_ground[2 * reach_px :]
    follows = (rise > _FOLLOWS * expected).float()  # NaN compares false
    # At the bottom there is nothing below to compare with: it is as the rows above.
    below = follows[-1:].expand(reach_px, -1)
    above = torch.zeros_like(log_m[:reach_px])
    ground = torch.cat([above, follows, below]).flip(0).cumprod(0)
    rows = ground.sum(0).long()
    known = (rows >= _LEAST_ROWS + reach_px) & (rows < height - reach_px)
    last = (height - rows).clamp(reach_px, height - 1)[None]
    # Not half a row higher, where a sharp bend would be: networks' are smeared, see
    # benchmarks.costmap.
    foot = log_ground.gather(0, last)[0]
    # A little above the foot, where the smeared bend is over; where the ground goes on as far as
    # it is known, there is no foot, and the factor is the ground's own.
    above_foot = last - reach_px
    goes_on = log_ground.gather(0, (above_foot - 1).clamp_min(0))[0].isnan()
    beside = torch.where(goes_on[None], last, above_foot)
    factor = foot - log_m.gather(0, beside)[0]
    known &= factor.abs() < torch.inf  # NaN compares false
    factor = _filled(_smooth(factor.masked_fill(~known, torch.nan)))
    foot_m = foot.exp().masked_fill_(~known | goes_on, torch.nan)
    return Contact(ground.flip(0) > 0, factor, foot_m)


def _smooth(values: Tensor) -> Tensor:
    """Return the running median of values (W,), of those that are no NaN."""
    padded = functional.pad(values, (_SMOOTHED, _SMOOTHED), value=torch.nan)
    medians = padded.unfold(0, 2 * _SMOOTHED + 1, 1).nanmedian(-1).values
    return medians.where(~values.isnan(), values)


def _filled(values: Tensor) -> Tensor:
    """Return values (W,), the nearest one for each NaN, and 0 where all are NaN."""
    places = torch.arange(len(values), device=values.device)
    known = ~values.isnan()
    left = torch.where(known, places, -len(values)).cummax(0).values
    right = -torch.where(known, -places, -3 * len(values)).flip(0).cummax(0).values.flip(0)
    nearest = torch.where(places - left <= right - places, left, right)
    return values[nearest.clamp(0, len(values) - 1)].nan_to_num(0.0)
