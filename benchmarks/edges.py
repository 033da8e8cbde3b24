"""Share of flying pixels that the edge filter removes, of good pixels that it loses; filled edges.

Depth of rendered rooms is exact; after shrinking and enlarging it is the best possible output of a
network. Filled depth is compared by its contours (boundary F1, see evaluation.boundary). Run as
python -m benchmarks.edges.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.arrays import FloatArray, ImageArray
from depth_ros.evaluation.boundary import boundary_f1
from depth_ros.evaluation.picture import from_above, save
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import back_project
from depth_ros.geometry.colour import colour_table, colourise
from depth_ros.geometry.edge_fill import fill
from depth_ros.geometry.edges import flying, radius_for
from depth_ros.training.render import render
from depth_ros.training.scenes import Pose, Robot, Scene, random_drive

FACTORS, MODES = (2, 4), ("bilinear", "bicubic")
WIDTH, HEIGHT = 640, 480
DRIVES = 12


class View(NamedTuple):
    """A camera in a scene."""

    scene: Scene
    pose: Pose
    camera: Camera


def truth(view: View, width: int = WIDTH, height: int = HEIGHT) -> Tensor:
    """Return depth (height, width) of the view, true at the centre of every pixel."""
    return render([view.scene], [view.pose], [view.camera.scale(width, height)]).depth_m[0]


def image(view: View) -> Tensor:
    """Return the image uint8 (H, W, 3) of the view."""
    return render([view.scene], [view.pose], [view.camera]).rgb[0]


def views(count: int = DRIVES) -> list[View]:
    """Return the first frames of several drives."""
    drives = [
        random_drive(np.random.default_rng((77, seed)), Robot(), WIDTH, HEIGHT, 1)
        for seed in range(count)
    ]
    return [View(drive.scene, drive.poses[0], drive.camera) for drive in drives]


def enlarged(view: View, factor: int, mode: str) -> Tensor:
    """Return the best possible depth of a network with output at the image's size over factor."""
    low_m = truth(view, WIDTH // factor, HEIGHT // factor)
    return functional.interpolate(low_m[None, None], (HEIGHT, WIDTH), mode=mode)[0, 0]


def solid_distance_m(outside: list[FloatArray]) -> FloatArray:
    """Return the distance to a solid from the distances outside each pair of its faces."""
    q = np.stack(outside)
    distance_m: FloatArray = abs(np.linalg.norm(q.clip(min=0), axis=0) + q.max(axis=0).clip(max=0))
    return distance_m


def surface_distance_m(scene: Scene, points: FloatArray) -> FloatArray:
    """Return the distance of points (N, 3) of the world to the nearest surface of the scene."""
    x, y, z = points.T
    length, width, height = scene.room_m
    planes = (length / 2 - abs(x), width / 2 - abs(y), z, height - z)
    nearest: FloatArray = abs(np.stack(planes)).min(axis=0)
    for cx, cy, yaw, half_length, half_width, height in scene.boxes[scene.boxes[:, 5] > 0]:
        along = np.cos(yaw) * (x - cx) + np.sin(yaw) * (y - cy)
        across = np.cos(yaw) * (y - cy) - np.sin(yaw) * (x - cx)
        outside = [abs(along) - half_length, abs(across) - half_width, z - height]
        nearest = np.minimum(nearest, solid_distance_m(outside))
    for cx, cy, radius, height in scene.cylinders[scene.cylinders[:, 3] > 0]:
        outside = [np.hypot(x - cx, y - cy) - radius, z - height]
        nearest = np.minimum(nearest, solid_distance_m(outside))
    return nearest


def in_the_air(view: View, depth_m: Tensor) -> Tensor:
    """Return where a point is farther than 5 cm and 3 % of its depth from every true surface."""
    cloud = back_project(depth_m, torch.from_numpy(view.camera.rays().copy())).reshape(-1, 3)
    world_from_optical = view.pose.world_from_optical()
    points = cloud.double().numpy() @ world_from_optical[:3, :3].T + world_from_optical[:3, 3]
    allowed_m = (0.03 * depth_m).clamp(min=0.05)
    distance_m = torch.from_numpy(surface_distance_m(view.scene, points))
    return distance_m.reshape(HEIGHT, WIDTH) > allowed_m


def smooth_noise(seed: int) -> Tensor:
    """Return smooth errors of 2 % (standard deviation), like those of networks."""
    coarse = torch.randn(1, 1, 6, 8, generator=torch.Generator().manual_seed(seed))
    noise = functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic")[0, 0]
    return 1 + 0.02 * noise / noise.std()


class Counts(NamedTuple):
    """Pixel counts: floating, floating and removed, good, good and removed."""

    bad: int
    removed: int
    good: int
    lost: int


def measure(some: list[View], factor: int, mode: str, noise: bool = False) -> Counts:
    """Count the pixels that the filter removes from enlarged depth, over several views."""
    radius_px = radius_for((HEIGHT // factor, WIDTH // factor), (HEIGHT, WIDTH))
    counts = np.zeros(4, int)
    for seed, view in enumerate(some):
        depth_m = enlarged(view, factor, mode)
        bad = in_the_air(view, depth_m)
        mask = flying(depth_m * smooth_noise(seed) if noise else depth_m, radius_px=radius_px)
        counts += [int(x.sum()) for x in (bad, mask & bad, ~bad, mask & ~bad)]
    return Counts(*counts.tolist())


def contours(some: list[View], factor: int, mode: str, noise: bool = False) -> tuple[float, float]:
    """Return the mean boundary F1 of enlarged depth, and of the same depth filled."""
    radius_px = radius_for((HEIGHT // factor, WIDTH // factor), (HEIGHT, WIDTH))
    found = []
    for seed, view in enumerate(some):
        depth_m = enlarged(view, factor, mode) * (smooth_noise(seed) if noise else 1)
        mask = flying(depth_m, radius_px=radius_px)
        both = (depth_m, fill(depth_m, image(view), mask, radius_px))
        found.append([boundary_f1(each, truth(view)) for each in both])
    before, after = np.mean(found, axis=0).tolist()
    return before, after


def table(some: list[View]) -> str:
    """Return shares by enlargement, as text."""
    lines = [
        f"{'640x480 enlarged from':<32}{'floating':>9}{'removed':>9}{'good lost':>11}"
        f"{'contours':>10}{'filled':>8}"
    ]
    for factor in FACTORS:
        for mode in MODES:
            for noise in (False, True):
                n = measure(some, factor, mode, noise)
                before, after = contours(some, factor, mode, noise)
                name = f"{WIDTH // factor}x{HEIGHT // factor}, {mode}{', 2 % noise' * noise}"
                shares = (n.bad / (n.bad + n.good), n.removed / n.bad, n.lost / n.good)
                lines.append(
                    f"{name:<32}{shares[0]:>9.2%}{shares[1]:>9.1%}{shares[2]:>11.2%}"
                    f"{before:>10.2f}{after:>8.2f}"
                )
    return "\n".join(lines)


def draw(view: View, factor: int = 4) -> ImageArray:
    """Return a picture: flying pixels in red, the cloud without them; depth, and depth filled."""
    rgb, depth_m = image(view), enlarged(view, factor, "bicubic")
    radius_px = radius_for((HEIGHT // factor, WIDTH // factor), (HEIGHT, WIDTH))
    mask = flying(depth_m, radius_px=radius_px)
    rays = torch.from_numpy(view.camera.rays().copy())
    clouds = [depth_m, depth_m.masked_fill(mask, torch.nan)]
    above = [from_above(back_project(depth, rays).reshape(-1, 3).numpy()) for depth in clouds]
    height, width = above[0].shape[:2]
    low_m, high_m = (float(each) for each in depth_m.quantile(torch.tensor([0.01, 0.99])))
    colours = [
        colourise(depth, low_m, high_m, colour_table("turbo")).numpy()
        for depth in (depth_m, fill(depth_m, rgb, mask, radius_px))
    ]
    rgb[mask] = torch.tensor([255, 40, 40], dtype=torch.uint8)
    top = [cv2.resize(rgb.numpy(), (width, height), interpolation=cv2.INTER_AREA), *above]
    size = (round(1.5 * width), round(1.5 * width * HEIGHT / WIDTH))
    low = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in colours]
    return np.vstack([np.hstack(top), np.hstack(low)[:, : 3 * width]])


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edges", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/edges.png"), help="picture")
    options = parser.parse_args(arguments)
    some = views()
    print(table(some))
    save(draw(some[0]), options.out)
    print(f"picture: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
