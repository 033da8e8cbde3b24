"""Score one model by one protocol."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from depth_ros import engine
from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.engine import Answer, FrameJob
from depth_ros.errors import ScaleError
from depth_ros.evaluation import alignment, metrics
from depth_ros.evaluation.alignment import Alignment
from depth_ros.evaluation.boundary import boundary_f1
from depth_ros.evaluation.curve import Curve
from depth_ros.evaluation.datasets.files import DatasetError
from depth_ros.evaluation.datasets.sample import Sample, Samples
from depth_ros.evaluation.metrics import Scores, mean_known
from depth_ros.evaluation.protocols import Protocol
from depth_ros.evaluation.temporal import View, temporal_alignment_error
from depth_ros.geometry.depth import RIGHT
from depth_ros.ground_frame import mount_of_parameters
from depth_ros.pipeline import Pipeline, Wanted
from depth_ros.scale.scaler import Reference

WORST = 6
"""Number of frames that are kept as pictures."""

_DEPTH_EDGES_M = 2.0 ** np.arange(-2, 8.25, 0.25)  # 0.25 m to 256 m, four bins per octave
_CONFIDENCE_EDGES = np.linspace(0, 1, 11)


class ImageScores(NamedTuple):
    """Scores of one image.

    Attributes:
        name, clip: of the sample.
        scores: over the valid pixels.
        boundary_f1: 0 to 1; NaN if truth is not dense.
        coverage: share of the pixels with truth that have an estimate.
        tae: temporal alignment error [%] to the clip's previous image; NaN if there is none.
    """

    name: str
    clip: str | None
    scores: Scores
    boundary_f1: float
    coverage: float
    tae: float


class WorstFrame(NamedTuple):
    """A frame for a picture: uint8 (H, W, 3) image, depth and truth (H, W) in metres."""

    name: str
    abs_rel: float
    rgb: ImageArray
    depth_m: DepthArray
    truth_m: DepthArray


@dataclass
class ModelScores:
    """Scores of a model.

    Attributes:
        model, device: names of the model and of the device it ran on.
        images: scores of the images, in order.
        error_by_depth: AbsRel over true depth [m].
        right_by_confidence: share within 25 % of the truth, over the model's confidence, 0 to 1.
        worst: the frames of largest AbsRel, the worst first.
        frames_per_s: speed of the pipeline without batches.
    """

    model: str
    device: str
    images: list[ImageScores] = field(default_factory=list)
    error_by_depth: Curve = field(default_factory=lambda: Curve(_DEPTH_EDGES_M))
    right_by_confidence: Curve = field(default_factory=lambda: Curve(_CONFIDENCE_EDGES))
    worst: list[WorstFrame] = field(default_factory=list)
    frames_per_s: float = 0.0

    @property
    def scored(self) -> int:
        """Number of images that have an estimate at valid pixels."""
        return sum(np.isfinite(image.scores.abs_rel) for image in self.images)

    def summary(self) -> dict[str, float]:
        """Return means over images by column name; TAE is averaged per clip first."""
        columns = metrics.mean([image.scores for image in self.images])._asdict()
        columns["boundary_f1"] = mean_known([image.boundary_f1 for image in self.images])
        columns["tae"] = mean_known(self._tae_of_clips())
        columns["coverage"] = mean_known([image.coverage for image in self.images])
        columns["frames_per_s"] = self.frames_per_s
        return columns

    def _tae_of_clips(self) -> list[float]:
        clips = groupby(self.images, key=lambda image: image.clip)
        return [mean_known([image.tae for image in images]) for _, images in clips]


class _Prediction(NamedTuple):
    """Depth of a sample, or a relative network's values, before alignment."""

    values: DepthArray
    kind: str
    confidence: DepthArray | None
    seconds: float


def evaluate(
    pipeline: Pipeline,
    protocol: Protocol,
    samples: Samples,
    align: Alignment = Alignment.NONE,
    limit: int | None = None,
) -> ModelScores:
    """Score a pipeline on a protocol's samples.

    Args:
        pipeline: with any model, metric or relative.
        protocol: defines valid pixels and the range of depth.
        samples: of the protocol.
        align: alignment of predictions with the truth.
        limit: maximum number of samples, from the first; None: all.

    Raises:
        ModelError: the model is not metric, and the alignment cannot make it metric.
        DatasetError: there is no sample.
    """
    if not pipeline.metric:
        alignment.check(pipeline.model.entry.output.value, align)
    scorer = _Scorer(protocol, ModelScores(pipeline.model.entry.name, str(pipeline.device)))
    total = samples.total if limit is None else min(limit, samples.total or limit)
    bar = tqdm(islice(samples, limit), desc=scorer.result.model, total=total, unit="frame")
    for index, group in enumerate(_groups(bar, align)):
        if index == 0:
            pipeline.warm_up(*group[0].frame.rgb.shape[:2])
        scorer.add(group, [_predict(pipeline, sample) for sample in group], align)
    if not scorer.result.images:
        why = "; ".join(samples.losses.lines())
        raise DatasetError(
            f"protocol '{protocol.name}' found no image with truth{why and ': '}{why}"
        )
    return scorer.result


def _groups(samples: Iterable[Sample], align: Alignment) -> Iterator[list[Sample]]:
    """Yield groups with one alignment each: the images of a clip, or single images."""
    if align is not Alignment.CLIP:
        yield from ([sample] for sample in samples)
        return
    for _, clip in groupby(samples, key=lambda sample: sample.clip or sample.name):
        yield list(clip)


def _predict(pipeline: Pipeline, sample: Sample) -> _Prediction:
    """Return the pipeline's depth of a sample; all NaN if it has no scale."""
    wanted = Wanted(image=pipeline.metric, relative=not pipeline.metric)
    job = FrameJob(sample.frame, pipeline, wanted, partial(_reference, pipeline, sample))
    start_s = time.perf_counter()
    (answer,) = engine.run([job])
    values, confidence = _arrays(answer)
    kind = alignment.METRIC if pipeline.metric else pipeline.model.entry.output.value
    return _Prediction(values, kind, confidence, time.perf_counter() - start_s)


def _reference(pipeline: Pipeline, sample: Sample) -> Reference | None:
    settings = pipeline.settings
    if settings.scale_mode == "ground" and settings.extrinsics == "parameters":
        return mount_of_parameters(settings)
    return None if settings.scale_mode == "model" else sample.reference


def _arrays(answer: Answer[FrameJob]) -> tuple[DepthArray, DepthArray | None]:
    if isinstance(answer.error, ScaleError):  # a robot would have no depth here
        return np.full(answer.job.frame.rgb.shape[:2], np.nan, np.float32), None
    if answer.error is not None:
        raise answer.error
    if answer.depth is None:
        assert answer.estimate is not None
        return answer.estimate.prediction.values[0].cpu().numpy(), None
    confidence = answer.depth.confidence
    depth_m = answer.depth.depth_m.cpu().numpy()
    return depth_m, None if confidence is None else confidence.cpu().numpy()


class _Scorer:
    """Scores frame by frame, and keeps the previous one."""

    def __init__(self, protocol: Protocol, result: ModelScores) -> None:
        self.result = result
        self._protocol = protocol
        self._before: tuple[str, View] | None = None
        self._seconds = 0.0

    def add(
        self, group: Sequence[Sample], predictions: Sequence[_Prediction], align: Alignment
    ) -> None:
        """Align the predictions of a group together, then score each against valid truth."""
        values = np.stack([one.values for one in predictions])
        truths_m = np.stack([self._protocol.counted(sample.truth_m) for sample in group])
        depths_m = alignment.align(values, predictions[0].kind, truths_m, align)
        for row in zip(group, predictions, depths_m, truths_m, strict=True):
            self._add(*row)

    def _add(
        self, sample: Sample, prediction: _Prediction, depth_m: DepthArray, truth_m: DepthArray
    ) -> None:
        """Score an aligned prediction against valid truth, both (H, W) in metres."""
        known = metrics.known(truth_m)
        estimated = metrics.known(depth_m) & known
        coverage = float(estimated.sum() / max(int(known.sum()), 1))
        filled_m = self._protocol.filled(depth_m)
        scores = metrics.score(filled_m, truth_m)
        f1 = boundary_f1(filled_m, truth_m) if self._protocol.dense else float("nan")
        tae = self._tae(sample, filled_m)
        result = self.result
        result.images.append(ImageScores(sample.name, sample.clip, scores, f1, coverage, tae))
        self._collect(prediction.confidence, filled_m, truth_m)
        shown = WorstFrame(sample.name, scores.abs_rel, sample.frame.rgb, filled_m, truth_m)
        frames = [*result.worst, shown] if known.any() else result.worst
        result.worst = sorted(frames, key=lambda frame: -frame.abs_rel)[:WORST]
        self._seconds += prediction.seconds
        result.frames_per_s = len(result.images) / self._seconds

    def _tae(self, sample: Sample, depth_m: DepthArray) -> float:
        before, self._before = self._before, None
        if sample.clip is None or sample.pose is None:
            return float("nan")
        view = View(depth_m, sample.frame.camera, sample.pose)
        self._before = (sample.clip, view)
        if before is None or before[0] != sample.clip:
            return float("nan")
        return temporal_alignment_error(before[1], view)

    def _collect(
        self, confidence: DepthArray | None, depth_m: DepthArray, truth_m: DepthArray
    ) -> None:
        both = metrics.known(depth_m) & metrics.known(truth_m)
        d, g = depth_m[both], truth_m[both]
        error = np.abs(d - g) / g
        self.result.error_by_depth.add(g, error)
        if confidence is not None:
            right = np.maximum(d / g, g / d) < RIGHT
            self.result.right_by_confidence.add(confidence[both], right)
