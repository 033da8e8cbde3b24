"""The rendered benchmark: frames of drives that are not used in training."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from depth_ros.arrays import DepthArray
from depth_ros.evaluation import metrics, picture
from depth_ros.evaluation.datasets.sample import Sample, Samples
from depth_ros.evaluation.metrics import Scores
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.scale.ground import Mount
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Robot, random_drive

DRIVES, FRAMES_PER_DRIVE = 20, 10
_WIDTH, _HEIGHT = 640, 480
_STEPS_APART = 10
# Training seeds are pairs that start with the run's seed; so a triple is never among them.
_SEED = (20240, 7, 1)


class RenderedResult(NamedTuple):
    """Mean scores over the frames, frames per second, and some frames as pictures."""

    scores: Scores
    frames_per_s: float
    rows: list[picture.Row]


def samples(drives: int = DRIVES) -> Samples:
    """Return the held-out frames: FRAMES_PER_DRIVE of each drive, one second apart.

    A drive is rendered when its first frame is read.
    """
    return Samples(
        lambda: chain.from_iterable(map(_drive, range(drives))), drives * FRAMES_PER_DRIVE
    )


def frames(drives: int = DRIVES) -> list[tuple[Frame, DepthArray]]:
    """Render all held-out frames, with their truth."""
    bar = tqdm(samples(drives), desc="render", total=drives * FRAMES_PER_DRIVE, unit="frame")
    return [(sample.frame, sample.truth_m) for sample in bar]


def _drive(index: int) -> list[Sample]:
    rng = np.random.default_rng((*_SEED, index))
    drive = random_drive(rng, Robot(), _WIDTH, _HEIGHT, FRAMES_PER_DRIVE * _STEPS_APART)
    drive = replace(drive, poses=drive.poses[::_STEPS_APART])
    rendered = render_drive(drive, seed=index)
    rows = zip(drive.poses, rendered.rgb.numpy(), rendered.depth_m.numpy(), strict=True)
    clip = f"drive {index}"
    return [
        Sample(
            Frame(rgb, drive.camera, 1 + second * 10**9, clip),
            depth_m,
            f"{clip}, {second} s",
            clip,
            reference=Mount.from_transform(pose.body_from_optical()),
        )
        for second, (pose, rgb, depth_m) in enumerate(rows)
    ]


def run(pipeline: Pipeline, drives: int = DRIVES) -> RenderedResult:
    """Score a pipeline on the held-out frames, and time it."""
    pipeline.warm_up(_HEIGHT, _WIDTH)
    scores, rows, seconds = [], [], 0.0
    held_out = frames(drives)
    for index, (frame, truth_m) in enumerate(tqdm(held_out, desc="evaluate", unit="frame")):
        start_s = time.perf_counter()
        depth_m = pipeline(frame).depth_m.cpu().numpy()
        seconds += time.perf_counter() - start_s
        scores.append(metrics.score(depth_m, truth_m))
        if index % (len(held_out) // 4) == 0:
            rows.append(picture.Row(frame.rgb, depth_m, truth_m))
    return RenderedResult(metrics.mean(scores), len(held_out) / seconds, rows)


def save_picture(result: RenderedResult, path: Path) -> None:
    """Draw image, depth and truth of some frames."""
    picture.save(picture.grid(result.rows), path)
