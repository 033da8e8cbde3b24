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
from depth_ros.pipeline.camera_state import CameraState, CameraStates
from depth_ros.pipeline.captured_renderer import CapturedRenderer
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.frame import Frame
from depth_ros.pipeline.host_renderer import HostRenderer
from depth_ros.pipeline.metric_scaler import MetricScaler
from depth_ros.pipeline.navigator import Navigator, Scan
from depth_ros.pipeline.place import Place
from depth_ros.pipeline.predictor import Predictor, batches, runs_in_threads
from depth_ros.pipeline.renderer import Cloud, Renderer, Wanted
from depth_ros.profile import Profile
from depth_ros.runtimes.notices import Notices
from depth_ros.scale.scaler import Reference


class Pipeline:
    """Frame in, DepthFrame out; points and colours of a DepthFrame on request.

    A predictor runs the network, a metric scaler makes its values metric, and a renderer makes
    depth, points and colours of them. On CUDA a frame is two captured graphs (runtimes.capture),
    one from image to values and one from values to depth, points and colours: between them the
    scale is measured, on the ground or by anchors. In scale_mode model no step waits for the
    device.

    Live settings may be replaced between frames; where another thread replaces them, work on a
    frame with the pipeline of under(), whose settings stay as they are. On the CPU, payloads of
    points() are valid until its next call; all other results are the caller's own.

    Args:
        predictor: runs the network for one camera.
        settings: of the frames.
        states: what frames of a camera tell about the frames to come; None: nothing yet.

    Attributes:
        predictor, settings, states: the same.
    """

    def __init__(
        self, predictor: Predictor, settings: Settings, states: CameraStates | None = None
    ) -> None:
        self.predictor, self.settings = predictor, settings
        self.states = CameraStates() if states is None else states
        facts = (predictor.model, predictor.profile)
        self._scaler = MetricScaler(predictor.model, predictor.device, predictor.profile)
        self._navigator = Navigator(predictor.model, predictor.device, predictor.profile)
        self._renderer: Renderer = HostRenderer(*facts)
        if predictor.graphs is not None:
            self._renderer = CapturedRenderer(*facts, predictor.graphs, predictor.device)

    @classmethod
    def from_settings(cls, settings: Settings) -> Pipeline:
        """Load the model that the settings name, on the device that they name.

        The process is prepared for the device, see runtimes.prepare().

        Raises:
            ModelError: the model or the device is not available, or the model does not support the
                settings, see loading.check().
        """
        return cls(loading.load(settings), settings)

    @classmethod
    def of(cls, model: DepthModel, settings: Settings) -> Pipeline:
        """Return a pipeline of a loaded model, executed where and as the settings say.

        The process is prepared for the device, see runtimes.prepare().

        Raises:
            ModelError: the device is not available, or executes no such model.
        """
        return cls(loading.predictor(model, settings), settings)

    def fork(self) -> Pipeline:
        """Return a pipeline for another camera: same network and profile, its own state."""
        return Pipeline(self.predictor.fork(), self.settings, self.states.fork())

    def under(self, settings: Settings) -> Pipeline:
        """Return this pipeline with other live settings: network, state and buffers are shared."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def state(self, camera: Camera) -> CameraState:
        """Return what frames of a camera tell about the frames to come."""
        return self.states.of(camera)

    @property
    def model(self) -> ModelFacts:
        """Facts about the network."""
        return self.predictor.model

    @property
    def device(self) -> torch.device:
        """Where the network runs and its results are."""
        return self.predictor.device

    @property
    def profile(self) -> Profile:
        """Notes the stages of a frame; whoever works on a frame tells it where each begins."""
        return self.predictor.profile

    @property
    def notices(self) -> Notices:
        """What a user should know of this network on this device; listen to them."""
        return self.predictor.notices

    @property
    def dtype(self) -> str:
        """Precision of the network's weights: of exported graphs their own, else the setting."""
        precisions = {graph.precision for graph in self.model.graphs.values()}
        return ", ".join(sorted(precisions)) or self.settings.dtype

    @property
    def metric(self) -> bool:
        """Whether depth is in metres: the model's own, or by ground or anchors."""
        own = self.model.entry.output is Output.METRIC_DEPTH
        return own or self.settings.scale_mode != "model"

    @property
    def batches(self) -> bool:
        """Whether frames of one size can share a run of the network."""
        return batches(self.model, self.settings)

    @property
    def runs_in_threads(self) -> bool:
        """Whether several threads may run the network at once."""
        return runs_in_threads(self.model, self.settings)

    @property
    def has_confidence(self) -> bool:
        """Whether depth comes with confidence."""
        return self.model.has_confidence(self.settings.samples)

    def __call__(self, frame: Frame, reference: Reference | None = None) -> DepthFrame:
        """Estimate the depth of a frame; see predict() and measure() for what they raise."""
        return self.measure(self.predict(frame, reference), reference)

    def predict(
        self, frame: Frame, reference: Reference | None = None, points_only: bool = False
    ) -> Estimate:
        """Run the network on a frame, see predict_batch()."""
        return self.predict_batch([frame], [reference], points_only)[0]

    def predict_batch(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        points_only: bool = False,
    ) -> list[Estimate]:
        """Run the network once on frames of one size; frame by frame where the model needs that.

        Args:
            frames: images and cameras.
            references: one for each frame: anchors, for a network that is prompted with them.
            points_only: nothing but points() will be called: where the model can, and it is less
                work, only the pixels that become points are estimated.

        Raises:
            CameraError: the frames differ in size.
            ModelError: the network failed.
            ScaleError: the network is prompted with anchors and there are none.
        """
        return self.predictor.predict(frames, references, self.settings, points_only)

    @torch.inference_mode()
    def measure(
        self,
        estimate: Estimate,
        reference: Reference | None = None,
        wanted: Wanted | None = None,
    ) -> DepthFrame:
        """Turn the network's values into metres, with NaN and +inf where there are none.

        Args:
            estimate: of predict().
            reference: with scale_mode ground the camera's mount, with anchors the anchors; None
                where they are not known at the moment.
            wanted: what will be asked of this depth under the same settings; None: it is made when
                it is asked for.

        Raises:
            ModelError: the model's values are not metres, and no reference makes them so.
            ScaleError: no scale was measured yet, or the last one is too old.
        """
        state = self.state(estimate.frame.camera)
        scaled = self._scaler.measure(estimate, reference, self.settings, state)
        return self._renderer.depth(estimate, scaled, self.settings, wanted or Wanted())

    def warm_up(self, height: int = 480, width: int = 640) -> None:
        """Run a blank frame, so that the first real one does not pay for first-time set-up.

        An exported network of one size is run at that size.
        """
        self.predictor.warm_up(self.settings, height, width)

    @torch.inference_mode()
    def points(self, depth: DepthFrame, allocate: Allocate | None = None) -> Tensor:
        """Return the payload of a cloud as the settings ask for it, see CloudPacker.pack.

        Args:
            depth: of measure().
            allocate: gives the payload's memory, on the host; None: it is on depth's device, and
                valid until the next call.

        Raises:
            ModelError: the settings want confidence, and depth has none.
        """
        return self._renderer.points(depth, self.settings, allocate)

    @torch.inference_mode()
    def cloud(self, depth: DepthFrame) -> Cloud:
        """Return the cloud as the settings ask for it, without waiting for the device.

        Args:
            depth: of measure().

        Raises:
            ModelError: the settings want confidence, and depth has none.
        """
        return self._renderer.cloud(depth, self.settings)

    @torch.inference_mode()
    def colours(self, depth: DepthFrame) -> Tensor:
        """Return depth in colour, uint8 (H, W, 3) rgb, as the settings ask for it."""
        return self._renderer.colours(depth, self.settings)

    @torch.inference_mode()
    def uncertainty_m(self, depth: DepthFrame) -> Tensor:
        """Return one standard deviation of depth (H, W) in metres, see Navigator.uncertainty_m."""
        return self._navigator.uncertainty_m(depth, self.settings)

    @torch.inference_mode()
    def nav_cloud(self, depth: DepthFrame, place: Place) -> Cloud:
        """Return the cloud of what a robot must not drive into, see Navigator.cloud.

        Frames of a camera are compared with those before: this is called once for each.
        """
        return self._navigator.cloud(depth, self.settings, place)

    @torch.inference_mode()
    def scan(self, depth: DepthFrame, place: Place, rows: int = 1) -> Scan:
        """Return the nearest surface in each direction, see Navigator.scan."""
        return self._navigator.scan(depth, self.settings, place, rows)

    def focal_ratio(self, camera: Camera) -> float:
        """Return the factor from the metres that a model gives to those of a camera's focal length.

        See MetricScaler.focal_ratio.
        """
        return self._scaler.focal_ratio(camera, self.settings)

    def far_m(self, ratio: float) -> float:
        """Return where range ends, see MetricScaler.far_m."""
        return self._scaler.far_m(ratio, self.settings)
