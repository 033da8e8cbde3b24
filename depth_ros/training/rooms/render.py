"""Render furnished rooms: images, and the exact depth of every pixel.

It uses torch on whole batches, so that it runs on the CPU and on the GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depth_ros.arrays import FloatArray
from depth_ros.geometry.camera import Camera
from depth_ros.training.render import Frames, darkened, rays_of, tensor_of
from depth_ros.training.rooms import lighting, tracing
from depth_ros.training.rooms.lighting import Lights
from depth_ros.training.rooms.photo import develop
from depth_ros.training.rooms.room import SHELL, Room
from depth_ros.training.rooms.textures import albedo
from depth_ros.training.rooms.tracing import Shapes, Surface
from depth_ros.training.scenes import Pose

_TILE = 16
_AT_ONCE = {"cpu": 4}
_AT_ONCE_ELSEWHERE = 32
_GLOSS, _GLOW = 12, 13


class _Tiles(NamedTuple):
    """Division of an image into square tiles; the image is extended to fill them."""

    height: int
    width: int

    @property
    def rows(self) -> int:
        return -(-self.height // _TILE)

    @property
    def columns(self) -> int:
        return -(-self.width // _TILE)

    @property
    def number(self) -> int:
        return self.rows * self.columns

    def cut(self, image: Tensor) -> Tensor:
        """Turn images (B, H, W, C) into tiles (B, T, Q, C)."""
        v = torch.arange(self.rows * _TILE, device=image.device).clamp(max=self.height - 1)
        u = torch.arange(self.columns * _TILE, device=image.device).clamp(max=self.width - 1)
        size = (self.rows, _TILE, self.columns, _TILE)
        split = image[:, v][:, :, u].reshape(len(image), *size, -1)
        return split.transpose(2, 3).flatten(3, 4).flatten(1, 2)

    def join(self, tiles: Tensor) -> Tensor:
        """Turn the pixels of tiles (B, ..., T * Q) into images (B, ..., H, W)."""
        split = tiles.reshape(*tiles.shape[:-1], self.rows, self.columns, _TILE, _TILE)
        whole = split.transpose(-3, -2).flatten(-2).flatten(-3, -2)
        return whole[..., : self.height, : self.width]


@torch.no_grad()
def render_rooms(
    rooms: Sequence[Room],
    poses: Sequence[Pose],
    cameras: Sequence[Camera],
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Frames:
    """Render one frame per (room, pose, camera); all cameras have the same size.

    The same arguments give the same frames. seed affects the sensor noise only. Pixels without a
    ray are black, and their depth is NaN.
    """
    generator = torch.Generator(device).manual_seed(seed)
    step = _AT_ONCE.get(torch.device(device).type, _AT_ONCE_ELSEWHERE)
    parts = [
        _render(rooms[i : i + step], poses[i : i + step], cameras[i : i + step], generator)
        for i in range(0, len(rooms), step)
    ]
    return Frames(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _render(
    rooms: Sequence[Room],
    poses: Sequence[Pose],
    cameras: Sequence[Camera],
    generator: torch.Generator,
) -> Frames:
    device = generator.device
    tiles = _Tiles(cameras[0].height, cameras[0].width)
    transforms = np.stack([pose.world_from_optical() for pose in poses])
    origins, turn = (
        tensor_of(transforms[:, :3, 3], device),
        tensor_of(transforms[:, :3, :3], device),
    )
    known, dark = rays_of(cameras)
    rays = tiles.cut(tensor_of(known, device))
    forward = torch.cat([rays, torch.ones_like(rays[..., :1])], dim=-1)
    directions = torch.einsum("bij,btqj->btiq", turn, forward)
    shapes = Shapes(
        tensor_of(np.stack([room.size_m for room in rooms]), device),
        _padded([room.boxes for room in rooms], device),
        _padded([room.cylinders for room in rooms], device),
    )
    corners = (shapes.corners() - origins[:, None, None]) @ turn[:, None]
    visible = tracing.seen(corners, rays) & shapes.real()[:, None]
    surface = tracing.trace(shapes, visible, origins, directions)
    linear = _shade(rooms, cameras, shapes, surface, directions, tiles)
    rgb = develop(linear, tensor_of(np.stack([room.photo for room in rooms]), device), generator)
    return darkened(Frames(rgb, tiles.join(surface.t).contiguous()), dark)


def _shade(
    rooms: Sequence[Room],
    cameras: Sequence[Camera],
    shapes: Shapes,
    surface: Surface,
    directions: Tensor,
    tiles: _Tiles,
) -> Tensor:
    """Return the light (B, 3, H, W) that reaches the camera."""
    device = directions.device
    materials = _materials(rooms, shapes)
    ray = directions.movedim(2, 1).flatten(2)
    material = materials.movedim(-1, 1).gather(
        2, surface.shape[:, None].expand(-1, materials.shape[-1], -1)
    )
    lights = Lights(
        _padded([room.lights for room in rooms], device),
        tensor_of(np.stack([room.ambient for room in rooms]), device),
    )
    opaque = shapes.real() & (materials[:, SHELL:, _GLOW] == 0)
    seen = lighting.visible(shapes, opaque, surface, tiles.number, lights, _jitter(tiles, device))
    share = _smooth(tiles.join(seen.float()), tiles.join(_face(surface)))
    lit = lighting.unshadowed(surface, ray, lights)
    direct, shine = (
        torch.einsum("blhw,blc->bchw", tiles.join(part) * share, lights.colour) for part in lit
    )
    around = tiles.join(lighting.ambient(shapes, surface, tiles.number))[:, None]
    colour = albedo(material, surface.uv, surface.unit, _footprint_m(cameras, surface, ray))
    colour, gloss, glow = (
        tiles.join(part)
        for part in (colour, material[:, _GLOSS : _GLOSS + 1], material[:, _GLOW : _GLOW + 1])
    )
    reflected = colour * (direct + around * lights.ambient[..., None, None]) + gloss * shine
    return torch.where(glow > 0, colour * glow, reflected)


def _footprint_m(cameras: Sequence[Camera], surface: Surface, ray: Tensor) -> Tensor:
    """Return a pixel's size on a surface: larger far away and at grazing angles."""
    f_px = surface.t.new_tensor([camera.f_px for camera in cameras])[:, None]
    slant = (ray * surface.normal).sum(dim=1).abs() / ray.square().sum(dim=1).sqrt()
    return (surface.t / f_px / slant.clamp(min=0.1).sqrt()).clamp(min=1e-4)


def _jitter(tiles: _Tiles, device: torch.device) -> Tensor:
    """Return points on a light (2, T * Q), each of 4 x 4 pixels in another sixteenth of it."""
    order = torch.tensor([0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5], device=device)
    v, u = torch.meshgrid(
        torch.arange(_TILE, device=device), torch.arange(_TILE, device=device), indexing="ij"
    )
    rank = order[(v % 4) * 4 + u % 4].flatten()
    places = (torch.stack([rank % 4, rank // 4]) / 2 - 0.75).repeat(1, tiles.number)
    # Random within the sixteenth: regular points would show as steps in penumbrae.
    within = np.random.default_rng(0).uniform(-0.15, 0.15, places.shape)
    return places + tensor_of(within, device)


def _face(surface: Surface) -> Tensor:
    """Return a number per pixel that differs between faces of shapes."""
    side = (3 * surface.normal).round()
    return surface.shape * 64 + (side[:, 0] + 5 * side[:, 1] + 25 * side[:, 2]).long() % 61


def _smooth(share: Tensor, face: Tensor) -> Tensor:
    """Average shares (B, L, H, W) over those of 4 x 4 neighbouring pixels that show the same face.

    So each pixel has the mean over all points on a light that _jitter chooses.
    """
    for axis in (-1, -2):
        total, count = share.clone(), torch.ones_like(share[:, 0])
        for step in (-1, 1, 2):
            same = (face.roll(step, axis) == face).float()
            _cut_edge(same, step, axis)
            total += share.roll(step, axis) * same[:, None]
            count += same
        share = total / count[:, None]
    return share


def _cut_edge(same: Tensor, step: int, axis: int) -> None:
    """Mark pixels that were rolled over the image's edge as different."""
    size = min(abs(step), same.shape[axis])
    same.narrow(axis, 0 if step > 0 else same.shape[axis] - size, size).zero_()


def _materials(rooms: Sequence[Room], shapes: Shapes) -> Tensor:
    """Return materials (B, SHELL + N + M, FIELDS) in the order of the padded shapes."""
    boxes = [room.materials[: SHELL + len(room.boxes)] for room in rooms]
    cylinders = [room.materials[SHELL + len(room.boxes) :] for room in rooms]
    device = shapes.boxes.device
    return torch.cat([_padded(boxes, device), _padded(cylinders, device)], dim=1)


def _padded(tables: Sequence[FloatArray], device: torch.device) -> Tensor:
    """Stack tables (N, F), padded with rows of zeros to the longest length plus one."""
    longest = max(1, *(len(table) for table in tables))
    whole = np.zeros((len(tables), longest, tables[0].shape[1]))
    for row, table in zip(whole, tables, strict=True):
        row[: len(table)] = table
    return tensor_of(whole, device)
