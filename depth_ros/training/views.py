"""Random views of a frame, as seen by other cameras at the same place.

Zoom, roll, squeeze and mirror change the image and its rays but not z-depth: an enlarged crop is
the image of a camera with a longer focal length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.training.frames import Batch
from depth_ros.training.store import FrameStore


@dataclass(frozen=True)
class Views:
    """Ranges of random views.

    Attributes:
        zoom: maximum ratio of focal lengths of a view and the whole frame.
        whole: share of the views that are (nearly) whole frames.
        roll_deg: maximum roll.
        squeeze: maximum relative difference of the focal lengths across and down.
    """

    zoom: float = 1.8
    whole: float = 0.3
    roll_deg: float = 5.0
    squeeze: float = 0.04


@dataclass(frozen=True)
class _Draw:
    """One view of each frame: scale (B, 2), roll (B,), centre (B, 2) in the frame, mirror (B,)."""

    scale: Tensor
    roll: Tensor
    centre: Tensor
    mirror: Tensor


def random_views(
    frames: FrameStore, height: int, width: int, views: Views, generator: torch.Generator
) -> Batch:
    """Return one random view of each frame, height x width; generator is on the CPU."""
    return _view(frames, height, width, _draw(frames, height, width, views, generator))


def whole_views(frames: FrameStore, height: int, width: int) -> Batch:
    """Return the whole frames, resized to height x width."""
    rows, columns = frames.rgb.shape[-2:]
    count, device = len(frames), frames.rgb.device
    scale = torch.tensor([width / columns, height / rows], device=device).expand(count, 2)
    centre = torch.tensor([columns - 1, rows - 1], device=device).expand(count, 2) / 2
    nothing = torch.zeros(count, device=device)
    return _view(frames, height, width, _Draw(scale, nothing, centre, nothing > 0))


def _draw(
    frames: FrameStore, height: int, width: int, views: Views, generator: torch.Generator
) -> _Draw:
    rows, columns = frames.rgb.shape[-2:]
    count = len(frames)
    lots = torch.rand(8, count, generator=generator)
    whole = lots[0] < views.whole
    zoom = views.zoom ** torch.where(whole, 0.06 * lots[1], lots[1])
    across = max(width / columns, height / rows) * zoom
    squeeze = 1 + views.squeeze * (2 * lots[2] - 1)
    scale = torch.stack([across, across * squeeze], dim=1)
    roll = torch.deg2rad(views.roll_deg * (2 * lots[3] - 1))
    size, window = torch.tensor([columns, rows]), torch.tensor([width, height]) / scale
    room = (size - window).clamp(min=0)
    centre = (size - 1) / 2 + (lots[4:6].T - 0.5) * room
    draw = _Draw(scale, roll, centre, lots[6] < 0.5)
    device = frames.rgb.device
    names = _Draw.__dataclass_fields__
    # No synchronisation: the host draws the next batch while the device trains on this one.
    return _Draw(*(getattr(draw, name).to(device, non_blocking=True) for name in names))


def _view(frames: FrameStore, height: int, width: int, draw: _Draw) -> Batch:
    # Rendered at twice the resolution, then averaged, to avoid aliasing.
    fine = functional.grid_sample(
        frames.rgb.float(),
        _places(frames, (height, width), draw, finer=2),
        padding_mode="reflection",
        align_corners=False,
    )
    rgb = functional.avg_pool2d(fine, 2).round_().clamp_(0, 255).to(torch.uint8)
    places = _places(frames, (height, width), draw)
    # Pixels outside the frame have no label: zero.
    depth_m = functional.grid_sample(
        frames.depth_m[:, None].float().nan_to_num(0.0, 0.0, 0.0),
        places,
        mode="nearest",
        align_corners=False,
    )[:, 0]
    rays = functional.grid_sample(
        frames.rays[frames.cameras].float(), places, padding_mode="border", align_corners=False
    ).permute(0, 2, 3, 1)
    f_px = frames.f_px * draw.scale.prod(dim=1).sqrt()
    return Batch(rgb.permute(0, 2, 3, 1), depth_m, _turned(rays, draw), f_px)


def _places(frames: FrameStore, view: tuple[int, int], draw: _Draw, finer: int = 1) -> Tensor:
    """Return the positions of views' pixels in frames, for grid_sample: (B, h, w, 2).

    finer: number of result pixels per pixel of the view, down and across.
    """
    (height, width), device = view, frames.rgb.device
    v = (torch.arange(height * finer, device=device) + 0.5) / finer - height / 2
    u = (torch.arange(width * finer, device=device) + 0.5) / finer - width / 2
    across = torch.where(draw.mirror, -1.0, 1.0)[:, None] * u / draw.scale[:, :1]
    down = v / draw.scale[:, 1:]
    across, down = across[:, None, :], down[:, :, None]
    cos, sin = draw.roll.cos()[:, None, None], draw.roll.sin()[:, None, None]
    x = cos * across - sin * down + draw.centre[:, :1, None]
    y = sin * across + cos * down + draw.centre[:, 1:, None]
    rows, columns = frames.rgb.shape[-2:]
    return torch.stack([(2 * x + 1) / columns - 1, (2 * y + 1) / rows - 1], dim=-1)


def _turned(rays: Tensor, draw: _Draw) -> Tensor:
    """Return rays in the views' axes."""
    cos, sin = draw.roll.cos()[:, None, None], draw.roll.sin()[:, None, None]
    x, y = rays.unbind(-1)
    across = cos * x + sin * y
    across = torch.where(draw.mirror[:, None, None], -across, across)
    return torch.stack([across, cos * y - sin * x], dim=-1)
