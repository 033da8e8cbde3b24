"""Ground and anchors are scored as a robot has them."""

from __future__ import annotations

import numpy as np
import pytest

from depth_ros.evaluation import rendered
from depth_ros.evaluation.datasets.sample import Sample, Samples
from depth_ros.evaluation.protocols import PROTOCOLS
from depth_ros.evaluation.run import ModelScores, evaluate
from depth_ros.models.base import Output
from depth_ros.pipeline import Frame
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.scaler import Reference
from test.evaluation.fakes import CAMERA, Metres, fake_pipeline

BAG = PROTOCOLS["bag"]


def ramp(index: int) -> Metres:
    return np.linspace(1, 5, 40, dtype=np.float32) + np.zeros((30, 1), np.float32)


def scored(reference: Reference | None, frames: int = 3, scale_mode: str = "model") -> ModelScores:
    """Score a network whose depth is half of the truth."""
    rgb = np.zeros((30, 40, 3), np.uint8)
    samples = [
        Sample(Frame(rgb, CAMERA, 1 + i), ramp(i), f"frame {i}", reference=reference)
        for i in range(frames)
    ]
    half = fake_pipeline(lambda i: 0.5 * ramp(i), Output.METRIC_DEPTH, scale_mode=scale_mode)
    return evaluate(half, BAG, Samples(lambda: iter(samples), frames))


def anchors() -> Anchors:
    pixels = np.array([[x, y] for x in range(2, 38, 4) for y in range(2, 28, 4)], np.float64)
    return Anchors(pixels, np.interp(pixels[:, 0], range(40), ramp(0)[0]))


def test_anchors_make_depth_metric() -> None:
    assert scored(anchors()).summary()["abs_rel"] == pytest.approx(0.5, rel=1e-3)
    grounded = scored(anchors(), scale_mode="anchors").summary()
    assert grounded["abs_rel"] == pytest.approx(0, abs=0.01)
    assert grounded["coverage"] == 1


def test_a_frame_without_a_scale_has_no_estimate() -> None:
    assert scored(None, scale_mode="anchors").summary()["coverage"] == 0


@pytest.mark.slow
def test_rendered_frames_know_the_mount_of_their_camera() -> None:
    (sample,) = list(rendered.samples(1).part(0, 1))
    assert sample.reference is not None
    pipeline = fake_pipeline(lambda _: 0.5 * sample.truth_m, scale_mode="ground")
    result = evaluate(pipeline, BAG, Samples(lambda: iter([sample]), 1))
    assert result.summary()["abs_rel"] < 0.05
