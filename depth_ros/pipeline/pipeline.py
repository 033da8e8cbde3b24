"""One frame of a calibrated camera to metric depth, colours and points."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import Allocate
from depth_ros.models import DepthModel, Output
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline import loading
from depth_ros.pipeline.camera_state import CameraStates
from depth_ros.pipeline.captured_renderer import CapturedRenderer
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.finish import Finish, Finisher
from depth_ros.pipeline.frame import Frame
from depth_ros.pipeline.host_renderer import HostRenderer
from depth_ros.pipeline.metric_scaler import MetricScaler
from depth_ros.pipeline.navigator import Navigator
from depth_ros.pipeline.predictor import Predictor, batches, runs_in_threads
from depth_ros.pipeline.renderer import Cloud, Renderer
from depth_ros.pipeline.wanted import Wanted
from depth_ros.profile import Profile
from depth_ros.runtimes.notices import Notices
from depth_ros.scale.scaler import Reference


class Pipeline:
    """Frame in, DepthFrame out; points and colours of a DepthFrame on request.

    A predictor runs the network, a metric scaler makes its values metric, and a renderer makes
    depth, points and colours from them; a navigator makes the outputs for navigation. On CUDA a
    frame is one captured graph (runtimes.capture), from image to depth, points and colours. Where
    the scale is measured, from the ground or anchors, or where frames share a run of the network,
    it is two, with the scale measured between them. In scale.mode model no step waits for the
    device.

    Live settings may be replaced between frames. If another thread replaces them, process a frame
    with the pipeline that with_settings() returns, whose settings do not change. On the CPU,
    payloads of points() are valid until its next call; all other results belong to the caller.

    Args:
        predictor: runs the network for one camera.
        settings: of the frames.
        states: state of each camera that lasts from frame to frame; None: new.

    Attributes:
        predictor, settings, states: the same.
        metric_scaler: makes the network's values metric.
        navigator: makes outputs for navigation from a DepthFrame.
    """

    def __init__(
        self, predictor: Predictor, settings: Settings, states: CameraStates | None = None
    ) -> None:
        self.predictor, self.settings = predictor, settings
        self.states = CameraStates() if states is None else states
        model, device, profile = predictor.model, predictor.device, predictor.profile
        self.metric_scaler = MetricScaler(model, device, profile)
        self.navigator = Navigator(model, device, profile)
        self._renderer: Renderer = HostRenderer(model, profile)
        self._captured: CapturedRenderer | None = None
        if predictor.graphs is not None:
            self._captured = CapturedRenderer(model, profile, predictor.graphs, device)
            self._renderer = self._captured

    @classmethod
    def from_settings(cls, settings: Settings) -> Pipeline:
        """Load the model that the settings name, on the device that they name.

        Raises:
            ModelError: the model or the device is not available, or the model does not support the
                settings, see loading.check().
        """
        return cls(loading.load(settings), settings)

    @classmethod
    def of(cls, model: DepthModel, settings: Settings) -> Pipeline:
        """Return a pipeline of a loaded model, executed as the settings specify.

        Raises:
            ModelError: the device is unavailable, or cannot execute this model.
        """
        return cls(loading.predictor(model, settings), settings)

    def fork(self) -> Pipeline:
        """Return a pipeline for another camera: same network and profile, its own state."""
        return Pipeline(self.predictor.fork(), self.settings, self.states.fork())

    def with_settings(self, settings: Settings) -> Pipeline:
        """Return this pipeline with other live settings; network, state and buffers are shared."""
        other = copy.copy(self)
        other.settings = settings
        return other

    @property
    def model(self) -> ModelFacts:
        """Facts about the network."""
        return self.predictor.model

    @property
    def device(self) -> torch.device:
        """Device of the network and its results."""
        return self.predictor.device

    @property
    def profile(self) -> Profile:
        """Measures the time of each stage; callers report to it where their stages begin."""
        return self.predictor.profile

    @property
    def notices(self) -> Notices:
        """Messages for the user about this network on this device."""
        return self.predictor.notices

    @property
    def metric(self) -> bool:
        """Whether depth is in metres, from the model itself, the ground or anchors."""
        own = self.model.entry.output is Output.METRIC_DEPTH
        return own or self.settings.scale_mode != "model"

    @property
    def batches(self) -> bool:
        """Whether frames of one size can share a run of the network."""
        return batches(self.model, self.settings)

    @property
    def runs_in_threads(self) -> bool:
        """Whether several threads may run the network at the same time."""
        return runs_in_threads(self.model, self.settings)

    def __call__(self, frame: Frame, reference: Reference | None = None) -> DepthFrame:
        """Estimate the depth of a frame; see predict() and measure() for what they raise."""
        return self.measure(self.predict(frame, reference, Wanted()), reference)

    def predict(
        self, frame: Frame, reference: Reference | None = None, wanted: Wanted | None = None
    ) -> Estimate:
        """Run the network on a frame, see predict_batch()."""
        return self.predict_batch([frame], [reference], wanted)[0]

    def predict_batch(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        wanted: Wanted | None = None,
    ) -> list[Estimate]:
        """Run the network once on frames of one size; frame by frame if the model needs that.

        Args:
            frames: images and cameras.
            references: one for each frame: anchors, for a network that takes them as a prompt.
            wanted: outputs that will be requested with the same settings; None: unknown. On CUDA
                they are made together with the prediction where possible. If only points are
                wanted, only the pixels that become points are estimated, if the model supports
                that and it is less work.

        Raises:
            CameraError: the frames differ in size.
            ModelError: the network failed.
            ScaleError: the network needs anchors as a prompt and there are none.
        """
        points_only = wanted is not None and wanted.points_only
        finisher = self._finisher(wanted)
        return self.predictor.predict(frames, references, self.settings, points_only, finisher)

    def _finisher(self, wanted: Wanted | None) -> Finisher | None:
        """Return what makes the wanted outputs together with a prediction; None: nothing."""
        captured, settings = self._captured, self.settings
        if captured is None or wanted is None or not wanted.metric:
            return None

        def finisher(camera: Camera, stride: int) -> Finish | None:
            constant = self.metric_scaler.constant(camera, settings)
            if constant is None:
                return None
            return captured.finish(settings, wanted, constant, camera, stride)

        return finisher

    @torch.inference_mode()
    def measure(
        self,
        estimate: Estimate,
        reference: Reference | None = None,
        wanted: Wanted | None = None,
    ) -> DepthFrame:
        """Convert the network's values to metres; NaN: no estimate, +inf: beyond range.

        Args:
            estimate: of predict().
            reference: with scale.mode ground the camera's mount, with anchors the anchors; None
                if they are unknown for this frame.
            wanted: outputs that will be requested for this depth with the same settings, to be
                computed together; None: each is computed on request.

        Raises:
            ModelError: the model's values are not metres, and there is no reference for the scale.
            ScaleError: no scale was measured yet, or the last one is too old.
        """
        state = self.states.of(estimate.frame.camera)
        scaled = self.metric_scaler.measure(estimate, reference, self.settings, state)
        return self._renderer.depth(estimate, scaled, self.settings, wanted or Wanted())

    def warm_up(self, height: int = 480, width: int = 640) -> None:
        """Run a blank frame, so that the first real frame is not delayed by first-time set-up.

        An exported network with a fixed size runs at that size.
        """
        self.predictor.warm_up(self.settings, height, width)

    @torch.inference_mode()
    def points(self, depth: DepthFrame, allocate: Allocate | None = None) -> Tensor:
        """Return the payload of a cloud according to the settings, see CloudPacker.pack.

        Args:
            depth: of measure().
            allocate: returns host memory for the payload; None: the payload is on depth's device,
                and valid until the next call.

        Raises:
            ModelError: the settings need confidence, and depth has none.
        """
        return self._renderer.points(depth, self.settings, allocate)

    @torch.inference_mode()
    def cloud(self, depth: DepthFrame) -> Cloud:
        """Return the cloud according to the settings, without waiting for the device.

        Args:
            depth: of measure().

        Raises:
            ModelError: the settings need confidence, and depth has none.
        """
        return self._renderer.cloud(depth, self.settings)

    @torch.inference_mode()
    def colours(self, depth: DepthFrame) -> Tensor:
        """Return depth in colour, uint8 (H, W, 3) rgb, according to the settings."""
        return self._renderer.colours(depth, self.settings)
