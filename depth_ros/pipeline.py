"""One frame of a calibrated camera to metric depth, colours and points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros import models, runtimes
from depth_ros.config import Settings
from depth_ros.errors import CameraError, ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import CloudPacker
from depth_ros.geometry.colour import colour_table, colourise
from depth_ros.geometry.depth import limit_range
from depth_ros.models import DepthModel, Output
from depth_ros.models.base import Mirrored
from depth_ros.runtimes.torch_runtime import TorchRuntime


@dataclass(frozen=True)
class Frame:
    """An image with the camera that took it.

    Attributes:
        rgb: uint8 (H, W, 3).
        camera: for images of exactly H x W.
        stamp_ns: time of capture.
        frame_id: the camera's optical frame.

    Raises:
        CameraError: image and camera differ in size.
    """

    rgb: npt.NDArray[np.uint8]
    camera: Camera
    stamp_ns: int = 0
    frame_id: str = ""

    def __post_init__(self) -> None:
        height, width = self.rgb.shape[:2]
        if (width, height) != (self.camera.width, self.camera.height):
            raise CameraError(
                f"image is {width}x{height}, camera is for {self.camera.width}x{self.camera.height}"
            )


@dataclass(frozen=True)
class DepthFrame:
    """Metric depth for a frame, on the network's device.

    Attributes:
        depth_m: float32 (H, W) at the image's resolution, z along the optical axis; NaN where
            there is no estimate, +inf beyond range (REP 117).
        rgb: uint8 (H, W, 3), the image it belongs to.
        camera, stamp_ns, frame_id: the image's own.
    """

    depth_m: Tensor
    rgb: Tensor
    camera: Camera
    stamp_ns: int
    frame_id: str


class Pipeline:
    """Frame in, DepthFrame out; points and colours of a DepthFrame on request.

    Settings that are live may be replaced between frames. Payloads that points() returns are valid
    until its next call.
    """

    def __init__(self, model: DepthModel, runtime: TorchRuntime, settings: Settings) -> None:
        self.model, self.runtime, self.settings = model, runtime, settings
        self._packer = lru_cache(maxsize=4)(self._new_packer)
        self._table = lru_cache(maxsize=4)(lambda name: colour_table(name).to(runtime.device))

    @classmethod
    def from_settings(cls, settings: Settings) -> Pipeline:
        """Load the model the settings name, on the device they name.

        Raises:
            ModelError: the model or the device cannot be had, or float16 is unsafe for the model.
        """
        model = models.load(settings.model)
        if settings.dtype == "float16" and not model.entry.half_safe:
            raise ModelError(f"model '{settings.model}' overflows in float16, say dtype:=bfloat16")
        network = Mirrored(model.network) if settings.flip else model.network
        runtime = runtimes.create(settings.runtime, network, settings.device, settings.dtype)
        return cls(model, runtime, settings)

    @torch.inference_mode()
    def __call__(self, frame: Frame) -> DepthFrame:
        """Estimate the depth of a frame.

        Raises:
            ModelError: the network failed, or does not give metres.
        """
        rgb = self._upload(frame.rgb)
        pixels = self.model.preprocess(rgb[None])
        raw = self.runtime(pixels)
        prediction = self.model.postprocess(raw, *rgb.shape[:2])
        if prediction.output is not Output.METRIC_DEPTH:
            raise ModelError(
                f"model '{self.model.entry.name}' gives {prediction.output.value}, "
                f"expected {Output.METRIC_DEPTH.value}"
            )
        depth_m = prediction.values[0] * self.focal_ratio(frame.camera)
        depth_m = limit_range(depth_m, self.settings.min_depth_m, self.far_m(frame.camera))
        return DepthFrame(depth_m, rgb, frame.camera, frame.stamp_ns, frame.frame_id)

    def warm_up(self, height: int = 480, width: int = 640) -> None:
        """Run one blank frame, so that the first real one does not pay for first-time set-up."""
        camera = Camera.from_fov(width, height, 60.0)
        self(Frame(np.zeros((height, width, 3), np.uint8), camera))

    @torch.inference_mode()
    def points(self, depth: DepthFrame) -> Tensor:
        """Return the payload of a cloud, see CloudPacker.pack, as the settings ask for it."""
        settings = self.settings
        packer = self._packer(depth.camera, settings.points_colour, settings.stride)
        return packer.pack(depth.depth_m, depth.rgb, settings.points_organised)

    @torch.inference_mode()
    def colours(self, depth: DepthFrame) -> Tensor:
        """Return depth in colour, uint8 (H, W, 3) rgb, as the settings ask for it."""
        settings = self.settings
        table = self._table(settings.colour_map)
        return colourise(depth.depth_m, settings.colour_near_m, settings.colour_far_m, table)

    def focal_ratio(self, camera: Camera) -> float:
        """Return the factor from the training camera's metres to this one's (arXiv 2307.10984)."""
        training_f_px = self.model.training_f_px
        if training_f_px is None or not self.settings.focal_correction:
            return 1.0
        return self.model.network_f_px(camera) / training_f_px

    def far_m(self, camera: Camera) -> float:
        """Return where range ends: the user's word, but never beyond what the model can say."""
        model_far_m = self.model.max_depth_m * self.focal_ratio(camera)
        return min(self.settings.max_depth_m or model_far_m, model_far_m)

    def _upload(self, rgb: npt.NDArray[np.uint8]) -> Tensor:
        # torch cannot express read-only memory and warns about it: bags decode into such.
        array = rgb if rgb.flags.writeable else rgb.copy()
        return torch.from_numpy(array).to(self.runtime.device)

    def _new_packer(self, camera: Camera, colour: bool, stride: int) -> CloudPacker:
        rays = torch.from_numpy(camera.rays().copy()).to(self.runtime.device)
        return CloudPacker(rays, colour, stride)
