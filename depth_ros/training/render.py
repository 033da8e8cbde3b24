"""Render procedural scenes by ray casting: images, and the exact depth of every pixel.

It uses torch on whole batches, so that it runs on the CPU and on the GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.geometry.camera import Camera
from depth_ros.training.scenes import (
    MAX_BOXES,
    SURFACES,
    Drive,
    Pose,
    Robot,
    Scene,
    random_camera,
    random_pose,
    random_scene,
)

_EPSILON = 1e-6
_GAMMA = 1.8


class Frames(NamedTuple):
    """Rendered frames: rgb uint8 (B, H, W, 3), depth_m float32 (B, H, W) along the optical axis."""

    rgb: Tensor
    depth_m: Tensor


class _Hits(NamedTuple):
    """The nearest surface per ray: distance, world normal, texture coordinates, material."""

    t: Tensor
    normal: Tensor
    uv: Tensor
    material: Tensor


@torch.no_grad()
def render(
    scenes: list[Scene],
    poses: list[Pose],
    cameras: list[Camera],
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Frames:
    """Render one frame per (scene, pose, camera); all cameras have the same size.

    The same arguments give the same frames. seed affects the sensor noise only. Pixels without a
    ray are black, and their depth is NaN.
    """
    height, width = cameras[0].height, cameras[0].width
    rays, dark = rays_of(cameras)
    rays = rays.reshape(len(cameras), -1, 2)
    forward = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)
    transforms = np.stack([pose.world_from_optical() for pose in poses])
    directions = tensor_of(np.einsum("bij,bpj->bip", transforms[:, :3, :3], forward), device)
    origins = tensor_of(transforms[:, :3, 3], device)
    hits = _nearest(
        _room_hits(_stack(scenes, "room_m", device), origins, directions),
        _box_hits(_stack(scenes, "boxes", device), origins, directions),
        _cylinder_hits(_stack(scenes, "cylinders", device), origins, directions),
    )
    points = origins[:, :, None] + hits.t[:, None] * directions
    colour = _shade(scenes, hits, points, device)
    generator = torch.Generator(device).manual_seed(seed)
    noise = torch.randn(colour.shape, generator=generator, device=colour.device)
    rgb = (255 * (colour + 0.01 * noise)).clamp(0, 255).to(torch.uint8)
    batch = len(scenes)
    frames = Frames(
        rgb.permute(0, 2, 1).reshape(batch, height, width, 3).contiguous(),
        hits.t.reshape(batch, height, width),
    )
    return darkened(frames, dark)


def rays_of(cameras: Sequence[Camera]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the rays (B, H, W, 2) of cameras of one size, and which pixels have none (B, H, W).

    Their place is taken by the optical axis, so that they can be traced; see darkened().
    """
    rays = np.stack([camera.rays() for camera in cameras])
    return np.nan_to_num(rays), np.asarray(np.isnan(rays).any(axis=-1))


def darkened(frames: Frames, dark: npt.NDArray[np.bool_]) -> Frames:
    """Return frames with black pixels of unknown depth where dark (B, H, W) is true."""
    if not dark.any():
        return frames
    hidden = torch.from_numpy(dark).to(frames.rgb.device)
    return Frames(
        frames.rgb.masked_fill(hidden[..., None], 0), frames.depth_m.masked_fill(hidden, torch.nan)
    )


def render_drive(drive: Drive, seed: int = 0, batch: int = 8) -> Frames:
    """Render every pose of a drive, batch frames at a time."""
    parts = []
    for start in range(0, len(drive.poses), batch):
        poses = drive.poses[start : start + batch]
        count = len(poses)
        parts.append(render([drive.scene] * count, poses, [drive.camera] * count, seed + start))
    return Frames(
        torch.cat([part.rgb for part in parts]), torch.cat([part.depth_m for part in parts])
    )


def random_frames(
    rng: np.random.Generator, robot: Robot, width: int, height: int, count: int
) -> tuple[Frames, list[Camera]]:
    """Render count independent frames, each with its own scene, pose and camera."""
    scenes = [random_scene(rng) for _ in range(count)]
    poses = [random_pose(rng, scene, robot) for scene in scenes]
    cameras = [random_camera(rng, robot, width, height) for _ in scenes]
    return render(scenes, poses, cameras, seed=int(rng.integers(2**31))), cameras


def tensor_of(array: npt.NDArray[Any], device: torch.device | str) -> Tensor:
    """Return an array as a float32 tensor on a device."""
    return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(device)


def _stack(scenes: list[Scene], name: str, device: torch.device | str) -> Tensor:
    return tensor_of(np.stack([getattr(scene, name) for scene in scenes]), device)


def _away_from_zero(x: Tensor) -> Tensor:
    """Keep the sign, but limit the magnitude to at least _EPSILON, for finite divisions."""
    return torch.where(x.abs() < _EPSILON, torch.copysign(torch.full_like(x, _EPSILON), x), x)


def _slab(origin: Tensor, direction: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distances at which rays enter and leave the space between two parallel planes."""
    inverse = 1 / _away_from_zero(direction)
    a, b = (low - origin) * inverse, (high - origin) * inverse
    return torch.minimum(a, b), torch.maximum(a, b)


def _room_hits(room_m: Tensor, origins: Tensor, directions: Tensor) -> _Hits:
    """Intersect the room from inside: floor (material 0), ceiling (1) or a wall (2)."""
    half = room_m[:, :2, None] / 2
    low = torch.cat([-half, torch.zeros_like(half[:, :1])], dim=1)
    high = torch.cat([half, room_m[:, 2:, None]], dim=1)
    _, leave = _slab(origins[:, :, None], directions, low, high)
    t, axis = leave.min(dim=1)
    normal = -torch.sign(directions) * torch.nn.functional.one_hot(axis, 3).movedim(-1, 1)
    points = origins[:, :, None] + t[:, None] * directions
    flat = axis == 2
    u = torch.where(axis == 0, points[:, 1], points[:, 0])
    v = torch.where(flat, points[:, 1], points[:, 2])
    material = torch.where(flat, (directions[:, 2] > 0).long(), 2)
    return _Hits(t, normal, torch.stack([u, v], dim=1), material)


def _pick(values: Tensor, index: Tensor) -> Tensor:
    """Select values (B, K, P) at index (B, P) along K."""
    return values.gather(1, index[:, None])[:, 0]


def _enter(low: Tensor, high: Tensor) -> Tensor:
    """Return the entry distance of rays that are inside from low to high; inf if never inside."""
    return torch.where((low < high) & (low > 0), low, torch.inf)


def _box_hits(boxes: Tensor, origins: Tensor, directions: Tensor) -> _Hits:
    x, y, yaw, half_length, half_width, height = boxes.unbind(-1)
    cos, sin = yaw.cos()[..., None], yaw.sin()[..., None]
    ox, oy = (origins[:, 0:1] - x)[..., None], (origins[:, 1:2] - y)[..., None]
    dx, dy = directions[:, 0:1], directions[:, 1:2]
    local_o = (cos * ox + sin * oy, cos * oy - sin * ox)
    local_d = (cos * dx + sin * dy, cos * dy - sin * dx)
    x_in, x_out = _slab(local_o[0], local_d[0], -half_length[..., None], half_length[..., None])
    y_in, y_out = _slab(local_o[1], local_d[1], -half_width[..., None], half_width[..., None])
    z_in, z_out = _slab(
        origins[:, 2, None, None],
        directions[:, 2:3],
        torch.zeros_like(x)[..., None],
        height[..., None],
    )
    low = torch.maximum(torch.maximum(x_in, y_in), z_in)
    t, index = _enter(low, torch.minimum(torch.minimum(x_out, y_out), z_out)).min(dim=1)
    by_x, by_z = _pick(x_in, index) >= t, _pick(z_in, index) >= t
    lu, lv = (_pick(o + t[:, None] * d, index) for o, d in zip(local_o, local_d, strict=True))
    c, s = cos[..., 0].gather(1, index), sin[..., 0].gather(1, index)
    side = torch.where(
        by_x, -torch.sign(_pick(local_d[0], index)), -torch.sign(_pick(local_d[1], index))
    )
    nx = torch.where(by_x, c * side, -s * side)
    ny = torch.where(by_x, s * side, c * side)
    up = torch.where(by_z, -torch.sign(directions[:, 2]), 0.0)
    normal = torch.stack([torch.where(by_z, 0.0, nx), torch.where(by_z, 0.0, ny), up], dim=1)
    z = origins[:, 2:3] + t * directions[:, 2]
    uv = torch.stack([torch.where(by_x & ~by_z, lv, lu), torch.where(by_z, lv, z)], dim=1)
    return _Hits(t, normal, uv, SURFACES + index)


def _cylinder_hits(cylinders: Tensor, origins: Tensor, directions: Tensor) -> _Hits:
    x, y, radius, height = (value[..., None] for value in cylinders.unbind(-1))
    ox, oy = origins[:, 0:1, None] - x, origins[:, 1:2, None] - y
    dx, dy = directions[:, 0:1], directions[:, 1:2]
    a = (dx * dx + dy * dy).clamp(min=_EPSILON)
    b = ox * dx + oy * dy
    discriminant = b * b - a * (ox * ox + oy * oy - radius * radius)
    root = discriminant.clamp(min=0).sqrt()
    missed = discriminant <= 0
    side_in = torch.where(missed, torch.inf, (-b - root) / a)
    side_out = torch.where(missed, -torch.inf, (-b + root) / a)
    z_in, z_out = _slab(origins[:, 2, None, None], directions[:, 2:3], torch.zeros_like(x), height)
    t, index = _enter(torch.maximum(side_in, z_in), torch.minimum(side_out, z_out)).min(dim=1)
    by_z = _pick(z_in, index) >= t
    px, py = _pick(ox + t[:, None] * dx, index), _pick(oy + t[:, None] * dy, index)
    r = radius[..., 0].gather(1, index)
    up = torch.where(by_z, -torch.sign(directions[:, 2]), 0.0)
    normal = torch.stack(
        [torch.where(by_z, 0.0, px / r), torch.where(by_z, 0.0, py / r), up], dim=1
    )
    z = origins[:, 2:3] + t * directions[:, 2]
    uv = torch.stack(
        [torch.where(by_z, px, torch.atan2(py, px) * r), torch.where(by_z, py, z)], dim=1
    )
    return _Hits(t, normal, uv, SURFACES + MAX_BOXES + index)


def _nearest(*candidates: _Hits) -> _Hits:
    """Choose the nearest hit of each ray."""
    best = candidates[0]
    for other in candidates[1:]:
        closer = other.t < best.t
        best = _Hits(
            torch.where(closer, other.t, best.t),
            torch.where(closer[:, None], other.normal, best.normal),
            torch.where(closer[:, None], other.uv, best.uv),
            torch.where(closer, other.material, best.material),
        )
    return best


def _hash(x: Tensor, y: Tensor) -> Tensor:
    """Return a deterministic pseudo-random number in [0, 1) per pair of integers."""
    value = torch.sin(x * 12.9898 + y * 78.233) * 43758.5453
    return value - value.floor()


def _grain(uv: Tensor, phase: Tensor) -> Tensor:
    """Return value noise in [-1, 1] with details of about 5 cm."""
    u, v = uv[:, 0] * 20 + phase, uv[:, 1] * 20
    u0, v0 = u.floor(), v.floor()
    fu, fv = u - u0, v - v0
    bottom = torch.lerp(_hash(u0, v0), _hash(u0 + 1, v0), fu)
    top = torch.lerp(_hash(u0, v0 + 1), _hash(u0 + 1, v0 + 1), fu)
    return 2 * torch.lerp(bottom, top, fv) - 1


def _pattern(uv: Tensor, kind: Tensor, period_m: Tensor) -> Tensor:
    """Return the share (0 or 1) of the second colour: plain, checkers, stripes, tile joints."""
    cell = uv / period_m[:, None]
    whole = cell.floor()
    checkers = (whole[:, 0] + whole[:, 1]) % 2
    stripes = whole[:, 0] % 2
    joints = ((cell - whole).amin(dim=1) < 0.06).float()
    choices = torch.stack([torch.zeros_like(stripes), checkers, stripes, joints])
    return choices.gather(0, kind.long()[None])[0]


def _shade(scenes: list[Scene], hits: _Hits, points: Tensor, device: torch.device | str) -> Tensor:
    """Return colours (B, 3, P): texture times one lamp's light, darker near contacts."""
    table = _stack(scenes, "materials", device)
    material = table.gather(1, hits.material[..., None].expand(-1, -1, table.shape[-1])).movedim(
        -1, 1
    )
    share = _pattern(hits.uv, material[:, 6], material[:, 7])
    albedo = torch.lerp(material[:, 0:3], material[:, 3:6], share[:, None])
    albedo = albedo * (1 + material[:, 8:9] * _grain(hits.uv, material[:, 9])[:, None])
    lamp = _stack(scenes, "lamp", device)
    to_lamp = lamp[:, :3, None] - points
    distance = to_lamp.norm(dim=1).clamp(min=0.3)
    lambert = (to_lamp * hits.normal).sum(dim=1).clamp(min=0) / distance
    ambient, falloff = lamp[:, 3:4], lamp[:, 4:5]
    contact = 1 - 0.35 * torch.exp(-points[:, 2].clamp(min=0) / 0.12) * (
        hits.normal[:, 2].abs() < 0.5
    )
    # A little light from above, so that faces turned away from the lamp stay distinguishable.
    sky = 0.85 + 0.15 * hits.normal[:, 2] + 0.06 * hits.normal[:, 0]
    light = (ambient * sky + lambert / (1 + (distance / falloff) ** 2)) * contact
    linear = albedo * light[:, None] * _stack(scenes, "gain", device)[:, :, None]
    coloured: Tensor = linear.clamp(min=0).pow(1 / _GAMMA)
    return coloured
