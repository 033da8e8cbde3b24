"""Effect of scale.mode ground at several camera heights: AbsRel compared with scale.mode model.

It uses rendered drives at several camera heights, and optionally a bag with true depth and visible
floor. Run as python -m benchmarks.heights [--bag BAG].
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from benchmarks.alignment import floor_mount
from benchmarks.command import in_one_line
from depth_ros.config import Settings
from depth_ros.errors import ScaleError
from depth_ros.evaluation.datasets.sample import Sample
from depth_ros.evaluation.metrics import score
from depth_ros.evaluation.protocols import PROTOCOLS
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.scale.ground import Mount
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Drive, Robot, random_drive

HEIGHTS_M = (0.15, 0.3, 0.5, 1.0, 1.5)
_DRIVES, _STEPS, _APART = 6, 31, 10
_WIDTH, _HEIGHT = 640, 480
_EVERY = 4


class View(NamedTuple):
    """A frame with its truth and the camera's mount."""

    frame: Frame
    truth_m: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    mount: Mount


class Errors(NamedTuple):
    """Mean AbsRel with the network's scale and with the ground's; shares of the frames."""

    model: float
    ground: float
    frames: int
    without_ground: int


def drives(height_m: float) -> Iterator[View]:
    """Render drives of a camera at a height, which no training run or other score uses."""
    robot = Robot(camera_height_m=(height_m, height_m))
    for index in range(_DRIVES):
        rng = np.random.default_rng((31, round(100 * height_m), index, 5))
        drive = random_drive(rng, robot, _WIDTH, _HEIGHT, _STEPS)
        drive = Drive(drive.scene, drive.camera, drive.poses[::_APART])
        frames = render_drive(drive, seed=index)
        rows = zip(drive.poses, frames.rgb.numpy(), frames.depth_m.numpy(), strict=True)
        for stamp, (pose, rgb, depth_m) in enumerate(rows):
            frame = Frame(rgb, drive.camera, stamp_ns=1 + stamp, frame_id=f"drive {index}")
            yield View(frame, depth_m, Mount.from_transform(pose.body_from_optical()))


def recorded(samples: Iterable[Sample]) -> Iterator[View]:
    """Return recorded frames; the mount is fitted to true depth in the lower half."""
    for index, (frame, truth_m, *_) in enumerate(samples):
        if index % _EVERY == 0:
            yield View(frame, truth_m, floor_mount(truth_m.astype(np.float64), frame.camera))


def measure(own: Pipeline, by_ground: Pipeline, views: Iterable[View]) -> Errors:
    """Score both ways on the same frames; without a ground, the network's scale is used."""
    pairs, missed = [], 0
    for view in views:
        depth_m = own(view.frame).depth_m.cpu().numpy()
        plain = score(depth_m, view.truth_m).abs_rel
        by_ground.states.clear()  # every frame is measured by itself
        try:
            grounded = by_ground(view.frame, view.mount).depth_m.cpu().numpy()
            pairs.append((plain, score(grounded, view.truth_m).abs_rel))
        except ScaleError:
            missed += 1
            pairs.append((plain, plain))
    means = np.mean(pairs, axis=0)
    return Errors(float(means[0]), float(means[1]), len(pairs), missed)


def table(found: dict[str, Errors]) -> str:
    """Return the errors by camera height, as text."""
    lines = [f"{'AbsRel':<28}{'model':>8}{'ground':>8}{'frames':>8}{'no ground':>11}"]
    for name, errors in found.items():
        numbers = f"{errors.model:>8.3f}{errors.ground:>8.3f}"
        lines.append(f"{name:<28}{numbers}{errors.frames:>8}{errors.without_ground:>11}")
    return "\n".join(lines)


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.heights", description=__doc__)
    parser.add_argument("--model", default="zoedepth-lite", help="name, folder or hub id")
    parser.add_argument("--bag", type=Path, help="with camera_info, true depth and a floor")
    options = parser.parse_args(arguments)
    own, by_ground = (
        Pipeline.from_settings(Settings(model=options.model, scale_mode=mode))
        for mode in ("model", "ground")
    )
    found = {
        f"rendered, {height_m:g} m": measure(own, by_ground, drives(height_m))
        for height_m in tqdm(HEIGHTS_M, desc="heights")
    }
    if options.bag:
        samples = PROTOCOLS["bag"].samples(options.bag)
        found[options.bag.name] = measure(own, by_ground, recorded(samples))
    print(f"{options.model}\n{table(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
