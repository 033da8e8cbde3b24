"""One frame of a calibrated camera to metric depth, colours and points."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros import models, runtimes
from depth_ros.config import Settings
from depth_ros.errors import CameraError, FrameError, ModelError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import Allocate, CloudPacker
from depth_ros.geometry.colour import colour_table, colourise, robust_range
from depth_ros.geometry.depth import limit_range
from depth_ros.geometry.edges import flying, radius_for
from depth_ros.geometry.render import Edges, Numbers, Plan, Rendered, Scene, render
from depth_ros.models import DepthModel, Output, Prediction
from depth_ros.models.base import Executor, Memory, Mirrored, Raw, Request, Sampling
from depth_ros.models.preprocessing import Fit
from depth_ros.models.transformers_model import runs_side_by_side
from depth_ros.profile import Profile
from depth_ros.runtimes.capture import Function, Graphs
from depth_ros.runtimes.download import Download
from depth_ros.runtimes.notices import Notices
from depth_ros.runtimes.torch_runtime import choose_device
from depth_ros.runtimes.upload import Upload, sent
from depth_ros.scale.anchors import Anchors, prompt
from depth_ros.scale.scaler import Reference, Scale, Scaler
from depth_ros.scale.steady import Steadier

# Heads that are bounded approach the end of their range and hardly reach it (a sigmoid never does):
# what lies this close to it is beyond it, and not a wall there. Others have no end to cut at.
_SATURATION = 0.99
# Within this time a scene has not become another one.
_CARRY_NS = 1_000_000_000
_CARRIED_CAMERAS = 8
_RAY_TABLES = 16


@dataclass(frozen=True)
class Frame:
    """An image with the camera that took it.

    Attributes:
        rgb: uint8 (H, W, 3), red first. A view with negative strides, such as bgr[..., ::-1], is
            copied: torch takes none.
        camera: for images of exactly H x W.
        stamp_ns: time of capture.
        frame_id: the camera's optical frame.

    Raises:
        FrameError: rgb is no array, or of another type or shape.
        CameraError: image and camera differ in size.
    """

    rgb: npt.NDArray[np.uint8]
    camera: Camera
    stamp_ns: int = 0
    frame_id: str = ""

    def __post_init__(self) -> None:
        _check_rgb(self.rgb)
        if min(self.rgb.strides) < 0:
            object.__setattr__(self, "rgb", np.ascontiguousarray(self.rgb))
        height, width = self.rgb.shape[:2]
        if (width, height) != (self.camera.width, self.camera.height):
            raise CameraError(
                f"image is {width}x{height}, camera is for {self.camera.width}x{self.camera.height}"
            )


@dataclass(frozen=True)
class Estimate:
    """What the network said of a frame, before that is metres.

    Attributes:
        prediction: values (1, H, W) at the image's resolution, and what they mean.
        rgb: uint8 (H, W, 3), the image, on the network's device.
        frame: the frame itself.
        network_size: height and width of the network's own map.
        stride: which pixels of the camera's image these are: every n-th one and row; frame, rgb
            and values hold no others.
    """

    prediction: Prediction
    rgb: Tensor
    frame: Frame
    network_size: tuple[int, int]
    stride: int = 1


@dataclass(frozen=True)
class DepthFrame:
    """Metric depth for a frame, on the network's device.

    Attributes:
        depth_m: float32 (H, W) at the image's resolution, z along the optical axis; NaN where
            there is no estimate, +inf beyond range (REP 117).
        rgb: uint8 (H, W, 3), the image it belongs to.
        camera, stamp_ns, frame_id: the image's own.
        scale: what was measured to make it metric; None where the model's own metres are taken.
        network_size: height and width of the network's map that it was enlarged from; None: it was
            not enlarged.
        confidence: float32 (H, W), the probability, by the model's own word, that depth is within
            a factor of 1.25 of the truth; None where it says nothing of that.
        stride: see Estimate.
        far_m: where range ends: depth from here on is +inf.
        made: what was made together with depth, and under which settings; None: nothing was.
    """

    depth_m: Tensor
    rgb: Tensor
    camera: Camera
    stamp_ns: int
    frame_id: str
    scale: Scale | None = None
    network_size: tuple[int, int] | None = None
    confidence: Tensor | None = None
    stride: int = 1
    far_m: float = math.inf
    made: tuple[Settings, Rendered] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Wanted:
    """What will be asked for beside depth: a GPU makes all of it at once.

    Attributes:
        points: whether cloud() or points() will be called.
        colours: whether colours() will be.
    """

    points: bool = False
    colours: bool = False


@dataclass(frozen=True)
class Cloud:
    """A cloud's payload, on the network's device.

    Attributes:
        payload: uint8 (H, W, bytes) of an organised cloud, (N, bytes) of another one.
        count: how many of the N are points, at the front and in their order: an int64 tensor of no
            dimension on the payload's device, which nobody has waited for; the rest is anything.
            None: all of them.
    """

    payload: Tensor
    count: Tensor | None = None


def check(model: DepthModel, settings: Settings) -> None:
    """Refuse settings that do not go with a model.

    Raises:
        ModelError: float16 is unsafe for the model, it needs anchors that the settings do not give,
            takes no mirror image, or says no confidence where the settings want some.
    """
    if settings.dtype == "float16" and not model.entry.half_safe:
        raise ModelError(f"model '{settings.model}' overflows in float16, say dtype:=bfloat16")
    if model.prompt_size and settings.scale_mode != "anchors":
        raise ModelError(
            f"model '{settings.model}' completes depth that another sensor measured, "
            "say scale_mode:=anchors"
        )
    if settings.flip and model.denoises:
        raise ModelError(
            f"model '{settings.model}' knows the camera, which has no mirror image: "
            "say flip:=false, and samples:=2 or more"
        )
    if settings.min_confidence and not model.sure(settings.samples):
        raise ModelError(_no_confidence(model))


class Pipeline:
    """Frame in, DepthFrame out; points and colours of a DepthFrame on request.

    Settings that are live may be replaced between frames; where another thread replaces them, work
    on a frame with the pipeline of under(), whose settings stay as they are. Payloads that points()
    returns are valid until its next call; that aside, whatever is on a GPU is the caller's own.

    On CUDA a frame is two captured graphs (runtimes.capture), one from image to values and one from
    values to depth, points and colours: between them the scale is measured, on the ground or by
    anchors, and what wobbles in it is found. In scale_mode model no step waits for the device.

    Args:
        model, runtime, settings: what is asked, what executes its network, and how.
        profile: its own if there is none.
        faster: executes the network in less time and takes long to begin: takes the runtime's place
            in captured graphs, at once with compile true, else when it is ready.
        graphs: of the device, if it captures any, shared by pipelines of one network; None: new.

    Attributes:
        profile: told which stage a frame is in; whoever works on frames says where each begins.
        graphs: of the device; None: it captures none.
        notices: say what of this is not possible with a network; listen to them.
    """

    def __init__(
        self,
        model: DepthModel,
        runtime: Executor,
        settings: Settings,
        profile: Profile | None = None,
        faster: Executor | None = None,
        graphs: Graphs | None = None,
    ) -> None:
        self.model, self.runtime, self.settings = model, runtime, settings
        self._faster = faster
        self.graphs = Graphs.on(runtime.device) if graphs is None else graphs
        self.notices: Notices = self.graphs.notices if self.graphs else Notices()
        self.profile = profile or Profile.on(runtime.device)
        self._upload, self._download = Upload(runtime.device), Download()
        # No cache of a bound method: the cycle would keep the network alive, and its GPU's memory.
        self._packer = lru_cache(maxsize=4)(partial(_new_packer, runtime.device))
        self._table = lru_cache(maxsize=4)(lambda name: colour_table(name).to(runtime.device))
        self._rays = lru_cache(maxsize=4)(lambda camera: torch.from_numpy(camera.rays().copy()))
        self._planes = lru_cache(maxsize=_RAY_TABLES)(partial(_ray_planes, runtime.device))
        self.scaler = lru_cache(maxsize=4)(lambda camera: Scaler())
        """What keeps the scale of a camera's predictions."""
        self.steadier = lru_cache(maxsize=4)(lambda camera: Steadier())
        """What keeps a camera's depth from wobbling."""
        self._memories: OrderedDict[tuple[str, Camera], tuple[int, Memory]] = OrderedDict()

    @classmethod
    def from_settings(cls, settings: Settings) -> Pipeline:
        """Load the model the settings name, on the device they name.

        The process is prepared for the device, see runtimes.prepare().

        Raises:
            ModelError: the model or the device cannot be had, or the settings do not go with the
                model, see check().
        """
        model = models.load(settings.model, settings.weights)
        if settings.image_fit != "auto":
            model = model.fitted(cast(Fit, settings.image_fit))
        check(model, settings)
        return cls.of(model, settings)

    @classmethod
    def of(cls, model: DepthModel, settings: Settings) -> Pipeline:
        """Return a pipeline of a loaded model, executed where and as the settings say.

        The process is prepared for the device, see runtimes.prepare().

        Raises:
            ModelError: the device cannot be had, or executes no such model.
        """
        on_cuda = choose_device(settings.device).type == "cuda"
        create = partial(
            runtimes.create,
            settings.runtime,
            model.unasking() if on_cuda else model.network,
            settings.device,
            settings.dtype,
            model.graphs,
            settings.providers,
        )
        compiled = settings.compile == "true"
        # On CUDA what is compiled is captured, beside what is not.
        runtime: Executor = create(compiled and (bool(model.graphs) or not on_cuda))
        runtimes.prepare(runtime.device)
        faster: Executor | None = None
        if on_cuda and settings.compile != "false" and not model.graphs:
            faster = create(True)
        if settings.flip:
            runtime, faster = Mirrored(runtime), faster and Mirrored(faster)
        return cls(model, runtime, settings, faster=faster)

    def twin(self) -> Pipeline:
        """Return a pipeline of the same network and profile, with scales and buffers of its own."""
        shared = (self.profile, self._faster, self.graphs)
        return Pipeline(self.model, self.runtime, self.settings, *shared)

    def under(self, settings: Settings) -> Pipeline:
        """Return this pipeline under other live settings: network, scales and buffers are these."""
        other = copy.copy(self)
        other.settings = settings
        return other

    @property
    def dtype(self) -> str:
        """Precision of the network's weights: of exported graphs their own, else the setting."""
        precisions = {graph.precision for graph in self.model.graphs.values()}
        return ", ".join(sorted(precisions)) or self.settings.dtype

    @property
    def metric(self) -> bool:
        """Whether there will be metres: the model's own, or by ground or anchors."""
        own = self.model.entry.output is Output.METRIC_DEPTH
        return own or self.settings.scale_mode != "model"

    @property
    def batches(self) -> bool:
        """Whether frames of one size can share a run of the network."""
        return self.model.batches and not (self.model.denoises and self.settings.carry)

    @property
    def side_by_side(self) -> bool:
        """Whether several threads may run the network at once.

        What torch.compile makes is made for one number of threads, and by one of them.
        """
        compiled = self.settings.compile == "true"
        return bool(self.model.graphs) or (not compiled and runs_side_by_side())

    @property
    def confident(self) -> bool:
        """Whether depth comes with confidence."""
        return self.model.sure(self.settings.samples)

    def __call__(self, frame: Frame, reference: Reference | None = None) -> DepthFrame:
        """Estimate the depth of a frame; see predict() and measure() for what they raise."""
        return self.measure(self.predict(frame, reference), reference)

    def predict(
        self, frame: Frame, reference: Reference | None = None, points_only: bool = False
    ) -> Estimate:
        """Run the network on a frame.

        Args:
            frame: image and camera.
            reference: anchors, for a network that is prompted with them.
            points_only: nothing but points() will be asked of it: where the model can, and it is
                less work, only the pixels that these take are estimated.

        Raises:
            ModelError: the network failed.
            ScaleError: the network is prompted with anchors and there are none.
        """
        return self._predict([frame], [reference], points_only)[0]

    def predict_batch(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        points_only: bool = False,
    ) -> list[Estimate]:
        """Run the network once on frames of one size; frame by frame where the model needs that.

        Args:
            frames: images and cameras.
            references: one for each frame, see predict().
            points_only: see predict().

        Raises:
            CameraError: the frames differ in size.
            ModelError, ScaleError: as predict().
        """
        sizes = {frame.rgb.shape[:2] for frame in frames}
        if len(sizes) > 1:
            raise CameraError(f"frames of one batch are {sorted(sizes)}, expected one size")
        if self.batches and frames:
            return self._predict(frames, references, points_only)
        pairs = zip(frames, references, strict=True)
        return [self.predict(frame, reference, points_only) for frame, reference in pairs]

    @torch.inference_mode()
    def _predict(
        self,
        frames: Sequence[Frame],
        references: Sequence[Reference | None],
        points_only: bool,
    ) -> list[Estimate]:
        sparse = points_only and all(self._sparse(frame.camera) for frame in frames)
        stride = self.settings.stride if sparse else None
        self.profile.begin("upload")
        images = [self._upload(frame.rgb) for frame in frames]
        rgb = torch.stack(images) if len(images) > 1 else images[0][None]
        turns = self._turns
        request = Request(
            [frame.camera.turned(turns) for frame in frames],
            self._prompts(frames, references),
            self._sampling(stride),
            self._recall(frames[0]) if len(frames) == 1 else None,
            enlarge=stride is None,
        )
        whole = self._infer(rgb, request)
        if whole.memory is not None and self.settings.carry:
            self._remember(frames[0], whole.memory)
        height, width = frames[0].rgb.shape[:2]
        size, step = whole.network_size or (height, width), stride or 1
        return [
            Estimate(prediction, image[::step, ::step], _strided(frame, step), size, step)
            for prediction, image, frame in zip(_parts(whole), images, frames, strict=True)
        ]

    def _infer(self, rgb: Tensor, request: Request, improve: bool = True) -> Prediction:
        """Return what the network says of images uint8 (B, H, W, 3), as they lie.

        Args:
            rgb, request: see DepthModel.infer.
            improve: whether what executes the network faster is to be used, or prepared.
        """
        turns, graphs = self._turns, self.graphs
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
            better=ask(self._faster, turns=turns) if self._faster and improve else None,
            at_once=self.settings.compile == "true",
        )
        return _prediction(whole, *tensors)

    @property
    def _turns(self) -> int:
        """How many quarters images are turned clockwise for the network."""
        return self.settings.rotate // 90

    def _sampling(self, stride: int | None) -> Sampling:
        settings = self.settings
        return Sampling(
            settings.steps,
            settings.samples,
            settings.seed,
            settings.query_stride if stride is None else stride,
        )

    def _sparse(self, camera: Camera) -> bool:
        """Whether asking for a cloud's pixels alone is possible, and less work than all."""
        settings = self.settings
        if not self.model.denoises or settings.stride == 1 or settings.scale_mode != "model":
            return False
        if self._turns:  # every n-th pixel from the turned image's first corner is another one
            return False
        return self.model.cost(camera, settings.stride) < self.model.cost(
            camera, settings.query_stride
        )

    def _recall(self, frame: Frame) -> Memory | None:
        """Return what was carried from the frame before, unless time jumped or it is long ago."""
        stamp_ns, memory = self._memories.get((frame.frame_id, frame.camera), (0, None))
        fresh = 0 < frame.stamp_ns - stamp_ns <= _CARRY_NS
        return memory if fresh and self.settings.carry else None

    def _remember(self, frame: Frame, memory: Memory) -> None:
        key = (frame.frame_id, frame.camera)
        self._memories.pop(key, None)
        self._memories[key] = (frame.stamp_ns, memory)
        while len(self._memories) > _CARRIED_CAMERAS:
            self._memories.popitem(last=False)

    @torch.inference_mode()
    def measure(
        self,
        estimate: Estimate,
        reference: Reference | None = None,
        wanted: Wanted | None = None,
    ) -> DepthFrame:
        """Turn what the network said into metres, with NaN and +inf where there are none.

        Args:
            estimate: of predict().
            reference: with scale_mode ground the camera's mount, with anchors the anchors; None
                where they are not known at the moment.
            wanted: what will be asked of this depth under the same settings; None: it is made when
                it is.

        Raises:
            ModelError: the model's values are no metres, and nothing is there to make them so.
            ScaleError: no scale was measured yet, or the last one is too old.
        """
        self.profile.begin("post")
        frame, prediction = estimate.frame, estimate.prediction
        own = prediction.output is Output.METRIC_DEPTH
        ratio = self._ratio(frame.camera, prediction) if own else 1.0
        values = prediction.values[0] * ratio
        steadied = own and self.settings.scale_steady_s > 0
        if steadied:
            values = self._steadied(values, ratio, frame)
        scale = self._scale(values, prediction.output, frame, reference)
        self.profile.begin("post")
        varies = scale is not None and scale.field is not None
        if scale is not None and varies:
            if own:  # before factors move the end of the model's range
                limit_range(values, 0.0, self._model_far_m(ratio))
            send = partial(sent, device=self.runtime.device)
            values = scale.corrected(values, prediction.output, send)
        if scale is None and not own:
            raise ModelError(
                f"model '{self.model.entry.name}' gives {prediction.output.value}, expected "
                f"{Output.METRIC_DEPTH.value}, or scale_mode:=ground or anchors"
            )
        marked = steadied or (own and varies)
        far_m = self.far_m(torch.inf if marked else ratio * (scale.scale if scale else 1.0))
        far_m = min(far_m, scale.reach_m if scale else torch.inf)
        sure = prediction.confidence
        blank = DepthFrame(
            values,
            estimate.rgb,
            frame.camera,
            frame.stamp_ns,
            frame.frame_id,
            scale,
            estimate.network_size,
            None if sure is None else sure[0],
            estimate.stride,
            far_m,
        )
        if self.graphs is None:
            return replace(blank, depth_m=self._depth(blank, prediction.output))
        return self._rendered(blank, prediction.output, wanted or Wanted())

    def _depth(self, blank: DepthFrame, output: Output) -> Tensor:
        """Return depth of a frame whose depth_m are values still."""
        values = blank.depth_m
        if blank.scale is not None:
            values = blank.scale.depth_m(values, output)
        depth_m = limit_range(values, self.settings.min_depth_m, blank.far_m)
        if self.settings.edge_filter == "image":
            self.profile.begin("edges")
            depth_m.masked_fill_(self._flying(depth_m, blank.network_size), torch.nan)
        return depth_m

    def _rendered(self, blank: DepthFrame, output: Output, wanted: Wanted) -> DepthFrame:
        """Return a frame whose depth_m are values still with depth, and what is wanted of it."""
        plan = self._plan(blank, wanted)
        if blank.scale is not None:
            inverse = output is Output.AFFINE_INVERSE_DEPTH
            plan = replace(plan, values="inverse" if inverse else "depth")
        made = self._render(plan, blank)
        assert made.depth_m is not None
        return replace(blank, depth_m=made.depth_m, made=(self.settings, made))

    def _render(self, plan: Plan, depth: DepthFrame) -> Rendered:
        """Carry out a plan on the device."""
        assert self.graphs is not None
        settings, camera, scale = self.settings, depth.camera, depth.scale
        x, y = self._planes(camera, plan.stride) if plan.points else (None, None)
        scene = Scene(
            depth.rgb if plan.coloured else None,
            x,
            y,
            depth.confidence if plan.sure else None,
            self._table(settings.colour_map) if plan.colours else None,
        )
        numbers = Numbers(
            1.0 if scale is None else scale.scale,
            0.0 if scale is None else scale.shift,
            settings.min_depth_m,
            depth.far_m,
            settings.edge_step,
            settings.min_confidence,
            settings.colour_near_m,
            settings.colour_far_m,
        )
        sent_numbers = sent(torch.tensor(numbers, dtype=torch.float64), self.runtime.device)
        tensors, _ = self.graphs.render(
            plan, partial(_carried_out, plan), depth.depth_m, sent_numbers, *scene
        )
        return Rendered(*tensors)

    def _plan(self, depth: DepthFrame, wanted: Wanted) -> Plan:
        """Return what is to be done under these settings to make depth, and what is wanted."""
        settings = self.settings
        sure = bool(settings.min_confidence)
        points = wanted.points and not (sure and depth.confidence is None)  # cloud() refuses it
        return Plan(
            edges=cast(Edges, settings.edge_filter),
            radius_px=self._radius_px(depth.depth_m, depth.network_size),
            points=points,
            organised=points and settings.points_organised,
            stride=max(1, settings.stride // depth.stride) if points else 1,
            coloured=points and settings.points_colour,
            beyond=points and settings.beyond_range == "max" and math.isfinite(depth.far_m),
            sure=points and sure,
            colours=wanted.colours,
            percentiles=wanted.colours and settings.colour_range == "percentiles",
        )

    def _made(self, depth: DepthFrame, wanted: Wanted) -> Rendered:
        """Return what is wanted of depth: what was made with it, or is made now."""
        settings, made = depth.made or (None, Rendered())
        has = (made.payload is not None or not wanted.points) and (
            made.colours is not None or not wanted.colours
        )
        if has and made.depth_m is depth.depth_m and settings == self.settings:
            return made
        return self._render(replace(self._plan(depth, wanted), values="done"), depth)

    @torch.inference_mode()
    def warm_up(self, height: int = 480, width: int = 640) -> None:
        """Run a blank frame, so that the first real one does not pay for first-time set-up.

        An exported network of one size is run at that size, whatever is said here.
        """
        height, width = self.model.fixed_size or (height, width)
        rgb = torch.zeros(1, height, width, 3, dtype=torch.uint8, device=self.runtime.device)
        prompts = torch.ones(1, 1, *self.model.prompt_size) if self.model.prompt_size else None
        camera = Camera.from_fov(width, height, 60.0)  # of no consequence
        request = Request([camera], prompts, self._sampling(None))
        if prompts is not None:
            request = replace(request, prompts=sent(prompts, self.runtime.device))
        # What takes long in the background is begun for the size that images really have.
        self._infer(rgb, request, improve=self.settings.compile == "true")

    @torch.inference_mode()
    def points(self, depth: DepthFrame, allocate: Allocate | None = None) -> Tensor:
        """Return the payload of a cloud, see CloudPacker.pack, as the settings ask for it.

        Args:
            depth: of measure().
            allocate: gives the payload's memory, on the host; None: it is on depth's device, and
                valid until the next call.

        Raises:
            ModelError: the settings want confidence, and depth has none.
        """
        if self.graphs is None:
            return self._packed(depth, allocate)
        cloud = self.cloud(depth)
        payload = cloud.payload if cloud.count is None else cloud.payload[: int(cloud.count)]
        if allocate is None:
            return payload
        self.profile.begin("copy")
        memory = allocate(payload.numel() // 4)
        return memory.view(torch.uint8).view(payload.shape).copy_(self._download(payload))

    @torch.inference_mode()
    def cloud(self, depth: DepthFrame) -> Cloud:
        """Return the cloud as the settings ask for it, on depth's device and waiting for nothing.

        Args:
            depth: of measure().

        Raises:
            ModelError: the settings want confidence, and depth has none.
        """
        if self.graphs is None:
            return Cloud(self._packed(depth, None))
        if self.settings.min_confidence and depth.confidence is None:
            raise ModelError(_no_confidence(self.model))
        self.profile.begin("points")
        made = self._made(depth, Wanted(points=True))
        assert made.payload is not None
        return Cloud(made.payload, made.count)

    def _packed(self, depth: DepthFrame, allocate: Allocate | None) -> Tensor:
        """Return the payload of a cloud on the CPU, see points()."""
        settings, depth_m = self.settings, self._depth_of_points(depth)
        stride = max(1, settings.stride // depth.stride)
        packer = self._packer(depth.camera, settings.points_colour, stride)
        without = self._no_points(depth)
        self.profile.begin("points")
        return packer.pack(depth_m, depth.rgb, settings.points_organised, allocate, without)

    def _depth_of_points(self, depth: DepthFrame) -> Tensor:
        """Return depth (H, W), finite where there are to be points."""
        if self.settings.beyond_range == "drop" or math.isinf(depth.far_m):
            return depth.depth_m
        return depth.depth_m.masked_fill(torch.isposinf(depth.depth_m), depth.far_m)

    def _no_points(self, depth: DepthFrame) -> Tensor | None:
        """Return which pixels (H, W) the settings want no points of; None: none of them."""
        settings, without = self.settings, None
        if settings.edge_filter == "points":
            self.profile.begin("edges")
            without = self._flying(depth.depth_m, depth.network_size)
        if settings.min_confidence:
            if depth.confidence is None:
                raise ModelError(_no_confidence(self.model))
            # Negated so that NaN, which compares false, is left out too.
            unsure = ~(depth.confidence >= settings.min_confidence)
            without = unsure if without is None else without.logical_or_(unsure)
        return without

    @torch.inference_mode()
    def colours(self, depth: DepthFrame) -> Tensor:
        """Return depth in colour, uint8 (H, W, 3) rgb, as the settings ask for it."""
        self.profile.begin("colours")
        settings = self.settings
        if self.graphs is not None:
            made = self._made(depth, Wanted(colours=True))
            assert made.colours is not None
            return made.colours
        near_m, far_m = settings.colour_near_m, settings.colour_far_m
        if settings.colour_range == "percentiles":
            near_m, far_m = robust_range(depth.depth_m)
        return colourise(depth.depth_m, near_m, far_m, self._table(settings.colour_map))

    def focal_ratio(self, camera: Camera, prediction: Prediction | None = None) -> float:
        """Return the factor from the metres of the focal length that a model assumes to this one's.

        Source: Metric3D's canonical camera (arXiv 2307.10984). A network that estimates its own
        focal length (Depth Pro) assumes that one.
        """
        if not self.settings.focal_correction:
            return 1.0
        camera = camera.turned(self._turns)
        if prediction is not None and prediction.f_px is not None:
            return camera.fx / float(prediction.f_px[0])
        if self.model.training_f_px is None:
            return 1.0
        return self.model.network_f_px(camera) / self.model.training_f_px

    def _ratio(self, camera: Camera, prediction: Prediction) -> float | Tensor:
        """Return focal_ratio(); where the network estimates it on a GPU, without waiting for it."""
        f_px = prediction.f_px
        if f_px is None or self.graphs is None or not self.settings.focal_correction:
            return self.focal_ratio(camera, prediction)
        return camera.turned(self._turns).fx / f_px[0].double()

    def far_m(self, ratio: float | Tensor) -> float:
        """Return where range ends: the user's word, but never beyond what the model can say.

        Args:
            ratio: this camera's metres over the model's own; inf: what is beyond the model's range
                is marked already.
        """
        model_far_m = self._model_far_m(ratio)
        return min(self.settings.max_depth_m or model_far_m, model_far_m)

    def _model_far_m(self, ratio: float | Tensor) -> float:
        if not self.model.max_depth_m:
            return torch.inf
        return _SATURATION * float(ratio) * self.model.max_depth_m

    def _steadied(self, values: Tensor, ratio: float | Tensor, frame: Frame) -> Tensor:
        """Return metric values (H, W) without the wobble of their scale, in place.

        Beyond the model's range (+inf) is what was so by its own word, whatever the factor: the
        range must not wobble instead.
        """
        self.profile.begin("steady")
        limit_range(values, 0.0, self._model_far_m(ratio))
        steadier, time_constant_s = self.steadier(frame.camera), self.settings.scale_steady_s
        return values.mul_(steadier.update(values, frame.stamp_ns, time_constant_s))

    def _scale(
        self, values: Tensor, kind: Output, frame: Frame, reference: Reference | None
    ) -> Scale | None:
        """Return the scale of a frame, measured on it where it can be; None in mode model."""
        settings = self.settings
        if settings.scale_mode == "model":
            return None
        self.profile.begin("scale")
        scaler = self.scaler(frame.camera)
        if reference is not None:
            rays = self._rays(frame.camera)
            scaler.update(
                values,
                kind.value,
                rays,
                reference,
                frame.stamp_ns,
                settings.scale_filter,
                settings.anchors_field,
            )
        return scaler.at(frame.stamp_ns, settings.scale_max_age_s)

    def _prompts(
        self, frames: Sequence[Frame], references: Sequence[Reference | None]
    ) -> Tensor | None:
        """Return the batch of depth prompts that the network needs, if it needs any."""
        if self.model.prompt_size is None:
            return None
        pairs = zip(frames, references, strict=True)
        prompts = torch.stack([self._prompt(frame.camera, known) for frame, known in pairs])
        return sent(prompts, self.runtime.device)

    def _prompt(self, camera: Camera, reference: Reference | None) -> Tensor:
        """Return metric depth (1, h, w) for a network that completes it."""
        assert self.model.prompt_size is not None
        if not isinstance(reference, Anchors):
            raise ScaleError(f"model '{self.model.entry.name}' has no anchors to complete")
        turns = self._turns
        height, width = self.model.prompt_size[:: -1 if turns % 2 else 1]
        return _turned(torch.from_numpy(prompt(reference, height, width, camera))[None], turns)

    def _flying(self, depth_m: Tensor, network_size: tuple[int, int] | None) -> Tensor:
        return flying(depth_m, self.settings.edge_step, self._radius_px(depth_m, network_size))

    def _radius_px(self, depth_m: Tensor, network_size: tuple[int, int] | None) -> int:
        height, width = depth_m.shape
        image = (height, width)
        return self.settings.edge_radius_px or radius_for(network_size or image, image)


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


def _carried_out(
    plan: Plan, values: Tensor, numbers: Tensor, *scene: Tensor | None
) -> tuple[tuple[Tensor | None, ...], None]:
    """Return what a plan makes as a function of tensors alone, see capture."""
    made = render(plan, values, Scene(*scene), numbers)
    return (made.depth_m, made.payload, made.count, made.colours), None


def _ray_planes(device: torch.device, camera: Camera, stride: int) -> tuple[Tensor, Tensor]:
    """Return x/z and y/z of every stride-th viewing ray, each (h, w)."""
    x, y = torch.from_numpy(camera.rays()[::stride, ::stride].copy()).unbind(-1)
    return x.contiguous().to(device), y.contiguous().to(device)


class _Staged:
    """Runs a network, and says to a profile that it does: what follows it is postprocessing."""

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
    """Turn what was said of images that were turned clockwise back to the images."""
    if not turns:
        return whole
    size, sure = whole.network_size, whole.confidence
    return replace(
        whole,
        values=_turned(whole.values, -turns),
        confidence=None if sure is None else _turned(sure, -turns),
        network_size=size[::-1] if size is not None and turns % 2 else size,
    )


def _parts(whole: Prediction) -> list[Prediction]:
    """Return the prediction of a batch image by image."""
    count = len(whole.values)
    f_px = [None] * count if whole.f_px is None else whole.f_px.split(1)
    sure = [None] * count if whole.confidence is None else whole.confidence.split(1)
    return [
        replace(whole, values=values, f_px=f, confidence=confidence)
        for values, f, confidence in zip(whole.values.split(1), f_px, sure, strict=True)
    ]


def _check_rgb(rgb: object) -> None:
    if not isinstance(rgb, np.ndarray):
        raise FrameError(f"rgb is {type(rgb).__name__}, expected an array of uint8 (H, W, 3)")
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise FrameError(
            f"rgb is {rgb.dtype} {rgb.shape}, expected uint8 (H, W, 3): values of 0 to 255, "
            "three channels, red first"
        )


def _strided(frame: Frame, step: int) -> Frame:
    """Return every step-th pixel and row of a frame as a frame."""
    if step == 1:
        return frame
    return replace(frame, rgb=frame.rgb[::step, ::step], camera=frame.camera.subsample(step))


def _no_confidence(model: DepthModel) -> str:
    if not model.denoises:
        return f"model '{model.entry.name}' says no confidence, expected min_confidence:=0"
    return "one sample says no confidence, expected samples:=2 or more, or min_confidence:=0"


def _new_packer(device: torch.device, camera: Camera, colour: bool, stride: int) -> CloudPacker:
    return CloudPacker(torch.from_numpy(camera.rays().copy()).to(device), colour, stride)
