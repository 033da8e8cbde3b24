"""Accuracy of scale and shift: align relative predictions that were made from true depth.

Every frame gets its own scale (0.1 to 10), shift (up to half of its median) and 5 % of noise, so
that 0.04 is the AbsRel of a perfect alignment. Run as python -m benchmarks.alignment.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.command import in_one_line
from depth_ros import messages
from depth_ros.arrays import FloatArray
from depth_ros.bag import reader
from depth_ros.errors import ScaleError
from depth_ros.evaluation.metrics import score
from depth_ros.geometry.camera import Camera
from depth_ros.scale.anchors import (
    Anchors,
    align,
    from_points,
    transform,
)
from depth_ros.scale.fit import Fit
from depth_ros.scale.ground import Mount, find_ground
from depth_ros.training.render import render, render_drive
from depth_ros.training.scenes import Drive, Pose, Robot, random_drive

KINDS = ("metric_depth", "affine_depth", "affine_inverse_depth")
_NOISE = 0.05
_DRIVES, _STEPS = 20, 41
_WIDTH, _HEIGHT = 320, 240
_RAYS, _LIDAR_HEIGHT_M, _LIDAR_AHEAD_M = 64, 0.25, 0.1
_PIXELS = 200
_EVERY = 4


class View(NamedTuple):
    """A frame: true depth (H, W), the camera's mount, anchors."""

    depth_m: FloatArray
    camera: Camera
    mount: Mount
    anchors: Anchors


def drives() -> Iterator[View]:
    """Render drives; anchors are the hits of 64 rays of a level planar lidar."""
    for index in tqdm(range(_DRIVES), desc="render", unit="drive"):
        rng = np.random.default_rng((7, index))
        drive = random_drive(rng, Robot(), _WIDTH, _HEIGHT, _STEPS)
        drive = Drive(drive.scene, drive.camera, drive.poses[::10])
        frames = render_drive(drive, seed=index).depth_m.double().numpy()
        for pose, depth_m in zip(drive.poses, frames, strict=True):
            mount = Mount.from_transform(pose.body_from_optical())
            yield View(depth_m, drive.camera, mount, _scan(drive, pose))


def _scan(drive: Drive, pose: Pose) -> Anchors:
    x = pose.x + _LIDAR_AHEAD_M * math.cos(pose.yaw)
    y = pose.y + _LIDAR_AHEAD_M * math.sin(pose.yaw)
    lidar = Pose(x, y, _LIDAR_HEIGHT_M, pose.yaw)
    row = Camera(_RAYS, 1, _RAYS / 2, _RAYS / 2, (_RAYS - 1) / 2, 0.0)
    depth_m = render([drive.scene], [lidar], [row]).depth_m[0, 0].double().numpy()
    points = np.column_stack([row.rays()[0] * depth_m[:, None], depth_m])
    camera_from_world = np.linalg.inv(pose.world_from_optical())
    return from_points(
        transform(points, camera_from_world @ lidar.world_from_optical()), drive.camera
    )


def bag(path: Path) -> Iterator[View]:
    """Read a bag with true depth; the mount is fitted to the plane in the lower half.

    On a robot, TF contains the mount. Anchors are 200 true pixels.
    """
    camera = None
    kinds = {record.topic: record.kind for record in reader.records(path)}
    info, depth = (_only(kinds, word) for word in ("CameraInfo", "msg/Image"))
    rng = np.random.default_rng(0)
    for index, (topic, message) in enumerate(reader.messages(path, info, depth)):
        if topic == info:
            camera = messages.camera_from_info(message)
        elif camera is not None and index // 2 % _EVERY == 0:
            depth_m = messages.depth_from_image(message).astype(np.float64)
            yield View(depth_m, camera, floor_mount(depth_m, camera), _pick(depth_m, rng))


def _only(kinds: dict[str, str], word: str) -> str:
    (topic,) = (name for name, kind in kinds.items() if word in kind)
    return topic


def _pick(depth_m: FloatArray, rng: np.random.Generator) -> Anchors:
    v, u = np.nonzero(np.isfinite(depth_m))
    chosen = rng.choice(len(u), _PIXELS, replace=False)
    return Anchors(np.column_stack([u, v])[chosen].astype(float), depth_m[v, u][chosen])


def floor_mount(depth_m: FloatArray, camera: Camera) -> Mount:
    """Return the mount over the plane that contains most pixels of the lower half, within 1 %."""
    half = camera.height * 5 // 8
    z, rays = depth_m[half::4, ::4].ravel(), camera.rays()[half::4, ::4].reshape(-1, 2)
    known = np.isfinite(z)
    inverse, rays = 1 / z[known], np.column_stack([rays, np.ones(len(rays))])[known]
    three = np.random.default_rng(0).integers(0, len(inverse), (600, 3))
    three = three[np.abs(np.linalg.det(rays[three])) > 1e-6]
    planes = np.linalg.solve(rays[three], inverse[three][..., None])[..., 0]
    planes = planes[planes[:, 1] > 0.8 * np.linalg.norm(planes, axis=1)]
    on = np.abs(rays @ planes.T / inverse[:, None] - 1) < 0.01
    below = rays @ planes.T > 1.03 * inverse[:, None]
    best = np.argmax(on.mean(0) - below.mean(0))
    near = on[:, best]
    plane = np.linalg.lstsq(rays[near] / inverse[near, None], np.ones(near.sum()))[0]
    length = float(np.linalg.norm(plane))
    x, y, z_ = (plane / length).tolist()
    return Mount(1 / length, (x, y, z_))


def relative_output(depth_m: FloatArray, kind: str, rng: np.random.Generator) -> FloatArray:
    """Return the output of a relative network from true depth (H, W): scaled, shifted and noisy."""
    values = 1 / depth_m if kind == "affine_inverse_depth" else depth_m
    values = values * (1 + _NOISE * rng.normal(size=values.shape))
    shift = 0.0 if kind == "metric_depth" else rng.uniform(-0.5, 0.5) * np.nanmedian(values)
    return np.asarray((values - shift) / math.exp(rng.uniform(math.log(0.1), math.log(10))))


def by_ground(values: FloatArray, kind: str, view: View) -> Fit:
    """Align by the camera's height over the ground."""
    rays = torch.from_numpy(view.camera.rays().copy())
    return find_ground(torch.from_numpy(values).float(), kind, rays, view.mount)


def by_anchors(values: FloatArray, kind: str, view: View) -> Fit:
    """Align by the view's anchors."""
    return align(torch.from_numpy(values).float(), kind, view.anchors)


def errors(
    views: list[View], kind: str, fit: Callable[[FloatArray, str, View], Fit]
) -> tuple[list[float], int]:
    """Return the AbsRel of every aligned frame, and the number of refused frames."""
    out, refused = [], 0
    for index, view in enumerate(views):
        values = relative_output(view.depth_m, kind, np.random.default_rng(index))
        try:
            found = fit(values, kind, view)
        except ScaleError:
            refused += 1
            continue
        metric = found.scale * values + found.shift
        inverse = kind == "affine_inverse_depth"
        depth_m = 1 / np.where(metric > 0, metric, np.nan) if inverse else metric
        out.append(score(depth_m, view.depth_m).abs_rel)
    return out, refused


def table(views: dict[str, list[View]]) -> str:
    """Return AbsRel by data, mode and kind, as text."""
    lines = [f"{'AbsRel':<42}{'median':>8}{'90 %':>8}{'worst':>8}   frames, refused"]
    for name, some in views.items():
        for mode, fit in (("ground", by_ground), ("anchors", by_anchors)):
            for kind in KINDS:
                found, refused = errors(some, kind, fit)
                numbers = (np.median(found), np.percentile(found, 90), max(found))
                row = "".join(f"{number:>8.3f}" for number in numbers)
                label = f"{name}, {mode}: {kind}"
                lines.append(f"{label:<42}{row}   {len(some):>4} {refused:>4}")
    return "\n".join(lines)


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Align and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alignment", description=__doc__)
    parser.add_argument("--bag", type=Path, help="with camera_info and true depth of a still room")
    options = parser.parse_args(arguments)
    views = {"drives": list(drives())}
    if options.bag:
        views[options.bag.name] = list(bag(options.bag))
    print(table(views))
    return 0


if __name__ == "__main__":
    sys.exit(main())
