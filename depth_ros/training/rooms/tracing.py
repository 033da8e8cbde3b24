"""Cast rays into rooms, tile by tile: each tile of an image is tested with visible shapes only.

All tiles are tested against their first shape, then those with a second shape against that, and
so on: few large operations, on the CPU and on the GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from depth_ros.training.rooms.room import SHELL

_TINY = 1e-9
_MARGIN = 1e-4
_PARTS_OF_SHAFT = 4


class Shapes(NamedTuple):
    """Rooms' shapes, padded to equal counts with shapes of zero height.

    Attributes:
        size_m: (B, 3).
        boxes: (B, N, 7), see Room.
        cylinders: (B, M, 5).
    """

    size_m: Tensor
    boxes: Tensor
    cylinders: Tensor

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the lowest and highest corners (B, N + M, 3) of boxes, then cylinders."""
        x, y, z, yaw, half_length, half_width, height = self.boxes.unbind(-1)
        cos, sin = yaw.cos().abs(), yaw.sin().abs()
        dx, dy = cos * half_length + sin * half_width, sin * half_length + cos * half_width
        cx, cy, cz, radius, high = self.cylinders.unbind(-1)
        low = [_points(x - dx, y - dy, z), _points(cx - radius, cy - radius, cz)]
        top = [_points(x + dx, y + dy, z + height), _points(cx + radius, cy + radius, cz + high)]
        return torch.cat(low, dim=1), torch.cat(top, dim=1)

    def corners(self) -> Tensor:
        """Return the corners (B, N + M, 8, 3) of boxes, then of cylinders' bounding boxes."""
        x, y, z, radius, height = self.cylinders.unbind(-1)
        around = torch.stack([x, y, z, torch.zeros_like(x), radius, radius, height], dim=-1)
        boxes = torch.cat([self.boxes, around], dim=1)[:, :, None]
        signs = boxes.new_tensor(
            [[i, j, k] for i in (-1.0, 1.0) for j in (-1.0, 1.0) for k in (0.0, 1.0)]
        )
        x, y, z, yaw, half_length, half_width, height = boxes.unbind(-1)
        u, v = half_length * signs[:, 0], half_width * signs[:, 1]
        cos, sin = yaw.cos(), yaw.sin()
        return _points(x + cos * u - sin * v, y + sin * u + cos * v, z + height * signs[:, 2])

    def real(self) -> Tensor:
        """Return which shapes are not padding, (B, N + M)."""
        return torch.cat([self.boxes[..., 6], self.cylinders[..., 4]], dim=1) > 0


class Surface(NamedTuple):
    """Surfaces hit by rays, at P points of each of B images.

    Attributes:
        t: (B, P) distances in units of the rays' length.
        points: (B, 3, P) in the world.
        normal: (B, 3, P) unit vectors towards the viewer's side.
        uv: (B, 2, P) position on the face in metres.
        unit: (B, 2, P) position on the face from 0 to 1.
        shape: (B, P) index of the material: floor, ceiling, walls, boxes, cylinders.
    """

    t: Tensor
    points: Tensor
    normal: Tensor
    uv: Tensor
    unit: Tensor
    shape: Tensor


def trace(shapes: Shapes, visible: Tensor, origins: Tensor, directions: Tensor) -> Surface:
    """Return the first surfaces that rays hit.

    Args:
        shapes: of B rooms.
        visible: bool (B, T, N + M), which shapes each tile's rays may hit.
        origins: (B, 3).
        directions: (B, T, 3, Q) of Q rays in each of T tiles; P is T x Q.
    """
    batch, tiles, _, pixels = directions.shape
    flat = directions.flatten(0, 1)
    frame = torch.arange(batch, device=flat.device).repeat_interleave(tiles)
    origin = origins[frame, :, None]
    t, shape = _shell_distance(shapes.size_m[frame], origin, flat)
    for tile, index, enter, leave in _spans(shapes, visible.flatten(0, 1), frame, origin, flat):
        before = t[tile]
        closer = (enter < leave) & (enter > 0) & (enter < before)
        t[tile] = torch.where(closer, enter, before)
        shape[tile] = torch.where(closer, SHELL + index[:, None], shape[tile])

    def whole(tensor: Tensor) -> Tensor:
        return tensor.reshape(batch, tiles, *tensor.shape[1:])

    ray = directions.movedim(2, 1).reshape(batch, 3, tiles * pixels)
    t, shape = whole(t).flatten(1), whole(shape).flatten(1)
    return _surface(shapes, origins, ray, t, shape)


def seen(corners: Tensor, rays: Tensor) -> Tensor:
    """Return which shapes may be in which tiles, bool (B, T, N).

    Args:
        corners: (B, N, 8, 3) of the shapes, in the optical frame.
        rays: (B, T, Q, 2) viewing rays x/z and y/z of the tiles.
    """
    low, high = rays.amin(dim=2)[:, :, None] - _MARGIN, rays.amax(dim=2)[:, :, None] + _MARGIN
    z = corners[:, None, ..., 2]
    visible = corners[:, None, ..., 2].amax(dim=-1) > 0
    for axis in (0, 1):
        x = corners[:, None, ..., axis]
        visible = visible & ((x - low[..., axis, None] * z).amax(dim=-1) > 0)
        visible = visible & ((high[..., axis, None] * z - x).amax(dim=-1) > 0)
    return visible


def between(
    tiles: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor], bounds: tuple[Tensor, Tensor]
) -> Tensor:
    """Return which shapes may be between tiles and targets, bool (B, T, N).

    Each argument is the lowest and the highest corners: (B, T, 3), (B, T, 3) and (B, N, 3).
    """
    met = None
    for part in range(_PARTS_OF_SHAFT):
        ends = [part / _PARTS_OF_SHAFT, (part + 1) / _PARTS_OF_SHAFT]
        lows = [torch.lerp(tiles[0], targets[0], end) for end in ends]
        highs = [torch.lerp(tiles[1], targets[1], end) for end in ends]
        overlap = _overlap(
            (torch.minimum(*lows) - _MARGIN, torch.maximum(*highs) + _MARGIN), bounds
        )
        met = overlap if met is None else met | overlap
    assert met is not None
    return met


def near(tiles: tuple[Tensor, Tensor], bounds: tuple[Tensor, Tensor], reach_m: float) -> Tensor:
    """Return which shapes (B, N) are within reach of tiles (B, T), bool (B, T, N)."""
    return _overlap((tiles[0] - reach_m, tiles[1] + reach_m), bounds)


def blocked(shapes: Shapes, mask: Tensor, origins: Tensor, directions: Tensor) -> Tensor:
    """Return whether something is between origins and origins + directions, bool (B, T, Q).

    Args:
        shapes: of B rooms.
        mask: bool (B, T, N + M), which shapes each tile's rays may hit.
        origins, directions: (B, T, 3, Q).
    """
    batch, tiles = directions.shape[:2]
    frame = torch.arange(batch, device=directions.device).repeat_interleave(tiles)
    origin, ahead = origins.flatten(0, 1), directions.flatten(0, 1)
    dark = torch.zeros_like(ahead[:, 0], dtype=torch.bool)
    for tile, _, enter, leave in _spans(shapes, mask.flatten(0, 1), frame, origin, ahead):
        dark[tile] |= (enter < leave) & (leave > 0) & (enter < 1)
    return dark.reshape(batch, tiles, -1)


def distance_m(shapes: Shapes, mask: Tensor, points: Tensor, reach_m: float) -> Tensor:
    """Return the distance (B, T, Q) of points (B, T, 3, Q) to the nearest shape, up to reach_m.

    It is 0 inside shapes. The room's floor, ceiling and walls are included.
    """
    batch, tiles = points.shape[:2]
    half = shapes.size_m[:, None, :2, None] / 2
    walls = (half - points[:, :, :2].abs()).amin(dim=2)
    z = points[:, :, 2]
    nearest = torch.minimum(walls, torch.minimum(z, shapes.size_m[:, 2, None, None] - z))
    nearest = nearest.clamp(0, reach_m).flatten(0, 1)
    frame = torch.arange(batch, device=points.device).repeat_interleave(tiles)
    flat, flags = points.flatten(0, 1), mask.flatten(0, 1)
    boxes = shapes.boxes.shape[1]
    for tile, index in _rounds(flags[:, :boxes]):
        apart = _box_distance(shapes.boxes[frame[tile], index], flat[tile])
        nearest[tile] = torch.minimum(nearest[tile], apart)
    for tile, index in _rounds(flags[:, boxes:]):
        apart = _cylinder_distance(shapes.cylinders[frame[tile], index], flat[tile])
        nearest[tile] = torch.minimum(nearest[tile], apart)
    return nearest.reshape(batch, tiles, -1)


def box_span(boxes: Tensor, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distances (K, Q) at which rays (K, 3, Q) enter and leave boxes (K, 7).

    For a ray that misses, the second is smaller than the first.
    """
    x, y, z, yaw, half_length, half_width, height = boxes[..., None].unbind(1)
    cos, sin = yaw.cos(), yaw.sin()
    ox, oy, oz = origin[:, 0] - x, origin[:, 1] - y, origin[:, 2] - z - height / 2
    dx, dy, dz = direction.unbind(1)
    a = _slab(cos * ox + sin * oy, cos * dx + sin * dy, half_length)
    b = _slab(cos * oy - sin * ox, cos * dy - sin * dx, half_width)
    c = _slab(oz, dz, height / 2)
    enter = torch.maximum(torch.maximum(a[0], b[0]), c[0])
    return enter, torch.minimum(torch.minimum(a[1], b[1]), c[1])


def cylinder_span(cylinders: Tensor, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distances (K, Q) at which rays (K, 3, Q) enter and leave cylinders (K, 5)."""
    x, y, z, radius, height = cylinders[..., None].unbind(1)
    ox, oy = origin[:, 0] - x, origin[:, 1] - y
    dx, dy, dz = direction.unbind(1)
    a = (dx * dx + dy * dy).clamp(min=_TINY)
    b = ox * dx + oy * dy
    discriminant = b * b - a * (ox * ox + oy * oy - radius * radius)
    root = discriminant.clamp(min=0).sqrt()
    missed = discriminant <= 0
    bottom, top = _slab(origin[:, 2] - z - height / 2, dz, height / 2)
    enter = torch.maximum(((-b - root) / a).masked_fill(missed, torch.inf), bottom)
    return enter, torch.minimum(((-b + root) / a).masked_fill(missed, -torch.inf), top)


def _slab(origin: Tensor, direction: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    inverse = 1 / _away_from_zero(direction)
    middle, reach = -origin * inverse, half * inverse.abs()
    return middle - reach, middle + reach


def _away_from_zero(x: Tensor) -> Tensor:
    return x + torch.copysign(torch.full_like(x[:1, :1], _TINY), x)


def _spans(
    shapes: Shapes, mask: Tensor, frame: Tensor, origin: Tensor, direction: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield tiles, shapes, and where the tiles' rays enter and leave them, see _rounds().

    Args:
        shapes: of B rooms.
        mask: bool (T, N + M), which shapes each tile's rays may hit.
        frame: (T,) each tile's room.
        origin, direction: (T, 3, Q) or (T, 3, 1) of its rays.
    """
    boxes = shapes.boxes.shape[1]
    for span, table, first, part in (
        (box_span, shapes.boxes, 0, mask[:, :boxes]),
        (cylinder_span, shapes.cylinders, boxes, mask[:, boxes:]),
    ):
        for tile, index in _rounds(part):
            ends = span(table[frame[tile], index], origin[tile], direction[tile])
            yield tile, first + index, *ends


def _rounds(mask: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield rows and columns of true elements of a mask, each row at most once per round."""
    row, column = mask.nonzero().unbind(1)
    rank = (mask.cumsum(dim=1) - 1)[row, column]
    order = rank.argsort(stable=True)
    sizes = rank.bincount().tolist()
    yield from zip(row[order].split(sizes), column[order].split(sizes), strict=True)


def _overlap(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
    met = None
    for axis in range(3):
        low = one[0][:, :, None, axis] <= other[1][:, None, :, axis]
        high = one[1][:, :, None, axis] >= other[0][:, None, :, axis]
        met = low & high if met is None else met & low & high
    assert met is not None
    return met


def _points(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return torch.stack(torch.broadcast_tensors(x, y, z), dim=-1)


def _shell_distance(size_m: Tensor, origin: Tensor, ray: Tensor) -> tuple[Tensor, Tensor]:
    """Return distances at which rays (K, 3, Q) leave rooms (K, 3), and floor, ceiling or wall."""
    half = size_m[..., None] / 2
    place = torch.cat([origin[:, :2], origin[:, 2:] - half[:, 2:]], dim=1)
    leave = _slab(place, ray, half)[1]
    t, axis = leave.min(dim=1)
    return t, torch.where(axis == 2, (ray[:, 2] > 0).long(), 2)


def _box_distance(boxes: Tensor, points: Tensor) -> Tensor:
    x, y, z, yaw, half_length, half_width, height = boxes[..., None].unbind(1)
    cos, sin = yaw.cos(), yaw.sin()
    dx, dy = points[:, 0] - x, points[:, 1] - y
    u = ((cos * dx + sin * dy).abs() - half_length).clamp(min=0)
    v = ((cos * dy - sin * dx).abs() - half_width).clamp(min=0)
    w = ((points[:, 2] - z - height / 2).abs() - height / 2).clamp(min=0)
    return (u * u + v * v + w * w).sqrt()


def _cylinder_distance(cylinders: Tensor, points: Tensor) -> Tensor:
    x, y, z, radius, height = cylinders[..., None].unbind(1)
    dx, dy = points[:, 0] - x, points[:, 1] - y
    u = ((dx * dx + dy * dy).sqrt() - radius).clamp(min=0)
    w = ((points[:, 2] - z - height / 2).abs() - height / 2).clamp(min=0)
    return (u * u + w * w).sqrt()


def _surface(shapes: Shapes, origins: Tensor, ray: Tensor, t: Tensor, shape: Tensor) -> Surface:
    """Describe the hit surfaces: each point is part of a box, a cylinder or the room's shell."""
    points = origins[:, :, None] + t[:, None] * ray
    boxes = shapes.boxes.shape[1]
    shell = shapes.boxes.new_zeros(len(points), 1, 7)
    shell[:, 0, 4:] = shapes.size_m / shapes.size_m.new_tensor([2, 2, 1])
    index = shape - SHELL
    table = torch.cat([shell, shapes.boxes], dim=1)
    box = _take(table, (index + 1).clamp(0, boxes) * (index < boxes))
    normal, uv, unit = _box_faces(box, points, ray, inside=shape < SHELL)
    round_ = index >= boxes
    cylinder = _take(shapes.cylinders, (index - boxes).clamp(min=0))
    others = _cylinder_faces(cylinder, points, ray)
    normal, uv, unit = (
        torch.where(round_[:, None], other, face)
        for other, face in zip(others, (normal, uv, unit), strict=True)
    )
    return Surface(t, points, normal, uv, unit, shape)


def _take(table: Tensor, index: Tensor) -> Tensor:
    """Return rows (B, F, P) of tables (B, N, F) at index (B, P)."""
    return table.movedim(-1, 1).gather(2, index[:, None].expand(-1, table.shape[-1], -1))


def _box_faces(
    box: Tensor, points: Tensor, ray: Tensor, inside: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    x, y, z, yaw, half_length, half_width, height = box.unbind(1)
    cos, sin = yaw.cos(), yaw.sin()
    dx, dy = points[:, 0] - x, points[:, 1] - y
    u, v, w = cos * dx + sin * dy, cos * dy - sin * dx, points[:, 2] - z
    # The face that is nearest, of the three whose front (from inside of the shell: back) is seen.
    ahead = cos * ray[:, 0] + sin * ray[:, 1], cos * ray[:, 1] - sin * ray[:, 0], ray[:, 2]
    side = [-torch.sign(step) for step in ahead]
    turned = 1 - 2 * inside.float()
    off_u = (u - turned * side[0] * half_length).abs()
    off_v = (v - turned * side[1] * half_width).abs()
    off_w = (w - (0.5 + 0.5 * turned * side[2]) * height).abs()
    flat = off_w < torch.minimum(off_u, off_v)
    across = (off_u < off_v) & ~flat
    facing_u, facing_v = side[0] * across, side[1] * ~(across | flat)
    normal = torch.stack(
        [cos * facing_u - sin * facing_v, sin * facing_u + cos * facing_v, side[2] * flat], dim=1
    )
    along, up = torch.where(across, v, u), torch.where(flat, v, w)
    width = torch.where(across, half_width, half_length)
    rise = torch.where(flat, v / (2 * half_width) + 0.5, w / height)
    unit = torch.stack([along / (2 * width) + 0.5, rise], dim=1)
    return normal, torch.stack([along, up], dim=1), unit


def _cylinder_faces(cylinder: Tensor, points: Tensor, ray: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    x, y, z, radius, height = cylinder.unbind(1)
    radius = radius.clamp(min=_TINY)
    dx, dy, w = points[:, 0] - x, points[:, 1] - y, points[:, 2] - z
    middle = height / 2
    flat = ((w - middle).abs() - middle).abs() < ((dx * dx + dy * dy).sqrt() - radius).abs()
    nothing = torch.zeros_like(x)
    facing = [
        torch.where(flat, nothing, dx / radius),
        torch.where(flat, nothing, dy / radius),
        torch.where(flat, -torch.sign(ray[:, 2]), nothing),
    ]
    around = torch.atan2(dy, dx)
    uv = [torch.where(flat, dx, around * radius), torch.where(flat, dy, w)]
    unit = [around / (2 * torch.pi) + 0.5, w / height.clamp(min=_TINY)]
    return torch.stack(facing, dim=1), torch.stack(uv, dim=1), torch.stack(unit, dim=1)
