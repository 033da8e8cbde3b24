"""A run: what is read is predicted, aligned, completed and scored, image by image."""

from __future__ import annotations

import math

import numpy as np
import pytest

from depth_ros.errors import ModelError
from depth_ros.evaluation import rendered
from depth_ros.evaluation.alignment import Alignment
from depth_ros.evaluation.datasets.files import DatasetError
from depth_ros.evaluation.metrics import score
from depth_ros.evaluation.protocols import PROTOCOLS
from depth_ros.evaluation.run import WORST, ModelScores, evaluate
from depth_ros.models.base import Output
from depth_ros.pipeline import Pipeline
from test.evaluation.fakes import FakePredictor, Metres, clip, fake_pipeline, truth

BAG = PROTOCOLS["bag"]


def run(
    pipeline: Pipeline, align: Alignment = Alignment.NONE, limit: int | None = None
) -> ModelScores:
    return evaluate(pipeline, BAG, clip(), align, limit)


def test_every_image_is_scored_and_counts_the_same() -> None:
    pipeline = fake_pipeline(lambda index: (1 + 0.1 * index) * truth(index))
    result = run(pipeline)
    assert [image.name for image in result.images] == [f"frame {i}" for i in range(4)]
    expected = [score((1 + 0.1 * i) * truth(i), truth(i)) for i in range(4)]
    assert [image.scores for image in result.images] == expected
    assert result.summary()["abs_rel"] == pytest.approx(np.mean([0, 0.1, 0.2, 0.3]))
    assert result.summary()["boundary_f1"] == pytest.approx(1)
    assert result.summary()["frames_per_s"] > 0
    assert isinstance(pipeline.predictor, FakePredictor)
    assert pipeline.predictor.warmed == [(30, 40)], "set-up is not counted as speed"


def test_no_image_at_all_is_an_error_and_no_score() -> None:
    with pytest.raises(DatasetError, match="'bag' found no image"):
        evaluate(fake_pipeline(truth), BAG, clip(frames=0))


def test_a_limit_ends_the_run() -> None:
    assert len(run(fake_pipeline(truth), limit=2).images) == 2


def test_what_has_no_estimate_lowers_the_coverage_and_not_the_score() -> None:
    def half(index: int) -> Metres:
        depth_m = truth(index)
        depth_m[:, :20] = np.nan
        return depth_m

    summary = run(fake_pipeline(half)).summary()
    assert summary["coverage"] == 0.5
    assert summary["abs_rel"] == 0


def test_relative_depth_is_scored_after_alignment_only() -> None:
    pipeline = fake_pipeline(lambda i: 3 * np.reciprocal(truth(i)) + 1, Output.AFFINE_INVERSE_DEPTH)
    assert run(pipeline, Alignment.AFFINE).summary()["abs_rel"] == pytest.approx(0, abs=1e-4)
    with pytest.raises(ModelError, match="--align affine"):
        run(pipeline)


def test_a_clip_is_aligned_as_a_whole() -> None:
    drifting = fake_pipeline(
        lambda i: (1 + i) * np.reciprocal(truth(i)), Output.AFFINE_INVERSE_DEPTH
    )
    own, whole = run(drifting, Alignment.AFFINE).summary(), run(drifting, Alignment.CLIP).summary()
    assert own["abs_rel"] == pytest.approx(0, abs=1e-4)
    assert whole["abs_rel"] > 0.1


def test_images_alone_are_clips_of_one() -> None:
    drifting = fake_pipeline(
        lambda i: (1 + i) * np.reciprocal(truth(i)), Output.AFFINE_INVERSE_DEPTH
    )
    alone = clip(name=None)
    result = evaluate(drifting, BAG, alone, Alignment.CLIP)
    assert result.summary()["abs_rel"] == pytest.approx(0, abs=1e-4)


def test_flicker_shows_where_poses_are_known() -> None:
    flicker = fake_pipeline(lambda i: np.full((30, 40), 4.0 + 0.4 * (i % 2), np.float32))
    tae = [image.tae for image in run(flicker).images]
    assert math.isnan(tae[0])
    assert tae[1:] == pytest.approx([100 * (0.4 / 4.4 + 0.4 / 4.0) / 2] * 3, rel=1e-4)
    unknown = evaluate(flicker, BAG, clip(pose=False))
    assert math.isnan(unknown.summary()["tae"])


def test_the_worst_frames_are_kept_worst_first() -> None:
    pipeline = fake_pipeline(lambda index: (1 + 0.01 * (index % 7)) * truth(index))
    result = evaluate(pipeline, BAG, clip(frames=9))
    errors = [shown.abs_rel for shown in result.worst]
    assert len(errors) == WORST
    assert errors == sorted(errors, reverse=True)
    assert result.worst[0].name == "frame 6"


def test_error_is_collected_over_true_depth() -> None:
    result = run(
        fake_pipeline(lambda i: np.where(truth(i) < 2, 1, 1.5).astype(np.float32) * truth(i))
    )
    x, y = result.error_by_depth.points()
    assert y[x < 2] == pytest.approx([0.0])
    assert y[x > 2] == pytest.approx(0.5)


def test_confidence_is_collected_where_the_model_has_any() -> None:
    sure = np.full((30, 40), 0.95, np.float32)
    sure[:, :20] = 0.05
    guess = np.where(sure > 0.5, 1, 2).astype(np.float32)
    result = run(fake_pipeline(lambda index: guess * truth(index), confidence=sure))
    assert result.right_by_confidence.points()[1].tolist() == [0, 1]
    assert len(run(fake_pipeline(truth)).right_by_confidence.points()[0]) == 0


def test_the_rendered_drives_are_rendered_when_they_are_asked_for() -> None:
    assert rendered.samples(drives=100_000).total == 1_000_000
