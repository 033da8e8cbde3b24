"""Frames to the network's predictions: upload, batches, prompts, memory, captured graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.errors import CameraError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, Prediction
from depth_ros.models.base import Executor, Memory, ModelFacts, Raw, Request, Sampling
from depth_ros.models.transformers_model import supports_threads
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.frame import Frame
from depth_ros.pipeline.memory import FrameMemory
from depth_ros.pipeline.network_view import NetworkView, NetworkViews
from depth_ros.profile import Profile
from depth_ros.runtimes.capture import Function, Graphs
from depth_ros.runtimes.notices import Notices
from depth_ros.runtimes.upload import Upload, to_device
from depth_ros.scale.anchors import Anchors, prompt
from depth_ros.scale.scaler import Reference


class Predictor(Protocol):
    """Predicts depth for the frames of one camera."""

    @property
    def model(self) -> ModelFacts:
        """Facts about the network."""

    @property
    def device(self) -> torch.device:
        """Device of its estimates."""

    @property
    def profile(self) -> Profile:
        """Measures the time of each stage of a frame."""

    @property
    def graphs(self) -> Graphs | None:
        """Captured graphs of the device; None: it cannot capture graphs."""

    @property
    def notices(self) -> Notices:
        """Messages for the user about this network on this device."""

    def predict(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        settings: Settings,
        points_only: bool = False,
    ) -> list[Estimate]:
        """Return an estimate of each frame, see Pipeline.predict_batch."""

    def warm_up(self, settings: Settings, height: int, width: int) -> None:
        """Do the first-time set-up, see Pipeline.warm_up."""

    def fork(self) -> Predictor:
        """Return a predictor for another camera: the same network, but its own memory."""


class NetworkPredictor:
    """Runs a network on one camera's frames.

    Args:
        model: the model.
        runtime: executes its network.
        profile: measures the time of each stage; None: a new one.
        faster: executes the network in less time, but takes long to prepare. In captured graphs
            it replaces the runtime: from the first frame with compile true, otherwise as soon as
            it is ready.
        graphs: of the device, shared by the predictors of one network; None: new, if the device
            can capture graphs.
    """

    def __init__(
        self,
        model: DepthModel,
        runtime: Executor,
        profile: Profile | None = None,
        faster: Executor | None = None,
        graphs: Graphs | None = None,
    ) -> None:
        self.model, self.runtime, self.faster = model, runtime, faster
        self.graphs = Graphs.on(runtime.device) if graphs is None else graphs
        self.notices: Notices = self.graphs.notices if self.graphs else Notices()
        self.profile = profile or Profile.on(runtime.device)
        self._upload = Upload(runtime.device)
        self._memory = FrameMemory()
        self._views = NetworkViews(model, partial(to_device, device=runtime.device))

    @property
    def device(self) -> torch.device:
        """Device that the network runs on."""
        return self.runtime.device

    def fork(self) -> NetworkPredictor:
        """Return a predictor for another camera: the same network, but its own memory."""
        return NetworkPredictor(self.model, self.runtime, self.profile, self.faster, self.graphs)

    def predict(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        settings: Settings,
        points_only: bool = False,
    ) -> list[Estimate]:
        """Return an estimate of each frame, see Pipeline.predict_batch."""
        sizes = {frame.rgb.shape[:2] for frame in frames}
        if len(sizes) > 1:
            raise CameraError(f"frames of one batch are {sorted(sizes)}, expected one size")
        if frames and batches(self.model, settings) and self._see_alike(frames, settings):
            return self._predict(frames, references, settings, points_only)
        pairs = zip(frames, references, strict=True)
        runs = (self._predict([f], [reference], settings, points_only) for f, reference in pairs)
        return [estimate for run in runs for estimate in run]

    @torch.inference_mode()
    def warm_up(self, settings: Settings, height: int, width: int) -> None:
        """Run a blank frame, see Pipeline.warm_up."""
        height, width = self.model.fixed_size or (height, width)
        rgb = torch.zeros(1, height, width, 3, dtype=torch.uint8, device=self.device)
        prompt_size = self.model.prompt_size
        prompts = None
        if prompt_size is not None:
            prompts = to_device(torch.ones(1, 1, *prompt_size), self.device)
        camera = Camera.from_fov(width, height, 60.0)  # any field of view would do
        request = Request([camera], prompts, _sampling(settings, settings.grin_query_stride))
        # Background compilation starts later, with the real size of the images.
        self._infer(rgb, request, settings, improve=settings.compile == "true")

    @torch.inference_mode()
    def _predict(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        settings: Settings,
        points_only: bool,
    ) -> list[Estimate]:
        sparse = points_only and all(self._is_sparse(frame.camera, settings) for frame in frames)
        stride = settings.stride if sparse else 1
        self.profile.begin("upload")
        images = [self._upload(frame.rgb) for frame in frames]
        views = [self._views.of(frame.camera, settings) for frame in frames]
        undistorts = any(view.virtual for view in views)
        if undistorts:
            self.profile.begin("undistort")
        seen = [view.image(image) for view, image in zip(views, images, strict=True)]
        rgb = torch.stack(seen) if len(seen) > 1 else seen[0][None]
        carries = settings.grin_carry and len(frames) == 1
        request = Request(
            [view.camera.turned(_turns(settings)) for view in views],
            self._prompts(views, references, settings),
            _sampling(settings, stride if sparse else settings.grin_query_stride),
            self._memory.recall(frames[0]) if carries else None,
            enlarge=not sparse,
        )
        batch = self._infer(rgb, request, settings)
        if batch.memory is not None and carries:
            self._memory.remember(frames[0], batch.memory)
        if undistorts:
            self.profile.begin("undistort")
        each = zip(views, _split(batch), images, frames, strict=True)
        return [
            _estimate(view.restored(prediction), image, frame, stride)
            for view, prediction, image, frame in each
        ]

    def _see_alike(self, frames: Sequence[Frame], settings: Settings) -> bool:
        """Whether what the network sees of all frames has one size."""
        seen = [self._views.of(frame.camera, settings).camera for frame in frames]
        return len({(camera.width, camera.height) for camera in seen}) == 1

    def _infer(
        self, rgb: Tensor, request: Request, settings: Settings, improve: bool = True
    ) -> Prediction:
        """Return the prediction for images uint8 (B, H, W, 3) in the camera's orientation.

        Args:
            rgb, request: see DepthModel.infer.
            settings: of these images.
            improve: whether to use or prepare the faster executor.
        """
        turns, graphs = _turns(settings), self.graphs
        if graphs is None or self.model.graphs:
            self.profile.begin("preprocess")
            execute = _Staged(self.runtime, self.profile)
            return _rotated_back(self.model.infer(execute, _rotated(rgb, turns), request), turns)
        self.profile.begin("network")
        memory = request.memory
        carried = (None, None) if memory is None else (memory.values, memory.latents)
        cameras = tuple(request.cameras) if self.model.asks_cameras else ()
        bound = partial(_network, self.model, request=replace(request, prompts=None, memory=None))
        tensors, batch = graphs.predict(
            (cameras, request.sampling, request.enlarge, turns),
            bound(self.runtime, turns=turns),
            rgb,
            request.prompts,
            *carried,
            faster=bound(self.faster, turns=turns) if self.faster and improve else None,
            wait_for_faster=settings.compile == "true",
        )
        return _prediction(batch, *tensors)

    def _is_sparse(self, camera: Camera, settings: Settings) -> bool:
        """Whether the model can estimate only a cloud's pixels, and this is less work."""
        if not self.model.denoises or settings.stride == 1 or settings.scale_mode != "model":
            return False
        if settings.rotate:  # every n-th pixel of the rotated image is another pixel
            return False
        cost = self.model.cost
        return cost(camera, settings.stride) < cost(camera, settings.grin_query_stride)

    def _prompts(
        self,
        views: Sequence[NetworkView],
        references: Sequence[Reference | None],
        settings: Settings,
    ) -> Tensor | None:
        """Return the batch of depth prompts; None: the network takes none."""
        if self.model.prompt_size is None:
            return None
        pairs = zip(views, references, strict=True)
        prompts = [self._prompt(view, reference, settings) for view, reference in pairs]
        return to_device(torch.stack(prompts), self.device)

    def _prompt(self, view: NetworkView, reference: Reference | None, settings: Settings) -> Tensor:
        """Return metric depth (1, h, w) for a network that completes it."""
        assert self.model.prompt_size is not None
        if not isinstance(reference, Anchors):
            raise ScaleError(f"model '{self.model.entry.name}' has no anchors to complete")
        turns = _turns(settings)
        height, width = self.model.prompt_size[:: -1 if turns % 2 else 1]
        dense = prompt(view.anchors(reference), height, width, view.camera)
        return _rotated(torch.from_numpy(dense)[None], turns)


def _estimate(prediction: Prediction, image: Tensor, frame: Frame, stride: int) -> Estimate:
    """Return the estimate of a frame of which every n-th pixel and row was predicted."""
    height, width = frame.rgb.shape[:2]
    size = prediction.network_size or (height, width)
    return Estimate(prediction, image[::stride, ::stride], frame.subsample(stride), size, stride)


def batches(model: ModelFacts, settings: Settings) -> bool:
    """Whether frames of one size can share a run of the network."""
    return model.batches and not (model.denoises and settings.grin_carry)


def runs_in_threads(model: ModelFacts, settings: Settings) -> bool:
    """Whether several threads may run the network at the same time.

    Code of torch.compile is valid for one number of threads, and runs in one thread only.
    """
    compiled = settings.compile == "true"
    return bool(model.graphs) or (not compiled and supports_threads())


def _turns(settings: Settings) -> int:
    """Return the number of clockwise quarter turns of images for the network."""
    return settings.rotate // 90


def _sampling(settings: Settings, stride: int) -> Sampling:
    return Sampling(settings.grin_steps, settings.grin_samples, settings.grin_seed, stride)


def _network(model: DepthModel, execute: Executor, request: Request, turns: int) -> Function:
    """Return a model's infer() for a request as a function of tensors only, see capture."""

    def run(
        rgb: Tensor, prompts: Tensor | None, values: Tensor | None, latents: Tensor | None
    ) -> tuple[tuple[Tensor | None, ...], Prediction]:
        memory = None if values is None or latents is None else Memory(values, latents)
        complete = replace(request, prompts=prompts, memory=memory)
        batch = _rotated_back(model.infer(execute, _rotated(rgb, turns), complete), turns)
        kept = batch.memory
        carried = (None, None) if kept is None else (kept.values, kept.latents)
        return (batch.values, batch.f_px, batch.confidence, *carried), batch

    return run


def _prediction(
    batch: Prediction,
    values: Tensor | None,
    f_px: Tensor | None,
    confidence: Tensor | None,
    carried: Tensor | None,
    latents: Tensor | None,
) -> Prediction:
    """Return a prediction with its tensors replaced by those of _network()."""
    assert values is not None
    memory = None if carried is None or latents is None else Memory(carried, latents)
    return replace(batch, values=values, f_px=f_px, confidence=confidence, memory=memory)


class _Staged:
    """Runs a network, and reports the stages network and post to a profile."""

    def __init__(self, executor: Executor, profile: Profile) -> None:
        self._executor, self._profile = executor, profile

    @property
    def device(self) -> torch.device:
        return self._executor.device

    def __call__(self, *inputs: Tensor) -> Raw:
        self._profile.begin("network")
        raw = self._executor(*inputs)
        self._profile.begin("post")
        return raw

    def part(self, name: str) -> _Staged:
        return _Staged(self._executor.part(name), self._profile)


def _rotated(images: Tensor, turns: int) -> Tensor:
    """Rotate images (B, H, W, ...) clockwise by quarter turns."""
    return torch.rot90(images, -turns, (1, 2)).contiguous() if turns else images


def _rotated_back(batch: Prediction, turns: int) -> Prediction:
    """Rotate the prediction of rotated images back to the camera's orientation."""
    if not turns:
        return batch
    size, confidence = batch.network_size, batch.confidence
    return replace(
        batch,
        values=_rotated(batch.values, -turns),
        confidence=None if confidence is None else _rotated(confidence, -turns),
        network_size=size[::-1] if size is not None and turns % 2 else size,
    )


def _split(batch: Prediction) -> list[Prediction]:
    """Return the prediction of a batch image by image."""
    count = len(batch.values)
    f_px = [None] * count if batch.f_px is None else batch.f_px.split(1)
    confidences = [None] * count if batch.confidence is None else batch.confidence.split(1)
    return [
        replace(batch, values=values, f_px=f, confidence=confidence)
        for values, f, confidence in zip(batch.values.split(1), f_px, confidences, strict=True)
    ]
