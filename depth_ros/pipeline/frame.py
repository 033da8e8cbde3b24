"""An image with the camera that took it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.errors import CameraError, FrameError
from depth_ros.geometry.camera import Camera


@dataclass(frozen=True)
class Frame:
    """An image with the camera that took it.

    Attributes:
        rgb: uint8 (H, W, 3), red first. A view with negative strides, such as bgr[..., ::-1], is
            copied, because torch does not support them.
        camera: for images of exactly H x W.
        stamp_ns: time of capture.
        frame_id: the camera's optical frame.

    Raises:
        FrameError: rgb is not an array, or has another type or shape.
        CameraError: camera is not a Camera, or image and camera differ in size.
    """

    rgb: ImageArray
    camera: Camera
    stamp_ns: int = 0
    frame_id: str = ""

    def __post_init__(self) -> None:
        _check_rgb(self.rgb)
        _check_camera(self.camera)
        if min(self.rgb.strides) < 0:
            object.__setattr__(self, "rgb", np.ascontiguousarray(self.rgb))
        height, width = self.rgb.shape[:2]
        if (width, height) != (self.camera.width, self.camera.height):
            raise CameraError(
                f"image is {width}x{height}, camera is for {self.camera.width}x{self.camera.height}"
            )

    def subsample(self, stride: int) -> Frame:
        """Return every n-th pixel and row as a frame."""
        if stride == 1:
            return self
        rgb = self.rgb[::stride, ::stride]
        return replace(self, rgb=rgb, camera=self.camera.subsample(stride))


def _check_rgb(rgb: object) -> None:
    if not isinstance(rgb, np.ndarray):
        raise FrameError(f"rgb is {type(rgb).__name__}, expected an array of uint8 (H, W, 3)")
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise FrameError(
            f"rgb is {rgb.dtype} {rgb.shape}, expected uint8 (H, W, 3): values of 0 to 255, "
            "three channels, red first"
        )


def _check_camera(camera: object) -> None:
    if not isinstance(camera, Camera):
        raise CameraError(f"camera is {type(camera).__name__}, expected a depth_ros.Camera")
