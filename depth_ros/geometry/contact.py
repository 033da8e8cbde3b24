"""Contact of objects with the ground: the camera's height gives their distance.

On the ground the true z-depth is h / (n . r) (see scale.ground). Up an image column, depth grows
like that of the ground until the foot of an upright object; above, it is constant. So the row of
the foot gives the object's distance. The ratio to the predicted depth at the foot corrects the
whole object, and what is then near the upright surface above the foot is put on it. The idea is
that of stixels (Badino, Franke and Pfeiffer, "The Stixel World", DAGM 2009).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_FOLLOWS = 0.5  # half-way between an upright object (constant depth) and ground (growing depth)
_LEAST_ROWS = 3  # minimum number of ground rows below a foot
_SMOOTHED = 2  # columns to each side of the median filter
# An object whose ln depth differs by less from that of its upright surface stands on it. What is
# nearer may overhang, as a table does: it is moved away from the robot by little only.
_NEARER, _FARTHER = 0.08, 0.25
_JUMP = 0.15  # of ln depth over the blur of an edge: above it, another object begins


class Contact(NamedTuple):
    """The end of the visible ground in each column of an image.

    Attributes:
        ground: bool (H, W), the pixels from the bottom to the end of the ground.
        log_factor: (W,) ln(true / predicted depth) of the object there. A column without a contact
            has the value of the nearest column; 0 if there is no contact at all.
        foot_m: (W,) true z-depth at the contact; NaN: no contact in the column.
        foot_row: int64 (W,), the row of the contact.
    """

    ground: Tensor
    log_factor: Tensor
    foot_m: Tensor
    foot_row: Tensor


def find_contact(depth_m: Tensor, ground_m: Tensor, reach_px: int) -> Contact:
    """Find the end of the ground in an image that has the ground at its bottom.

    Args:
        depth_m: (H, W) predicted z-depth; NaN: no estimate, +inf: beyond range.
        ground_m: (H, W) true z-depth of the ground; NaN: the ray does not meet it.
        reach_px: rows to either side for measuring slopes: the radius of blur in depth.
    """
    height = depth_m.shape[0]
    # Slopes are ratios, so that only the rows of the feet need logarithms.
    expected = (ground_m[: -2 * reach_px] / ground_m[2 * reach_px :]).pow_(_FOLLOWS)
    follows = expected.mul_(depth_m[2 * reach_px :]) < depth_m[: -2 * reach_px]  # false for NaN
    other = _last_false(follows)
    # The bottom rows have no rows below to compare with: they take the value of the row above.
    at_bottom = other == height - 2 * reach_px - 1
    other = torch.where(at_bottom, height - 1, other + reach_px)
    rows = height - 1 - other
    known = (rows >= _LEAST_ROWS + reach_px) & (rows < height - reach_px)
    last = (other + 1).clamp_(reach_px, height - 1)[None]
    # A sharp bend would be half a row higher, but networks blur it, see benchmarks.costmap.
    foot_m = ground_m.gather(0, last)[0]
    # Measure just above the blurred bend. If the ground continues to the end of its known area,
    # there is no foot, and the factor is that of the ground.
    above_foot = last - reach_px
    goes_on = ground_m.gather(0, (above_foot - 1).clamp_min(0))[0].isnan()
    beside = torch.where(goes_on, last, above_foot)
    factor = foot_m.log() - depth_m.gather(0, beside)[0].log_()
    known &= factor.abs() < torch.inf  # false for NaN
    factor = _filled(_smooth(factor.masked_fill_(~known, torch.nan)))
    foot_m = foot_m.masked_fill_(~known | goes_on, torch.nan)
    return Contact(_row_numbers(depth_m) > other, factor, foot_m, last[0])


def upright_m(contact: Contact, x: Tensor, y: Tensor, down: tuple[float, float, float]) -> Tensor:
    """Return the z-depth (H, W) of an upright surface that stands on the contact of each column.

    Exact for a level camera: the points of a column are in one upright plane, and a surface of any
    direction meets it in an upright line. If the camera looks up or down, a column beside the
    centre leans: the error of a wall turned by 40 degrees is 1 % in the median, 10 % at the side.

    Args:
        contact: of the columns.
        x, y: (H, W) viewing rays x/z and y/z.
        down: unit vector towards the ground in the camera's optical frame.

    Returns:
        NaN where a column has no contact, or a ray goes straight up or backwards.
    """
    foot_x, foot_y = (plane.gather(0, contact.foot_row[None])[0] for plane in (x, y))
    falls = foot_x * down[0] + foot_y * down[1] + down[2]
    # Horizontal, towards the foot: the normal of an upright surface.
    normal_x, normal_y = foot_x - falls * down[0], foot_y - falls * down[1]
    normal_z = 1 - falls * down[2]
    away = (x * normal_x).addcmul_(y, normal_y).add_(normal_z)
    distance = contact.foot_m * (foot_x * normal_x + foot_y * normal_y + normal_z)
    return distance / away.masked_fill_(away <= 0, torch.nan)


def standing(depth_m: Tensor, contact: Contact, upright: Tensor, reach_px: int) -> Tensor:
    """Return depth (H, W) with what is near the upright surface of its column put on it.

    An object ends where depth jumps back: what is seen above it is another one.

    Args:
        depth_m: (H, W) z-depth, already corrected by the contact's factor.
        contact: of the columns.
        upright: of upright_m().
        reach_px: see find_contact.
    """
    apart = depth_m / upright  # NaN compares false
    near = (apart > math.exp(-_NEARER)) & (apart < math.exp(_FARTHER))
    apart = apart.nan_to_num_(1.0).masked_fill_(contact.ground, 1.0)
    below = apart[2 * reach_px :] * math.exp(_JUMP)
    jump = _last_false(apart[: -2 * reach_px] < below)
    near &= (_row_numbers(depth_m) > jump) & ~contact.ground
    return torch.where(near, upright, depth_m)


def _last_false(mask: Tensor) -> Tensor:
    """Return the last row, int64 (W,), in which a mask (H, W) is false; -1: in none."""
    numbers = _row_numbers(mask) + 1
    return (numbers * ~mask).amax(0).long() - 1


def _row_numbers(like: Tensor) -> Tensor:
    """Return the number of each row of an image (H, W), int32 (H, 1)."""
    return torch.arange(like.shape[0], dtype=torch.int32, device=like.device)[:, None]


def _smooth(values: Tensor) -> Tensor:
    """Return the running median of values (W,); NaN is ignored, and stays NaN."""
    padded = functional.pad(values, (_SMOOTHED, _SMOOTHED), value=torch.nan)
    medians = padded.unfold(0, 2 * _SMOOTHED + 1, 1).nanmedian(-1).values
    return medians.where(~values.isnan(), values)


def _filled(values: Tensor) -> Tensor:
    """Return values (W,) with each NaN replaced by the nearest value; 0 if all are NaN."""
    places = torch.arange(len(values), device=values.device)
    known = ~values.isnan()
    left = torch.where(known, places, -len(values)).cummax(0).values
    right = -torch.where(known, -places, -3 * len(values)).flip(0).cummax(0).values.flip(0)
    nearest = torch.where(places - left <= right - places, left, right)
    return values[nearest.clamp(0, len(values) - 1)].nan_to_num(0.0)
