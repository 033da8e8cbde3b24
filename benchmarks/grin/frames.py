"""Frames to measure on, rendered or recorded, and scores of a pipeline on them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from benchmarks.picked import evenly
from benchmarks.timing import Spread
from depth_ros.config import Settings
from depth_ros.evaluation import metrics, rendered
from depth_ros.evaluation.metrics import Scores
from depth_ros.evaluation.protocols import PROTOCOLS
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.training.render import render
from depth_ros.training.scenes import Drive, Robot, random_drive

WIDTH, HEIGHT = 640, 480
_SEED = (20240, 7, 2)  # a triple, which no training run has
_FAR = 50


class View(NamedTuple):
    """A frame and its true depth [m] (H, W); NaN: unknown."""

    frame: Frame
    truth_m: npt.NDArray[np.float32]


class Result(NamedTuple):
    """Mean scores, and milliseconds per frame."""

    scores: Scores
    ms: Spread


def drives(count: int, steps: int) -> list[Drive]:
    """Return drives that are not used in training."""
    return [
        random_drive(np.random.default_rng((*_SEED, index)), Robot(), WIDTH, HEIGHT, steps)
        for index in range(count)
    ]


def held_out(count: int) -> list[View]:
    """Return the first count frames of the rendered benchmark, see evaluation.rendered."""
    samples = rendered.samples(-(-count // rendered.FRAMES_PER_DRIVE))
    bar = tqdm(islice(samples, count), desc="render", total=count, unit="frame", leave=False)
    return [View(sample.frame, sample.truth_m) for sample in bar]


def views(count: int, camera: Camera | None = None) -> Iterator[View]:
    """Yield one frame of each of count drives, seen through a camera instead of its own."""
    for index, drive in enumerate(drives(count, _FAR)):
        yield view(replace(drive, camera=camera or drive.camera), -1, index)


def recorded(folder: Path, count: int) -> list[View]:
    """Return at most count evenly selected frames of a folder of RGB-D (rgbd-folder)."""
    protocol = PROTOCOLS["rgbd-folder"]
    picked = evenly(protocol.samples(folder), count)
    return [View(sample.frame, protocol.counted(sample.truth_m)) for sample in picked]


def view(drive: Drive, step: int, seed: int) -> View:
    """Render one step of a drive."""
    seen = render([drive.scene], [drive.poses[step]], [drive.camera], seed)
    stamp_ns = 1 + step * 100_000_000
    frame = Frame(seen.rgb[0].numpy(), drive.camera, stamp_ns, "camera")
    return View(frame, seen.depth_m[0].numpy())


def pipeline(model: str, **settings: int | bool) -> Pipeline:
    """Return a pipeline of a model with some settings changed."""
    return Pipeline.from_settings(Settings(model=model).with_values(**settings))


def score(subject: Pipeline, seen: Iterable[View], name: str) -> Result:
    """Score and time a pipeline frame by frame."""
    scores: list[Scores] = []
    ms: list[float] = []
    for frame, truth_m in tqdm(seen, desc=name, unit="frame", leave=False):
        if not scores:
            subject.warm_up(*frame.rgb.shape[:2])
        start_s = time.perf_counter()
        depth_m = subject(frame).depth_m.cpu().numpy()
        ms.append(1e3 * (time.perf_counter() - start_s))
        scores.append(metrics.score(depth_m, truth_m))
    return Result(metrics.mean(scores), Spread.of(np.array(ms)))
