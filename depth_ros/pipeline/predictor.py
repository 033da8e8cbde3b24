"""Frames to what the network says of them: upload, batches, prompts, memory, captured graphs."""

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
from depth_ros.models.transformers_model import runs_side_by_side
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.frame import Frame
from depth_ros.pipeline.memory import FrameMemory
from depth_ros.profile import Profile
from depth_ros.runtimes.capture import Function, Graphs
from depth_ros.runtimes.notices import Notices
from depth_ros.runtimes.upload import Upload, sent
from depth_ros.scale.anchors import Anchors, prompt
from depth_ros.scale.scaler import Reference


class Predictor(Protocol):
    """Gives estimates of one camera's frames."""

    @property
    def model(self) -> ModelFacts:
        """Facts about the network."""

    @property
    def device(self) -> torch.device:
        """Where its estimates are."""

    @property
    def profile(self) -> Profile:
        """Is told which stage a frame is in."""

    @property
    def graphs(self) -> Graphs | None:
        """Captured graphs of the device; None: it captures none."""

    @property
    def notices(self) -> Notices:
        """Tell what is not possible with this network."""

    def predict(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        settings: Settings,
        points_only: bool = False,
    ) -> list[Estimate]:
        """Return an estimate of each frame, see Pipeline.predict_batch."""

    def warm_up(self, settings: Settings, height: int, width: int) -> None:
        """Pay for first-time set-up, see Pipeline.warm_up."""

    def fork(self) -> Predictor:
        """Return a predictor for another camera: the same network, no memory in common."""


class NetworkPredictor:
    """Runs a network on one camera's frames.

    Args:
        model: what is asked.
        runtime: executes its network.
        profile: told which stage a frame is in; None: a new one.
        faster: executes the network in less time and takes long to prepare: it takes the runtime's
            place in captured graphs, at once with compile true, else as soon as it is ready.
        graphs: of the device, shared by the predictors of one network; None: new, if the device
            captures any.
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

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.runtime.device

    def fork(self) -> NetworkPredictor:
        """Return a predictor for another camera: the same network, no memory in common."""
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
        if frames and batches(self.model, settings):
            return self._predict(frames, references, settings, points_only)
        pairs = zip(frames, references, strict=True)
        runs = (self._predict([f], [known], settings, points_only) for f, known in pairs)
        return [estimate for run in runs for estimate in run]

    @torch.inference_mode()
    def warm_up(self, settings: Settings, height: int, width: int) -> None:
        """Run a blank frame, see Pipeline.warm_up."""
        height, width = self.model.fixed_size or (height, width)
        rgb = torch.zeros(1, height, width, 3, dtype=torch.uint8, device=self.device)
        prompt_size = self.model.prompt_size
        prompts = None
        if prompt_size is not None:
            prompts = sent(torch.ones(1, 1, *prompt_size), self.device)
        camera = Camera.from_fov(width, height, 60.0)  # its angle has no influence
        request = Request([camera], prompts, _sampling(settings, settings.query_stride))
        # What takes long in the background begins with the size that images really have.
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
        rgb = torch.stack(images) if len(images) > 1 else images[0][None]
        carries = settings.carry and len(frames) == 1
        request = Request(
            [frame.camera.turned(_turns(settings)) for frame in frames],
            self._prompts(frames, references, settings),
            _sampling(settings, stride if sparse else settings.query_stride),
            self._memory.recall(frames[0]) if carries else None,
            enlarge=not sparse,
        )
        whole = self._infer(rgb, request, settings)
        if whole.memory is not None and carries:
            self._memory.remember(frames[0], whole.memory)
        height, width = frames[0].rgb.shape[:2]
        size = whole.network_size or (height, width)
        return [
            Estimate(part, image[::stride, ::stride], frame.subsample(stride), size, stride)
            for part, image, frame in zip(_parts(whole), images, frames, strict=True)
        ]

    def _infer(
        self, rgb: Tensor, request: Request, settings: Settings, improve: bool = True
    ) -> Prediction:
        """Return what the network says of images uint8 (B, H, W, 3) as the camera took them.

        Args:
            rgb, request: see DepthModel.infer.
            settings: of these images.
            improve: whether the faster executor is used, or prepared.
        """
        turns, graphs = _turns(settings), self.graphs
        if graphs is None or self.model.graphs:
            self.profile.begin("preprocess")
            execute = _Staged(self.runtime, self.profile)
            return _turned_back(self.model.infer(execute, _turned(rgb, turns), request), turns)
        self.profile.begin("network")
        memory = request.memory
        carried = (None, None) if memory is None else (memory.values, memory.latents)
        cameras = tuple(request.cameras) if self.model.asks_cameras else ()
        ask = partial(_network, self.model, request=replace(request, prompts=None, memory=None))
        tensors, whole = graphs.predict(
            (cameras, request.sampling, request.enlarge, turns),
            ask(self.runtime, turns=turns),
            rgb,
            request.prompts,
            *carried,
            better=ask(self.faster, turns=turns) if self.faster and improve else None,
            at_once=settings.compile == "true",
        )
        return _prediction(whole, *tensors)

    def _is_sparse(self, camera: Camera, settings: Settings) -> bool:
        """Whether the model can be asked for a cloud's pixels alone, and that is less work."""
        if not self.model.denoises or settings.stride == 1 or settings.scale_mode != "model":
            return False
        if settings.rotate:  # every n-th pixel from the turned image's first corner is another one
            return False
        cost = self.model.cost
        return cost(camera, settings.stride) < cost(camera, settings.query_stride)

    def _prompts(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        settings: Settings,
    ) -> Tensor | None:
        """Return the batch of depth prompts that the network needs, if it needs any."""
        if self.model.prompt_size is None:
            return None
        pairs = zip(frames, references, strict=True)
        prompts = [self._prompt(frame.camera, known, settings) for frame, known in pairs]
        return sent(torch.stack(prompts), self.device)

    def _prompt(self, camera: Camera, reference: Reference | None, settings: Settings) -> Tensor:
        """Return metric depth (1, h, w) for a network that completes it."""
        assert self.model.prompt_size is not None
        if not isinstance(reference, Anchors):
            raise ScaleError(f"model '{self.model.entry.name}' has no anchors to complete")
        turns = _turns(settings)
        height, width = self.model.prompt_size[:: -1 if turns % 2 else 1]
        return _turned(torch.from_numpy(prompt(reference, height, width, camera))[None], turns)


def batches(model: ModelFacts, settings: Settings) -> bool:
    """Whether frames of one size can share a run of the network."""
    return model.batches and not (model.denoises and settings.carry)


def runs_in_threads(model: ModelFacts, settings: Settings) -> bool:
    """Whether several threads may run the network at once.

    What torch.compile makes is for one number of threads, and for one of them.
    """
    compiled = settings.compile == "true"
    return bool(model.graphs) or (not compiled and runs_side_by_side())


def _turns(settings: Settings) -> int:
    """Return by how many quarters images are turned clockwise for the network."""
    return settings.rotate // 90


def _sampling(settings: Settings, stride: int) -> Sampling:
    return Sampling(settings.steps, settings.samples, settings.seed, stride)


def _network(model: DepthModel, execute: Executor, request: Request, turns: int) -> Function:
    """Return a model's infer() for a request as a function of tensors alone, see capture."""

    def run(
        rgb: Tensor, prompts: Tensor | None, values: Tensor | None, latents: Tensor | None
    ) -> tuple[tuple[Tensor | None, ...], Prediction]:
        memory = None if values is None or latents is None else Memory(values, latents)
        asked = replace(request, prompts=prompts, memory=memory)
        whole = _turned_back(model.infer(execute, _turned(rgb, turns), asked), turns)
        kept = whole.memory
        carried = (None, None) if kept is None else (kept.values, kept.latents)
        return (whole.values, whole.f_px, whole.confidence, *carried), whole

    return run


def _prediction(
    whole: Prediction,
    values: Tensor | None,
    f_px: Tensor | None,
    confidence: Tensor | None,
    carried: Tensor | None,
    latents: Tensor | None,
) -> Prediction:
    """Return a prediction with other tensors in it: those of _network()."""
    assert values is not None
    memory = None if carried is None or latents is None else Memory(carried, latents)
    return replace(whole, values=values, f_px=f_px, confidence=confidence, memory=memory)


class _Staged:
    """Runs a network and tells a profile so; what follows it is postprocessing."""

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


def _turned(images: Tensor, turns: int) -> Tensor:
    """Turn images (B, H, W, ...) clockwise by quarters."""
    return torch.rot90(images, -turns, (1, 2)).contiguous() if turns else images


def _turned_back(whole: Prediction, turns: int) -> Prediction:
    """Turn the prediction of images that were turned clockwise back to the images."""
    if not turns:
        return whole
    size, confidence = whole.network_size, whole.confidence
    return replace(
        whole,
        values=_turned(whole.values, -turns),
        confidence=None if confidence is None else _turned(confidence, -turns),
        network_size=size[::-1] if size is not None and turns % 2 else size,
    )


def _parts(whole: Prediction) -> list[Prediction]:
    """Return the prediction of a batch image by image."""
    count = len(whole.values)
    f_px = [None] * count if whole.f_px is None else whole.f_px.split(1)
    confidences = [None] * count if whole.confidence is None else whole.confidence.split(1)
    return [
        replace(whole, values=values, f_px=f, confidence=confidence)
        for values, f, confidence in zip(whole.values.split(1), f_px, confidences, strict=True)
    ]
