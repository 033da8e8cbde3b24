"""Nav2's voxel, obstacle and inflation layers, cell by cell and point by point in plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

FREE, INSCRIBED, LETHAL, UNKNOWN = 0, 253, 254, 255
Point = Sequence[float]
Source = dict[str, Any]


class Voxels(NamedTuple):
    """The parameters of a voxel layer's columns."""

    z_voxels: int
    origin_z: float
    z_resolution: float
    unknown_threshold: int
    mark_threshold: int


class Reference:
    """One obstacle layer (without voxels) or voxel layer, without a footprint that clears.

    A voxel is 0 where it is free, 1 unknown, 2 marked. Cells that are not kept have defaults.
    """

    def __init__(
        self,
        size: tuple[int, int],
        resolution: float,
        sources: list[Source],
        voxels: Voxels | None = None,
    ) -> None:
        self.size, self.resolution, self.sources = size, resolution, sources
        self.voxels = voxels
        self.origin = (0.0, 0.0)
        self.default = FREE
        self.costs: dict[tuple[int, ...], int] = {}
        self.columns: dict[tuple[int, ...], list[int]] = {}

    def grid(self) -> list[list[int]]:
        """The costmap's costs by rows: what the layer does not know has the costmap's default."""
        width, height = self.size
        known = {cell: cost for cell, cost in self.costs.items() if cost != UNKNOWN}
        return [[known.get((x, y), self.default) for x in range(width)] for y in range(height)]

    def update(self, points: list[Point], origin: Point, robot: Point) -> None:
        self.roll(robot)
        for source in self.sources:
            for point in taken(points, source):
                if source["clearing"]:
                    self.clear(point, origin, source)
        for source in self.sources:
            for point in taken(points, source):
                if source["marking"] and 0.0 <= point[2] <= 2.0:
                    self.mark(point, origin, source)

    def roll(self, robot: Point) -> None:
        moved = [
            int((robot[axis] - self.extent(axis) / 2 - self.origin[axis]) / self.resolution)
            for axis in (0, 1)
        ]
        x, y = (self.origin[axis] + moved[axis] * self.resolution for axis in (0, 1))
        self.origin = (x, y)
        self.costs = self.shifted(self.costs, moved)
        self.columns = self.shifted(self.columns, moved)

    def shifted(self, cells: dict[tuple[int, ...], Any], moved: list[int]) -> dict[Any, Any]:
        new = {(x - moved[0], y - moved[1]): value for (x, y), value in cells.items()}
        return {cell: value for cell, value in new.items() if self.holds(cell)}

    def extent(self, axis: int) -> float:
        return (self.size[axis] - 0.5) * self.resolution

    def holds(self, cell: Point) -> bool:
        return 0 <= cell[0] < self.size[0] and 0 <= cell[1] < self.size[1]

    def place(self, point: Point) -> tuple[float, ...]:
        """The place in cells, or in voxels where there are some."""
        x, y = ((point[axis] - self.origin[axis]) / self.resolution for axis in (0, 1))
        if self.voxels is None:
            return x, y
        return x, y, (point[2] - self.voxels.origin_z) / self.voxels.z_resolution

    def inside(self, place: Point) -> bool:
        return self.holds(place) and (self.voxels is None or 0 <= place[2] < self.voxels.z_voxels)

    def mark(self, point: Point, origin: Point, source: Source) -> None:
        least, most = source["obstacle_min_range"], source["obstacle_max_range"]
        if self.voxels is None:
            self.mark_flat(point, origin, least, most)
            return
        low = max(point[2], self.voxels.origin_z)
        place = self.place((point[0], point[1], low))
        if least <= math.dist(point, origin) < most and self.inside(place):
            x, y, z = map(int, place)
            column = self.columns.setdefault((x, y), [1] * self.voxels.z_voxels)
            column[z] = 2
            if column.count(2) > self.voxels.mark_threshold:
                self.costs[x, y] = LETHAL

    def mark_flat(self, point: Point, origin: Point, least: float, most: float) -> None:
        place, start = self.place(point), self.place(origin)
        if not (self.holds(place) and self.holds(start)):
            return
        cell, first = tuple(map(int, place)), tuple(map(int, start))
        steps = int(math.dist(cell, first))
        if least <= math.dist(point[:2], origin[:2]) <= most and self.ceil(
            least
        ) <= steps <= self.ceil(most):
            self.costs[cell] = LETHAL

    def ceil(self, distance_m: float) -> int:
        return math.ceil(distance_m / self.resolution)

    def clear(self, point: Point, origin: Point, source: Source) -> None:
        start = self.place(origin)
        reach = [self.ceil(source[f"raytrace_{end}_range"]) for end in ("min", "max")]
        end = self.place(
            self.cut(point, origin) if self.voxels is None else self.shortened(point, origin)
        )
        if not (self.inside(start) and self.inside(end)):
            return
        if self.voxels is None:
            for cell in line([int(each) for each in start], [int(each) for each in end], *reach):
                self.costs[cell] = FREE
            return
        for x, y, z in line(start, end, *reach):
            column = self.columns.setdefault((x, y), [1] * self.voxels.z_voxels)
            column[z] = 0
            if column.count(2) <= self.voxels.mark_threshold:
                few = column.count(1) <= self.voxels.unknown_threshold
                self.costs[x, y] = FREE if few else UNKNOWN

    def cut(self, point: Point, origin: Point) -> list[float]:
        """The end of a flat ray, on the window's edge where its point is outside."""
        end = list(point[:2])
        for upper in (False, True):
            for axis in (0, 1):
                edge = self.origin[axis] + (self.size[axis] * self.resolution if upper else 0)
                if (end[axis] > edge) if upper else (end[axis] < edge):
                    share = (edge - origin[axis]) / (point[axis] - origin[axis])
                    other = 1 - axis
                    end[other] = origin[other] + (point[other] - origin[other]) * share
                    end[axis] = edge - (0.001 if upper else 0)
        return end

    def shortened(self, point: Point, origin: Point) -> list[float]:
        """The end of a ray two cells before its point, cut where that is out of the grid."""
        assert self.voxels is not None
        distance = math.dist(point, origin)
        scale = max(min(1.0, (distance - 2 * self.resolution) / distance), 0.0)
        ray = [scale * (p - o) for p, o in zip(point, origin, strict=True)]
        low = [*self.origin, self.voxels.origin_z]
        height = (self.voxels.z_voxels - 0.5) * self.voxels.z_resolution
        high = [low[0] + self.extent(0), low[1] + self.extent(1), low[2] + height]
        share, outside = 1.0, False
        for axis in (2, 0, 1):
            end = origin[axis] + ray[axis]
            if end > high[axis]:
                edge = high[axis] - (0.01 if axis == 2 else 0)
                share = min(share, (edge - origin[axis]) / ray[axis])
                share = max(share, 0.0) if axis == 2 else share
                outside = True
            elif end < low[axis]:
                share = min(share, (low[axis] - origin[axis]) / ray[axis])
                outside = True
        if outside and share:
            share -= math.copysign(1e-5, share)
        return [o + share * r for o, r in zip(origin, ray, strict=True)]


def taken(points: list[Point], source: Source) -> list[Point]:
    low, high = source["min_obstacle_height"], source["max_obstacle_height"]
    return [point for point in points if low <= point[2] <= high]


def line(start: Point, end: Point, shortest: int, longest: int) -> Iterator[tuple[int, ...]]:
    """Bresenham's line, as a walk with error terms."""
    distance = math.dist(start, end)
    if int(distance) < shortest:
        return
    scale = min(1.0, longest / distance) if distance else 1.0
    if distance:
        start = [s + (e - s) / distance * shortest for s, e in zip(start, end, strict=True)]
    cell = [int(s) for s in start]
    deltas = [int(e) - c for e, c in zip(end, cell, strict=True)]
    most = max(map(abs, deltas))
    errors = [most // 2] * len(deltas)
    for _ in range(int(scale * most)):
        yield tuple(cell)
        for axis, delta in enumerate(deltas):
            errors[axis] += abs(delta)
            if abs(delta) == most or errors[axis] >= most:
                errors[axis] -= most
                cell[axis] += 1 if delta > 0 else -1
    yield tuple(cell)


def inflated(
    grid: list[list[int]], resolution: float, radius_m: float, inscribed_m: float, scaling: float
) -> list[list[int]]:
    """Costs after inflation: every cell looks for its nearest lethal cell among all."""
    cells = [(x, y) for y, row in enumerate(grid) for x in range(len(row))]
    lethal = [(x, y) for x, y in cells if grid[y][x] == LETHAL]
    result = [row[:] for row in grid]
    for x, y in cells:
        distance = min((math.dist((x, y), cell) for cell in lethal), default=math.inf)
        if distance > math.ceil(radius_m / resolution):
            continue
        if distance * resolution <= inscribed_m:
            cost = INSCRIBED if distance else LETHAL
        else:
            cost = int(252 * math.exp(-scaling * (distance * resolution - inscribed_m)))
        if grid[y][x] != UNKNOWN:
            result[y][x] = max(cost, grid[y][x])
        elif cost >= INSCRIBED:
            result[y][x] = cost
    return result
