"""Correctness checks before anything is timed."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.example import Example
from benchmarks.mismatch import MismatchError
from benchmarks.obvious import Obvious
from benchmarks.predictor import predictor_of
from benchmarks.stages import Ours, run
from depth_ros import messages
from depth_ros.pipeline import Pipeline

PIXELS_TOLERANCE = 1e-3
"""Maximum difference of the networks' inputs, which span about [-1, 1]."""
POINTS_TOLERANCE = 1e-5
"""Maximum relative difference of the points' coordinates."""


def check_ways(ours: Ours, obvious: Obvious) -> None:
    """Compare the results of both ways for the same frame.

    Raises:
        MismatchError: the network's input or the cloud differ.
    """
    _check_pixels(ours, obvious)
    _check_points(ours, obvious)


def check_stages(pipeline: Pipeline, frame: Example) -> None:
    """Compare the pipeline's result for a frame with that of the stages, called one by one.

    Raises:
        MismatchError: the results differ.
    """
    whole = Ours(pipeline, frame)
    whole.whole_frame()
    whole.decode_rgb8()
    whole.preprocess()
    raw = predictor_of(pipeline).runtime(whole.pixels)
    assert isinstance(raw, torch.Tensor)
    staged = Ours(pipeline, frame._replace(raw=raw))
    run(staged)
    ours, theirs = staged.depth.depth_m, whole.depth.depth_m
    if not torch.allclose(ours, theirs, rtol=POINTS_TOLERANCE, atol=0, equal_nan=True):
        worst = float((ours - theirs).abs().nan_to_num().max())
        raise MismatchError(f"the stages' depth is up to {worst:g} m off the pipeline's")


def _check_pixels(ours: Ours, obvious: Obvious) -> None:
    mine, theirs = ours.pixels.cpu(), obvious.pixels.cpu()
    if mine.shape != theirs.shape:
        raise MismatchError(
            f"the network's input is {tuple(mine.shape)}, the processor's {tuple(theirs.shape)}"
        )
    worst = float((mine - theirs).abs().max())
    if not worst <= PIXELS_TOLERANCE:
        raise MismatchError(
            f"the network's input is up to {worst:g} off the processor's, "
            f"expected at most {PIXELS_TOLERANCE:g}"
        )


def _check_points(ours: Ours, obvious: Obvious) -> None:
    mine = messages.points_from_cloud(ours.message("points"))
    theirs = messages.points_from_cloud(obvious.cloud)
    if mine.xyz.shape != theirs.xyz.shape or not len(mine.xyz):
        raise MismatchError(
            f"the cloud has {len(mine.xyz)} points, the obvious way's {len(theirs.xyz)}, "
            "expected as many and some"
        )
    if not np.allclose(mine.xyz, theirs.xyz, rtol=POINTS_TOLERANCE, atol=1e-9):
        worst = float(np.abs(mine.xyz - theirs.xyz).max())
        raise MismatchError(f"the cloud is up to {worst:g} m off the obvious way's")
    if not np.array_equal(mine.rgb, theirs.rgb):  # type: ignore[arg-type]  # both have colours
        raise MismatchError("the cloud's colours are not the obvious way's")
