"""A pipeline with a denoising model: selected pixels, confidence, and carried memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, ModelEntry, Output, Prediction, Raw
from depth_ros.models.base import Executor, Memory, Request
from depth_ros.pipeline import Frame, NetworkPredictor, Pipeline, Wanted
from depth_ros.runtimes.torch_runtime import TorchRuntime
from test.models.checkpoints import build
from test.models.grin import small

CAMERA = Camera(66, 50, 60.0, 63.0, 31.0, 26.0)
OTHER = replace(CAMERA, fx=70.0)
SECOND_NS = 10**9
OWN_STRIDE = 2


class Sees(DepthModel):
    """Returns red as depth and green as confidence; its memory is a number."""

    entry = ModelEntry("sees", "test", "", Output.METRIC_DEPTH, "Apache-2.0", True)
    denoises = True
    max_depth_m = 0.0
    training_f_px = None

    def __init__(self) -> None:
        self.network = nn.Identity()
        self.requests: list[Request] = []

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        self.requests.append(request)
        step = 1 if request.enlarge else request.sampling.stride
        depth_m, sure = (rgb[:, ::step, ::step, channel] / 25.0 for channel in (0, 1))
        sure = (sure / 10).masked_fill(rgb[:, ::step, ::step, 2] == 255, torch.nan)
        memory = Memory(torch.tensor(float(len(self.requests))), torch.zeros(()))
        return Prediction(
            depth_m,
            self.entry.output,
            confidence=sure if self.has_confidence(request.sampling.samples) else None,
            network_size=(depth_m.shape[1], depth_m.shape[2]),
            memory=memory if len(rgb) == 1 else None,
        )

    def has_confidence(self, samples: int) -> bool:
        return samples > 1

    def cost(self, camera: Camera, stride: int) -> int:
        some = camera.subsample(stride or OWN_STRIDE)
        return some.width * some.height

    def preprocess(self, rgb: Tensor) -> Tensor:
        raise NotImplementedError

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        raise NotImplementedError

    def network_f_px(self, camera: Camera) -> float:
        return camera.f_px


def pipeline(**values: Any) -> tuple[Pipeline, Sees]:
    model = Sees()
    settings = Settings(device="cpu", edges_filter="off").with_values(**values)
    return Pipeline(NetworkPredictor(model, TorchRuntime(model.network, "cpu")), settings), model


def picture(seed: int = 0) -> npt.NDArray[np.uint8]:
    rgb = np.random.default_rng(seed).integers(20, 250, (50, 66, 3)).astype(np.uint8)
    rgb[10:20, 10:30, 2] = 255
    return rgb


def frame(stamp_ns: int = SECOND_NS, camera: Camera = CAMERA, frame_id: str = "eye") -> Frame:
    return Frame(picture(), camera, stamp_ns, frame_id)


def started_from(model: Sees) -> list[int | None]:
    """Of every question, the number of the one that it started from."""
    memories = [request.memory for request in model.requests]
    return [None if memory is None else int(memory.values) for memory in memories]


def cloud(given: Pipeline, depth: Any) -> npt.NDArray[np.float32]:
    payload = given.points(depth).numpy().reshape(-1)
    return np.frombuffer(payload.tobytes(), np.float32)


# --- pixels alone ---


@pytest.mark.parametrize("organised", [False, True])
@pytest.mark.parametrize("stride", [3, 4, 7])
def test_a_cloud_of_only_its_own_pixels_equals_that_of_the_whole_image(
    stride: int, organised: bool
) -> None:
    given, model = pipeline(stride=stride, points_organised=organised, max_depth_m=7.0)
    few = given.measure(given.predict(frame(), wanted=Wanted.of(["points"])))
    assert few.depth_m.shape == (-(-50 // stride), -(-66 // stride))
    assert few.stride == stride
    assert few.rgb.shape[:2] == few.depth_m.shape
    assert (few.stamp_ns, few.frame_id) == (SECOND_NS, "eye")
    found, expected = cloud(given, few), cloud(given, given(frame()))
    assert len(found) > 100
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    sparse, whole = model.requests
    assert (sparse.sampling.stride, sparse.enlarge) == (stride, False)
    assert (whole.sampling.stride, whole.enlarge) == (0, True)


@pytest.mark.parametrize(
    "settings",
    [
        {"stride": 1},
        {"stride": 2},
        {"stride": 4, "grin_query_stride": 4},
        {"stride": 4, "grin_query_stride": 9},
        {"stride": 4, "scale_mode": "anchors"},
    ],
    ids=str,
)
def test_the_whole_image_is_estimated_if_needed_or_no_more_work(
    settings: dict[str, Any],
) -> None:
    given, model = pipeline(**settings)
    estimate = given.predict(frame(), wanted=Wanted.of(["points"]))
    assert estimate.stride == 1
    assert estimate.prediction.values.shape == (1, 50, 66)
    (request,) = model.requests
    assert request.enlarge
    assert request.sampling.stride == settings.get("grin_query_stride", 0)


def test_the_whole_image_is_estimated_if_more_than_points_is_wanted() -> None:
    given, model = pipeline(stride=4)
    assert given.predict(frame()).stride == 1
    assert model.requests[0].enlarge


def test_a_model_that_does_not_denoise_estimates_the_whole_image() -> None:
    given, model = pipeline(stride=4)
    model.denoises = False
    assert given.predict(frame(), wanted=Wanted.of(["points"])).stride == 1


def test_the_sampling_settings_reach_the_model() -> None:
    given, model = pipeline(grin_steps=7, grin_samples=3, grin_seed=11, grin_query_stride=5)
    given.predict(frame())
    sampling = model.requests[0].sampling
    assert (sampling.steps, sampling.samples, sampling.seed, sampling.stride) == (7, 3, 11, 5)
    assert list(model.requests[0].cameras) == [CAMERA]


def test_a_small_grin_gives_almost_the_same_cloud_of_its_pixels_alone(tmp_path: Path) -> None:
    build("grin", tmp_path)
    settings: dict[str, Any] = {
        "stride": 5,
        "grin_query_stride": 1,
        "edges_filter": "off",
        "points_organised": True,
    }
    given = Pipeline.from_settings(Settings(str(tmp_path), device="cpu").with_values(**settings))
    few = given.measure(given.predict(frame(), wanted=Wanted.of(["points"])))
    assert few.stride == 5
    xyz, whole = (
        given.points(depth).numpy().view(np.float32)[..., :3] for depth in (few, given(frame()))
    )
    known = np.isfinite(whole) & np.isfinite(xyz)
    assert known.mean() > 0.7
    np.testing.assert_allclose(xyz[known], whole[known], rtol=0.05, atol=1e-3)


# --- confidence ---


def test_points_with_low_or_unknown_confidence_are_left_out() -> None:
    given, _ = pipeline(grin_samples=2, min_confidence=0.6, points_organised=True)
    depth = given(frame())
    assert depth.confidence is not None
    assert depth.confidence.shape == depth.depth_m.shape
    z = given.points(depth).numpy().view(np.float32)[..., 2]
    rgb = picture()
    kept = (rgb[..., 1] / 250 >= 0.6) & (rgb[..., 2] != 255)
    assert 0.1 < kept.mean() < 0.9
    np.testing.assert_array_equal(np.isfinite(z), kept)
    assert depth.depth_m.isfinite().all(), "the depth image keeps them"


def test_without_min_confidence_all_points_stay() -> None:
    given, _ = pipeline(grin_samples=2, points_organised=True)
    z = given.points(given(frame())).numpy().view(np.float32)[..., 2]
    assert np.isfinite(z).all()


def test_confidence_goes_with_its_own_frame_of_a_batch() -> None:
    given, _ = pipeline(grin_samples=2)
    images = [replace(frame(), rgb=picture(seed)) for seed in (1, 2)]
    for each, estimate in zip(images, given.predict_batch(images, [None] * 2), strict=True):
        sure = given.measure(estimate).confidence
        assert sure is not None
        assert torch.equal(sure.nan_to_num(9.0), given(each).confidence.nan_to_num(9.0))  # type: ignore[union-attr]


def test_min_confidence_for_a_model_without_confidence_is_an_error(
    tmp_path: Path, checkpoint: Path
) -> None:
    build("grin", tmp_path)
    wanted = Settings(str(tmp_path), device="cpu", min_confidence=0.5)
    with pytest.raises(ModelError, match="samples:=2"):
        Pipeline.from_settings(wanted)
    model = Pipeline.from_settings(replace(wanted, grin_samples=2)).model
    assert model.has_confidence(samples=2)
    with pytest.raises(ModelError, match="min_confidence:=0"):
        Pipeline.from_settings(replace(wanted, model=str(checkpoint), grin_samples=2))
    given, _ = pipeline(min_confidence=0.5)
    with pytest.raises(ModelError, match="samples:=2"):
        given.points(given(frame()))


# --- carried memory ---


def ask(given: Pipeline, frames: Sequence[Frame]) -> None:
    for each in frames:
        given.predict(each)


def test_a_frame_starts_from_the_one_before() -> None:
    given, model = pipeline(grin_carry=True)
    ask(given, [frame(SECOND_NS + step * 10**8) for step in range(4)])
    assert started_from(model) == [None, 1, 2, 3]


def test_without_carry_no_memory_is_used_or_kept() -> None:
    given, model = pipeline()
    ask(given, [frame(SECOND_NS), frame(SECOND_NS + 1)])
    given.settings = given.settings.with_values(grin_carry=True)
    ask(given, [frame(SECOND_NS + 2), frame(SECOND_NS + 3)])
    given.settings = given.settings.with_values(grin_carry=False)
    ask(given, [frame(SECOND_NS + 4)])
    assert started_from(model) == [None, None, None, 3, None]


@pytest.mark.parametrize("other", [{"camera": OTHER}, {"frame_id": "other eye"}], ids=str)
def test_every_camera_has_its_own_frame_before(other: dict[str, Any]) -> None:
    given, model = pipeline(grin_carry=True)
    for step in range(2):
        stamp_ns = SECOND_NS + step * 10**8
        ask(given, [frame(stamp_ns), frame(stamp_ns, **other)])
    assert started_from(model) == [None, None, 1, 2]


@pytest.mark.parametrize(
    ("step_ns", "carried"),
    [(1, True), (SECOND_NS, True), (SECOND_NS + 1, False), (0, False), (-(10**8), False)],
)
def test_memory_is_dropped_when_time_jumps_or_goes_back(step_ns: int, carried: bool) -> None:
    given, model = pipeline(grin_carry=True)
    start_ns = 5 * SECOND_NS
    ask(given, [frame(start_ns), frame(start_ns + step_ns), frame(start_ns + step_ns + 1)])
    assert started_from(model) == [None, 1 if carried else None, 2]


def test_memory_does_not_accumulate() -> None:
    given, model = pipeline(grin_carry=True)
    ask(given, [frame(frame_id=f"eye {number}") for number in range(30)])
    ask(given, [frame(SECOND_NS + 1, frame_id=f"eye {number}") for number in (29, 0)])
    assert started_from(model)[30:] == [30, None]


def test_a_fork_has_its_own_memory() -> None:
    given, model = pipeline(grin_carry=True)
    ask(given, [frame()])
    ask(given.fork(), [frame(SECOND_NS + 1)])
    assert started_from(model) == [None, None]


def test_frames_of_a_batch_follow_each_other_where_they_are_carried() -> None:
    frames = [frame(SECOND_NS + step) for step in range(3)]
    given, model = pipeline(grin_carry=True)
    given.predict_batch(frames, [None] * 3)
    assert started_from(model) == [None, 1, 2]
    given, model = pipeline()
    assert len(given.predict_batch(frames, [None] * 3)) == 3
    assert len(model.requests) == 1


def test_a_small_grin_carries(tmp_path: Path) -> None:
    build("grin", tmp_path)
    given = Pipeline.from_settings(
        Settings(str(tmp_path), device="cpu", grin_carry=True, grin_samples=2)
    )
    first, second, afresh = (
        given(frame(stamp_ns)).depth_m for stamp_ns in (SECOND_NS, SECOND_NS + 1, 9 * SECOND_NS)
    )
    assert torch.equal(first, afresh)
    assert not torch.equal(first, second)


# --- the rest ---


def test_a_model_that_uses_the_cameras_rays_refuses_flip(tmp_path: Path) -> None:
    build("grin", tmp_path)
    with pytest.raises(ModelError, match="set flip:=false"):
        Pipeline.from_settings(Settings(str(tmp_path), device="cpu", flip=True))


@pytest.mark.parametrize("carry", [False, True])
def test_warming_up_carries_nothing(tmp_path: Path, carry: bool) -> None:
    build("grin", tmp_path)
    settings = Settings(str(tmp_path), device="cpu", grin_carry=carry, grin_steps=1)
    warm, cold = Pipeline.from_settings(settings), Pipeline.from_settings(settings)
    warm.warm_up(50, 66)
    assert torch.equal(warm(frame()).depth_m, cold(frame()).depth_m)


def test_metres_of_a_model_that_uses_the_cameras_rays_are_not_corrected(tmp_path: Path) -> None:
    build("grin", tmp_path)
    settings = Settings(str(tmp_path), device="cpu", edges_filter="off")
    for camera in (CAMERA, OTHER):
        given = Pipeline.from_settings(settings)
        estimate = given.predict(frame(camera=camera))
        depth_m = given.measure(estimate).depth_m
        near = depth_m.isfinite()
        assert near.float().mean() > 0.9
        assert torch.equal(depth_m[near], estimate.prediction.values[0][near])
    assert small.CONFIG.d_max_m == given.model.max_depth_m


def test_images_need_no_writable_memory(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    build("grin", tmp_path)
    given = Pipeline.from_settings(Settings(str(tmp_path), device="cpu", grin_samples=2))
    recwarn.clear()
    given(frame())
    assert not recwarn.list
