"""What a robot makes of the node's depth: a costmap with Nav2's rules, beside one of true depth.

Rendered drives of a camera at 0.3 and 0.5 m, true odometry, the shipped configuration
(config/nav2/costmap.yaml, config/presets/nav2.yaml), and what each part of it brings. Run as
python -m benchmarks.costmap.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from benchmarks.command import in_one_line
from depth_ros import share
from depth_ros.arrays import ImageArray
from depth_ros.cli.given_settings import given
from depth_ros.config import Settings
from depth_ros.errors import ScaleError
from depth_ros.evaluation.picture import save
from depth_ros.navigation.costmap import Costmap
from depth_ros.navigation.costmap_parameters import CostmapParameters, VoxelParameters
from depth_ros.navigation.costs import LETHAL_OBSTACLE
from depth_ros.pipeline import DepthFrame, Estimate, Frame, Pipeline, Place
from depth_ros.scale.ground import Mount
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Drive, Pose, Robot, random_drive

HEIGHTS_M = (0.3, 0.5)
SEEDS = (1, 2)
"""Of the drives that are reported; what is shipped was tuned on others (11 and 12)."""
SHIPPED = "+ frames agree: shipped"
PRESET = "config/presets/nav2.yaml"
MOST_FALSE, MOST_MISSED, MOST_NEAR = 0.15, 0.05, 5.0
"""The bars: shares of cells, and cells a map."""
_WIDTH, _HEIGHT, _STEP_NS = 640, 480, 100_000_000
_TOLERANCE_M, _NEAR_M = 0.1, 1.5
_EVERY, _SKIPPED = 2, 5  # frames of a costmap's update, and maps until there is something in them
_SCALE = 3  # pixels of the picture for a cell

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Points = Callable[[DepthFrame, Place], Floats]


class Taken(NamedTuple):
    """A frame of a drive, what the network says of it, and where it was taken."""

    estimate: Estimate
    truth_m: npt.NDArray[np.float32]
    place: Place
    world_from_optical: Floats

    @property
    def robot(self) -> tuple[float, float, float]:
        """Where the robot is: x, y [m] and yaw [rad] in the world."""
        assert self.place.ground_from_optical is not None
        pose = self.world_from_optical @ np.linalg.inv(self.place.ground_from_optical)
        return float(pose[0, 3]), float(pose[1, 3]), float(np.arctan2(pose[1, 0], pose[0, 0]))


class Map(NamedTuple):
    """The lethal cells (y, x) of a costmap, the corner of its window, and where the robot is."""

    lethal: Bools
    corner_m: Floats
    robot_m: Floats


class Cells(NamedTuple):
    """Lethal cells of maps, counted: own and true ones, the false and the missed among them."""

    own: int
    true: int
    false: int
    missed: int
    near: int
    maps: int

    def __add__(self, other: object) -> Cells:
        assert isinstance(other, Cells)
        return Cells(*(a + b for a, b in zip(self, other, strict=True)))

    def row(self) -> str:
        """Return them as shares, and a map."""
        false, missed = self.false / max(1, self.own), self.missed / max(1, self.true)
        return (
            f"{self.own / self.maps:>8.0f}{self.true / self.maps:>6.0f}{false:>8.1%}"
            f"{missed:>8.1%}{self.near / self.maps:>7.1f}"
        )

    def misses(self) -> list[str]:
        """Return the bars that are missed."""
        bars = (
            ("false", self.false / max(1, self.own), MOST_FALSE),
            ("missed", self.missed / max(1, self.true), MOST_MISSED),
            ("false near the robot", self.near / self.maps, MOST_NEAR),
        )
        return [f"{name} {value:.3g} (at most {bar:g})" for name, value, bar in bars if value > bar]


@dataclass(frozen=True)
class Way:
    """One way from depth to a costmap.

    Attributes:
        name: what it is called.
        settings: of the pipeline.
        parameters: of the costmap.
        nav: whether it is fed with points/nav, or with points.
        tilt_deg: how much further down the camera is believed to look than it does.
    """

    name: str
    settings: Settings
    parameters: CostmapParameters
    nav: bool = True
    tilt_deg: float = 0.0


def ways() -> list[Way]:
    """Return what is compared: each with one measure more than the one before."""
    shipped, costmap = given(share.find(PRESET), []), CostmapParameters.read()
    old = _with_sources(costmap, min_obstacle_height=0.2)
    plain = shipped.with_values(
        nav_min_height_m=0.2,
        nav_tilt_deg=0.0,
        nav_sigmas=0.0,
        nav_contact=False,
        nav_frames=1,
        nav_frames_agree=1,
        nav_max_uncertainty_m=0.0,
        scale_mode="model",
    )
    uncertain = plain.with_values(
        nav_min_height_m=shipped.nav_min_height_m,
        nav_tilt_deg=shipped.nav_tilt_deg,
        nav_sigmas=shipped.nav_sigmas,
    )
    contact = uncertain.with_values(nav_contact=True)
    grounded = shipped.with_values(scale_mode="ground")
    return [
        Way("points, one source", plain, _one_source(old), nav=False),
        Way("points, sources apart", plain, old, nav=False),
        Way("the same, scale ground", plain.with_values(scale_mode="ground"), old, nav=False),
        Way("points/nav: voxels, neighbours", plain, old),
        Way("+ margin by uncertainty", uncertain, costmap),
        Way("+ contact with the floor", contact, costmap),
        Way("the same, mark_threshold 4", contact, _with_voxels(costmap, mark_threshold=4)),
        Way(SHIPPED, shipped, costmap),
        Way("shipped, scale ground", grounded, costmap),
        Way("shipped, mark_threshold 3", shipped, _with_voxels(costmap, mark_threshold=3)),
        Way("shipped, marks to 2.5 m", shipped, _with_sources(costmap, obstacle_max_range=2.5)),
        Way("shipped, pitch off by 1 deg", shipped, costmap, tilt_deg=1.0),
    ]


def _with_voxels(costmap: CostmapParameters, mark_threshold: int) -> CostmapParameters:
    """Return parameters whose voxel layers have another threshold."""
    layers = (
        replace(layer, mark_threshold=mark_threshold)
        if isinstance(layer, VoxelParameters)
        else layer
        for layer in costmap.layers
    )
    return replace(costmap, layers=tuple(layers))


def _with_sources(costmap: CostmapParameters, **values: float) -> CostmapParameters:
    """Return parameters whose marking sources have other values."""
    layers = []
    for layer in costmap.layers:
        if isinstance(layer, VoxelParameters):
            sources = tuple(
                replace(each, **values) if each.marking else each  # type: ignore[arg-type]
                for each in layer.sources
            )
            layer = replace(layer, sources=sources)
        layers.append(layer)
    return replace(costmap, layers=tuple(layers))


def _one_source(costmap: CostmapParameters) -> CostmapParameters:
    """Return parameters whose only source marks and clears, as Nav2's examples have it."""
    layers = []
    for layer in costmap.layers:
        if isinstance(layer, VoxelParameters):
            mark = next(each for each in layer.sources if each.marking)
            layer = replace(layer, sources=(replace(mark, clearing=True),))
        layers.append(layer)
    return replace(costmap, layers=tuple(layers))


def take(pipeline: Pipeline, height_m: float, seed: int, steps: int) -> list[Taken]:
    """Render a drive, and run the network on it."""
    robot = Robot(camera_height_m=(height_m, height_m))
    rng = np.random.default_rng((41, round(100 * height_m), seed))
    drive = random_drive(rng, robot, _WIDTH, _HEIGHT, steps)
    name = f"{height_m:g} m, seed {seed}"
    frames = enumerate(tqdm(drive.poses, desc=name, unit="frame", leave=False))
    return [_taken(pipeline, drive, pose, step) for step, pose in frames]


def _taken(pipeline: Pipeline, drive: Drive, pose: Pose, step: int) -> Taken:
    rendered = render_drive(Drive(drive.scene, drive.camera, [pose]), seed=step)
    frame = Frame(rendered.rgb[0].numpy(), drive.camera, (1 + step) * _STEP_NS, "camera")
    body, world = pose.body_from_optical(), pose.world_from_optical()
    place = Place(Mount.from_transform(body), body, "base_footprint", world)
    return Taken(pipeline.predict(frame), rendered.depth_m[0].numpy(), place, world)


def maps(way: Way, drive: Sequence[Taken], points: Iterator[Floats | None]) -> list[Map]:
    """Return the maps of a drive, whose points (N, 3) are in the optical frame, frame by frame."""
    costmap, found = Costmap(way.parameters), []
    for step, (taken, xyz) in enumerate(zip(drive, points, strict=True)):
        if step % _EVERY:
            continue
        pose = taken.world_from_optical
        xyz = np.empty((0, 3)) if xyz is None else xyz @ pose[:3, :3].T + pose[:3, 3]
        costmap.update(xyz, pose[:3, 3], taken.robot)
        lethal = costmap.costs == LETHAL_OBSTACLE
        found.append(Map(lethal, costmap.window.origin_m.copy(), np.array(taken.robot[:2])))
    return found[_SKIPPED:]


def own_points(pipeline: Pipeline, way: Way, drive: Sequence[Taken]) -> Iterator[Floats | None]:
    """Give the points of each frame as the node publishes them; None where there is no scale."""
    subject = pipeline.fork()
    subject.settings = way.settings
    for taken in drive:
        # Their values are overwritten.
        prediction = taken.estimate.prediction
        copied = replace(prediction, values=prediction.values.clone())
        place = _tilted(taken.place, way.tilt_deg)
        try:
            depth = subject.measure(replace(taken.estimate, prediction=copied), place.mount)
        except ScaleError:
            yield None
            continue
        if way.nav:
            cloud = subject.navigator.cloud(depth, subject.settings, place)
        else:
            cloud = subject.cloud(depth)
        payload = cloud.payload if cloud.count is None else cloud.payload[: int(cloud.count)]
        yield payload.view(torch.float32).numpy()[:, :3].astype(np.float64)


def _tilted(place: Place, tilt_deg: float) -> Place:
    """Return a place whose camera is believed to look further down than it does."""
    assert place.ground_from_optical is not None
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    turn = np.array([[1, 0, 0, 0], [0, c, s, 0], [0, -s, c, 0], [0, 0, 0, 1]])
    pose = place.ground_from_optical @ turn
    return replace(place, mount=Mount.from_transform(pose), ground_from_optical=pose)


def true_points(way: Way, drive: Sequence[Taken]) -> Iterator[Floats]:
    """Give what a perfect depth camera would publish."""
    step = way.settings.stride
    for taken in drive:
        depth_m = taken.truth_m[::step, ::step]
        rays = taken.estimate.frame.camera.rays()[::step, ::step]
        yield np.dstack([rays * depth_m[..., None], depth_m]).reshape(-1, 3).astype(np.float64)


def count(own: Sequence[Map], true: Sequence[Map], resolution_m: float) -> Cells:
    """Compare maps with true ones: what is farther from the other's cells is false, or missed."""
    total = Cells(0, 0, 0, 0, 0, 0)
    for mine, theirs in zip(own, true, strict=True):
        false, missed = (
            one.lethal & ~_wider(other.lethal, resolution_m)
            for one, other in ((mine, theirs), (theirs, mine))
        )
        y, x = np.nonzero(false)
        cells_m = mine.corner_m + (np.stack([x, y], -1) + 0.5) * resolution_m
        near = int((np.linalg.norm(cells_m - mine.robot_m, axis=-1) < _NEAR_M).sum())
        cells = (mine.lethal, theirs.lethal, false, missed)
        own_count, true_count, false_count, missed_count = (int(each.sum()) for each in cells)
        total = total + Cells(own_count, true_count, false_count, missed_count, near, 1)
    return total


def _wider(cells: Bools, resolution_m: float) -> Bools:
    radius = round(_TOLERANCE_M / resolution_m)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    wider: Bools = cv2.dilate(cells.astype(np.uint8), disc) > 0
    return wider


def draw(own: Map, true: Map) -> ImageArray:
    """Draw a map beside the true one: white both, red own alone, blue true alone, green robot."""
    panel = np.full((*own.lethal.shape, 3), 30, np.uint8)
    panel[true.lethal] = (90, 130, 255)
    panel[own.lethal] = (255, 80, 70)
    panel[own.lethal & _wider(true.lethal, 0.05)] = (240, 240, 240)
    y, x = ((own.robot_m - own.corner_m) / 0.05).astype(int)[::-1]
    panel[y - 2 : y + 3, x - 2 : x + 3] = (90, 220, 110)
    return np.ascontiguousarray(panel[::-1].repeat(_SCALE, 0).repeat(_SCALE, 1))


def _titled(panel: ImageArray, title: str) -> ImageArray:
    cv2.putText(panel, title, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230, 230, 230), 1)
    return panel


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure, print and draw."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    pipeline = Pipeline.from_settings(Settings(model=options.model, edges_filter="points"))
    chosen = ways() if not options.shipped else [each for each in ways() if each.name == SHIPPED]
    found: dict[int, dict[str, Cells]] = {number: {} for number in range(len(chosen))}
    rows = []
    for height_m in HEIGHTS_M:
        for seed in options.seeds:
            name = f"{height_m:g} m, seed {seed}"
            drive = take(pipeline, height_m, seed, options.steps)
            known: dict[CostmapParameters, list[Map]] = {}
            results = [_compared(pipeline, way, drive, known) for way in chosen]
            for number, (cells, _, _) in enumerate(results):
                found[number][name] = cells
            rows.append(_panels(name, chosen, results))
    print(_table(chosen, found))
    save(np.vstack(rows), options.out)
    print(f"picture: {options.out}")
    return 0


def _compared(
    pipeline: Pipeline,
    way: Way,
    drive: Sequence[Taken],
    true_maps: dict[CostmapParameters, list[Map]],
) -> tuple[Cells, list[Map], list[Map]]:
    own = maps(way, drive, own_points(pipeline, way, drive))
    if way.parameters not in true_maps:
        true_maps[way.parameters] = maps(way, drive, true_points(way, drive))
    true = true_maps[way.parameters]
    return count(own, true, way.parameters.resolution), own, true


def _panels(
    name: str, chosen: Sequence[Way], results: Sequence[tuple[Cells, list[Map], list[Map]]]
) -> ImageArray:
    """Draw the last map of the first way and of the shipped one."""
    shown = {0: 0, 1: next(i for i, way in enumerate(chosen) if way.name == SHIPPED)}
    panels = []
    for index in shown.values():
        _, own, true = results[index]
        panels.append(_titled(draw(own[-1], true[-1]), f"{name}: {chosen[index].name}"))
    return np.hstack(panels)


def _table(chosen: Sequence[Way], found: dict[int, dict[str, Cells]]) -> str:
    lines = [f"{'lethal cells a map':<34}{'own':>8}{'true':>6}{'false':>8}{'missed':>8}{'near':>7}"]
    for number, way in enumerate(chosen):
        total = sum(found[number].values(), start=Cells(0, 0, 0, 0, 0, 0))
        lines.append(f"{way.name:<34}{total.row()}")
        if way.name == SHIPPED:
            for name, cells in found[number].items():
                missed = cells.misses()
                verdict = f"  MISSED: {'; '.join(missed)}" if missed else "  within the bars"
                lines.append(f"{'  ' + name:<34}{cells.row()}{verdict}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costmap", description=__doc__)
    parser.add_argument("--model", default="zoedepth-lite", help="of metres: name, folder, hub id")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="of the drives")
    parser.add_argument("--steps", type=int, default=80, help="frames of each drive")
    parser.add_argument("--shipped", action="store_true", help="the shipped configuration alone")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--out", type=Path, default=Path("out/costmap.png"), help="picture")
    return parser


if __name__ == "__main__":
    sys.exit(main())
