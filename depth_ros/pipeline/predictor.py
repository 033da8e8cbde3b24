"""Frames to the network's predictions: upload, batches, prompts, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.errors import CameraError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, Prediction
from depth_ros.models.base import Executor, ModelFacts, Raw, Request, Sampling
from depth_ros.models.transformers_model import supports_threads
from depth_ros.pipeline.captured_network import CapturedNetwork
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.finish import Finish, Finisher
from depth_ros.pipeline.frame import Frame
from depth_ros.pipeline.memory import FrameMemory
from depth_ros.pipeline.network_view import NetworkView, NetworkViews
from depth_ros.pipeline.turned import quarter_turns, rotated, rotated_back
from depth_ros.profile import Profile
from depth_ros.runtimes.capture import Graphs
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
        finisher: Finisher | None = None,
    ) -> list[Estimate]:
        """Return an estimate of each frame, see Pipeline.predict_batch.

        Args:
            frames, references, settings: see there.
            points_only: whether only points are wanted.
            finisher: says what can follow the network in the same captured graph.
        """

    def warm_up(self, settings: Settings, height: int, width: int) -> None:
        """Do the first-time set-up, see Pipeline.warm_up."""

    def fork(self) -> Predictor:
        """Return a predictor for another camera: the same network, but its own memory."""


@dataclass(frozen=True)
class _Shot:
    """A frame with its image on the device, and what the network sees of it."""

    frame: Frame
    image: Tensor
    view: NetworkView

    def estimate(self, prediction: Prediction, stride: int) -> Estimate:
        """Return the estimate of this frame, of which every n-th pixel and row was predicted."""
        height, width = self.frame.rgb.shape[:2]
        size = prediction.network_size or (height, width)
        image = self.image[::stride, ::stride]
        return Estimate(prediction, image, self.frame.subsample(stride), size, stride)


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
        self._captured: CapturedNetwork | None = None
        if self.graphs is not None and not model.graphs:
            self._captured = CapturedNetwork(model, runtime, faster, self.graphs)

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
        finisher: Finisher | None = None,
    ) -> list[Estimate]:
        """Return an estimate of each frame, see Predictor.predict."""
        sizes = {frame.rgb.shape[:2] for frame in frames}
        if len(sizes) > 1:
            raise CameraError(f"frames of one batch are {sorted(sizes)}, expected one size")
        if frames and batches(self.model, settings) and self._see_alike(frames, settings):
            return self._predict(frames, references, settings, points_only, finisher)
        pairs = zip(frames, references, strict=True)
        runs = (self._predict([f], [r], settings, points_only, finisher) for f, r in pairs)
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
        finisher: Finisher | None,
    ) -> list[Estimate]:
        sparse = points_only and all(self._is_sparse(frame.camera, settings) for frame in frames)
        stride = settings.stride if sparse else 1
        self.profile.begin("upload")
        shots = [_Shot(f, self._upload(f.rgb), self._views.of(f.camera, settings)) for f in frames]
        carries = settings.grin_carry and len(frames) == 1
        request = Request(
            [shot.view.camera.turned(quarter_turns(settings)) for shot in shots],
            self._prompts([shot.view for shot in shots], references, settings),
            _sampling(settings, stride if sparse else settings.grin_query_stride),
            self._memory.recall(frames[0]) if carries else None,
            enlarge=not sparse,
        )
        finish = self._finish(shots, stride, finisher)
        whole = finish and self._whole(shots[0], request, stride, finish, settings)
        estimates = [whole] if whole else self._values(shots, request, stride, settings)
        memory = estimates[0].prediction.memory
        if memory is not None and carries:
            self._memory.remember(frames[0], memory)
        return estimates

    def _finish(
        self, shots: Sequence[_Shot], stride: int, finisher: Finisher | None
    ) -> Finish | None:
        """Return what follows the network in the same graph; None: nothing."""
        captured = self._captured
        if finisher is None or captured is None or len(shots) > 1 or not captured.finishes:
            return None
        return finisher(shots[0].frame.camera, stride)

    def _whole(
        self, shot: _Shot, request: Request, stride: int, finish: Finish, settings: Settings
    ) -> Estimate | None:
        """Return the estimate of an image, with the outputs that the same graph makes.

        None: a graph cannot hold the whole frame.
        """
        assert self._captured is not None
        self.profile.begin("network")
        prediction, finished = self._captured.finish(
            shot.image, shot.view, request, stride, finish, settings
        )
        if not self._captured.finishes:  # it was tried: the frame starts again, in several graphs
            return None
        return replace(shot.estimate(prediction, stride), finished=finished)

    def _values(
        self, shots: Sequence[_Shot], request: Request, stride: int, settings: Settings
    ) -> list[Estimate]:
        """Return the estimates of images of one size, without outputs."""
        undistorts = any(shot.view.virtual for shot in shots)
        if undistorts:
            self.profile.begin("undistort")
        seen = [shot.view.image(shot.image) for shot in shots]
        rgb = torch.stack(seen) if len(seen) > 1 else seen[0][None]
        batch = self._infer(rgb, request, settings)
        if undistorts:
            self.profile.begin("undistort")
        each = zip(shots, _split(batch), strict=True)
        return [shot.estimate(shot.view.restored(one), stride) for shot, one in each]

    def _see_alike(self, frames: Sequence[Frame], settings: Settings) -> bool:
        """Whether what the network sees of all frames has one size."""
        seen = [self._views.of(frame.camera, settings).camera for frame in frames]
        return len({(camera.width, camera.height) for camera in seen}) == 1

    def _infer(
        self, rgb: Tensor, request: Request, settings: Settings, improve: bool = True
    ) -> Prediction:
        """Return the prediction for images, see CapturedNetwork.predict."""
        if self._captured is not None:
            self.profile.begin("network")
            return self._captured.predict(rgb, request, settings, improve)
        self.profile.begin("preprocess")
        turns, execute = quarter_turns(settings), _Staged(self.runtime, self.profile)
        return rotated_back(self.model.infer(execute, rotated(rgb, turns), request), turns)

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
        turns = quarter_turns(settings)
        height, width = self.model.prompt_size[:: -1 if turns % 2 else 1]
        dense = prompt(view.anchors(reference), height, width, view.camera)
        return rotated(torch.from_numpy(dense)[None], turns)


def batches(model: ModelFacts, settings: Settings) -> bool:
    """Whether frames of one size can share a run of the network."""
    return model.batches and not (model.denoises and settings.grin_carry)


def runs_in_threads(model: ModelFacts, settings: Settings) -> bool:
    """Whether several threads may run the network at the same time.

    Code of torch.compile is valid for one number of threads, and runs in one thread only.
    """
    compiled = settings.compile == "true"
    return bool(model.graphs) or (not compiled and supports_threads())


def _sampling(settings: Settings, stride: int) -> Sampling:
    return Sampling(settings.grin_steps, settings.grin_samples, settings.grin_seed, stride)


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


def _split(batch: Prediction) -> list[Prediction]:
    """Return the prediction of a batch image by image."""
    count = len(batch.values)
    f_px = [None] * count if batch.f_px is None else batch.f_px.split(1)
    confidences = [None] * count if batch.confidence is None else batch.confidence.split(1)
    return [
        replace(batch, values=values, f_px=f, confidence=confidence)
        for values, f, confidence in zip(batch.values.split(1), f_px, confidences, strict=True)
    ]
