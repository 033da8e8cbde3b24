"""The Python API: load a model once, then estimate depth of images and videos as NumPy arrays."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros import engine
from depth_ros.config import FIELDS, Settings, Value, unknown_field
from depth_ros.engine import FrameJob
from depth_ros.errors import ScaleError, SettingError
from depth_ros.geometry.camera import Camera
from depth_ros.ground_frame import mount_of_parameters
from depth_ros.pipeline import DepthFrame, Frame, Pipeline, Wanted
from depth_ros.runtimes import threads
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.scaler import Reference

_LOG = logging.getLogger("depth_ros")


class Points(NamedTuple):
    """A point cloud in the camera's optical frame: x right, y down, z forward (REP 103).

    Attributes:
        xyz: float32 (N, 3), metres, all finite.
        rgb: uint8 (N, 3), red first; None without colour.
    """

    xyz: npt.NDArray[np.float32]
    rgb: npt.NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False, repr=False)
class Depth:
    """The metric depth of one image.

    On the CPU depth_m and confidence share memory with the tensors, and the image is the caller's
    array: points() reads the colours from its current content.

    Attributes:
        frame: the depth as torch tensors on the network's device, with camera and time stamp.
    """

    frame: DepthFrame
    _pipeline: Pipeline

    def __repr__(self) -> str:
        """Return size and range instead of all numbers."""
        height, width = self.depth_m.shape
        known = self.depth_m[np.isfinite(self.depth_m)]
        spread = f"{known.min():.2f} to {known.max():.2f} m" if len(known) else "nothing in range"
        return f"Depth({width}x{height}, {spread})"

    @property
    def depth_m_tensor(self) -> Tensor:
        """Depth as a tensor, float32 (H, W), on the network's device."""
        return self.frame.depth_m

    @property
    def confidence_tensor(self) -> Tensor | None:
        """Confidence as a tensor, float32 (H, W), on the network's device, or None."""
        return self.frame.confidence

    @cached_property
    def depth_m(self) -> npt.NDArray[np.float32]:
        """Depth in metres along the optical axis, float32 (H, W) at the image's resolution.

        NaN where there is no estimate, +inf beyond the model's range (REP 117).
        """
        return _array(self.frame.depth_m)

    @cached_property
    def confidence(self) -> npt.NDArray[np.float32] | None:
        """Confidence of each pixel, float32 (H, W), or None if the model outputs none.

        The probability, as estimated by the model, that depth is within 25 % of the truth.
        """
        confidence = self.frame.confidence
        return None if confidence is None else _array(confidence)

    @property
    def camera(self) -> Camera:
        """The camera of the image."""
        return self.frame.camera

    @property
    def stamp_ns(self) -> int:
        """The time of capture in nanoseconds; 0: none was given."""
        return self.frame.stamp_ns

    def points(self, stride: int | None = None, colour: bool = True) -> Points:
        """Return the point cloud; lens distortion is taken into account.

        The settings edges_filter, min_confidence and beyond_range decide which pixels give points.

        Args:
            stride: use every n-th pixel and row; None: the setting of that name.
            colour: whether to return the image's colours too.

        Raises:
            SettingError: stride is out of its range.
            ModelError: min_confidence is set, and there is no confidence.
        """
        settings = self._pipeline.settings
        wanted = settings.with_values(
            stride=settings.stride if stride is None else stride,
            points_colour=colour,
            points_organised=False,
        )
        payload = self._pipeline.with_settings(wanted).points(self.frame, torch.empty)
        values = payload.numpy().view(np.float32)
        xyz = np.ascontiguousarray(values[:, :3])
        if not colour:
            return Points(xyz, None)
        # The fourth float32 holds the bytes b, g, r, 0, as in PointCloud2.
        rgb = values.view(np.uint8)[:, 14:11:-1]
        return Points(xyz, np.ascontiguousarray(rgb))

    def colour(
        self, near_m: float | None = None, far_m: float | None = None
    ) -> npt.NDArray[np.uint8]:
        """Return depth in colour for people to look at: uint8 (H, W, 3), red first.

        Inverse depth is drawn with the setting colour_map: near is bright, pixels without an
        estimate are black.

        Args:
            near_m, far_m: the depth with the brightest and the darkest colour; None: from the
                settings colour_range, colour_near_m and colour_far_m.

        Raises:
            SettingError: near_m is not less than far_m, or one of them is out of its range.
        """
        settings = self._pipeline.settings
        if near_m is not None or far_m is not None:
            settings = settings.with_values(
                colour_range="fixed",
                colour_near_m=settings.colour_near_m if near_m is None else near_m,
                colour_far_m=settings.colour_far_m if far_m is None else far_m,
            )
        return _array(self._pipeline.with_settings(settings).colours(self.frame))


class Estimator:
    """Estimates metric depth of images; see load().

    Each call is independent of earlier images; use stream() for videos. Only one thread at a time
    may use an estimator and its streams.

    Args:
        settings: model, device and all other settings.

    Raises:
        SettingError: scale_mode is ground, and extrinsics is not parameters.
        ModelError: the model or the device is unavailable, or the model does not support the
            settings.

    Attributes:
        settings: the same.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.scale_mode == "ground" and settings.extrinsics != "parameters":
            raise SettingError(
                "extrinsics is 'tf', which only the node supports: expected 'parameters', with "
                "camera.height_m, camera.pitch_deg and camera.roll_deg"
            )
        if settings.threads:
            threads.use(settings.threads)
        self.settings = settings
        self._pipeline = Pipeline.from_settings(settings)
        self._pipeline.notices.listen(_LOG.warning, _LOG.info)

    def __call__(
        self, rgb: npt.NDArray[np.uint8], camera: Camera, anchors: Anchors | None = None
    ) -> Depth:
        """Estimate the depth of one image.

        >>> import depth_ros, numpy
        >>> estimator = depth_ros.load("zoedepth-lite", device="cpu")
        >>> rgb = numpy.full((48, 64, 3), 127, numpy.uint8)
        >>> depth = estimator(rgb, depth_ros.Camera.from_fov(64, 48, fov_deg=60.0))
        >>> depth.depth_m.shape, depth.depth_m.dtype
        ((48, 64), dtype('float32'))
        >>> depth.colour().shape
        (48, 64, 3)

        Args:
            rgb: uint8 (H, W, 3), red first. OpenCV's images are blue first: rgb = bgr[..., ::-1].
            camera: for images of exactly H x W.
            anchors: with scale_mode anchors, pixels with known depth.

        Raises:
            FrameError: rgb is of another type or shape.
            CameraError: image and camera differ in size.
            SettingError: anchors are given, and scale_mode is not anchors.
            ModelError: the network fails, or it outputs no metres and scale_mode is model.
            ScaleError: ground or anchors do not determine the scale.
        """
        frame = Frame(rgb, camera)
        # The scale of earlier images belongs to other scenes.
        self._pipeline.states.clear()
        return _estimate(self._pipeline, frame, anchors)

    def stream(self, fps: float | None = None, **settings: Value) -> Stream:
        """Return an estimator for the frames of a video in their order.

        Args:
            fps: frames per second, for frames without a stamp; None: all have stamps.
            settings: live settings for this video, by their names. scale_steady_s=0.5 removes the
                flicker of the scale; grin_carry=True lets GRIN start from the frame before.

        Raises:
            SettingError: fps is not positive, a setting is unknown or out of its range, or cannot
                change after the model is loaded.
        """
        if fps is not None and not 0 < fps < float("inf"):
            raise SettingError(f"fps is {fps}, expected more than 0")
        for name in settings:
            if name not in FIELDS:
                raise SettingError(unknown_field(name))
            if not FIELDS[name].live:
                raise SettingError(f"{name} cannot change after loading, expected it in load()")
        pipeline = self._pipeline.fork().with_settings(self.settings.with_values(**settings))
        return Stream(pipeline, fps)


class Stream:
    """Estimates depth of a video's frames; made by Estimator.stream().

    It keeps state from frame to frame: the scale of ground and anchors, the state of
    scale_steady_s, and the memory of denoising models (grin_carry).
    """

    def __init__(self, pipeline: Pipeline, fps: float | None) -> None:
        self._pipeline, self._fps = pipeline, fps
        self._count = 0

    def __call__(
        self,
        rgb: npt.NDArray[np.uint8],
        camera: Camera,
        stamp_ns: int | None = None,
        anchors: Anchors | None = None,
    ) -> Depth:
        """Estimate the depth of the next frame.

        Args:
            rgb, camera, anchors: see Estimator.
            stamp_ns: time of capture in nanoseconds; None: computed from fps.

        Raises:
            SettingError: there is neither a stamp nor fps.
            FrameError, CameraError, ModelError, ScaleError: see Estimator.
        """
        if stamp_ns is None:
            stamp_ns = self._next_ns()
        frame = Frame(rgb, camera, stamp_ns)
        self._count += 1
        return _estimate(self._pipeline, frame, anchors)

    def _next_ns(self) -> int:
        if self._fps is None:
            raise SettingError("the frame has no stamp_ns, expected one, or stream(fps=...)")
        return round(self._count / self._fps * 10**9)


def load(model: str = "zoedepth-lite", device: str = "auto", **settings: Value) -> Estimator:
    """Load a model.

    >>> import depth_ros
    >>> depth_ros.load(max_dept_m=8.0)
    Traceback (most recent call last):
    depth_ros.errors.SettingError: setting 'max_dept_m' is unknown, did you mean max_depth_m...

    Args:
        model: a name that `depth_ros models` lists, a checkpoint's folder, an exported .onnx file,
            or a hub id.
        device: auto (CUDA if available), cpu, cuda or cuda:N.
        settings: any other setting by its name; `depth_ros settings` lists them.

    Raises:
        SettingError: a setting is unknown or out of its range.
        ModelError: the model or the device is unavailable, or the model does not support the
            settings.
    """
    return Estimator(Settings().with_values(model=model, device=device, **settings))


def _estimate(pipeline: Pipeline, frame: Frame, anchors: Anchors | None) -> Depth:
    reference = _reference(pipeline.settings, anchors)
    (answer,) = engine.run([FrameJob(frame, pipeline, Wanted(), lambda: reference)])
    if answer.error is not None:
        raise answer.error
    assert answer.depth is not None
    return Depth(answer.depth, pipeline)


def _reference(settings: Settings, anchors: Anchors | None) -> Reference | None:
    """Return the reference for the scale: the mount that the settings describe, or the anchors."""
    if not isinstance(anchors, Anchors | None):
        raise ScaleError(f"anchors is {type(anchors).__name__}, expected depth_ros.Anchors")
    if anchors is not None and settings.scale_mode != "anchors":
        raise SettingError(f"scale.mode is '{settings.scale_mode}', expected 'anchors' for anchors")
    if settings.scale_mode != "ground":
        return anchors
    return mount_of_parameters(settings)


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    """Return a tensor as an array; without a copy if it is on the CPU."""
    return tensor.cpu().numpy()
