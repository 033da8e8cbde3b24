"""The example frame of all measurements."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from sensor_msgs.msg import CompressedImage, Image
from torch import Tensor
from torch.nn import functional

from benchmarks.predictor import predictor_of
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Pipeline
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Robot, random_drive

WIDTH, HEIGHT = 640, 480
MAX_DEPTH_M = 3.0
"""End of the range, so that a part of the rendered room is beyond it."""
_SEED = 0


class Example(NamedTuple):
    """A rendered frame as received by the node.

    Attributes:
        camera: a pinhole.
        image: the frame as rgb8.
        compressed: the frame as JPEG.
        raw: (1, h, w), the output of a perfect network, at the network's resolution and in its
            training camera's metres. Work after the network does not depend on the weights.
    """

    camera: Camera
    image: Image
    compressed: CompressedImage
    raw: Tensor


def make(pipeline: Pipeline) -> Example:
    """Render the frame, for a pipeline's network."""
    drive = random_drive(np.random.default_rng(_SEED), Robot(), WIDTH, HEIGHT, 1)
    frames = render_drive(drive, seed=_SEED)
    rgb = frames.rgb[0].numpy()
    ratio = pipeline.metric_scaler.focal_ratio(drive.camera, pipeline.settings)
    raw = _raw(pipeline, frames.rgb, frames.depth_m / ratio)
    return Example(drive.camera, _image(rgb), _compressed(rgb), raw)


def render(width: int, height: int) -> tuple[Camera, Image]:
    """Return a rendered frame of a size, and its camera."""
    drive = random_drive(np.random.default_rng(_SEED), Robot(), width, height, 1)
    return drive.camera, _image(render_drive(drive, seed=_SEED).rgb[0].numpy())


@torch.inference_mode()
def _raw(pipeline: Pipeline, rgb: Tensor, depth_m: Tensor) -> Tensor:
    predictor = predictor_of(pipeline)
    output = predictor.runtime(predictor.model.preprocess(rgb))
    size = (output if isinstance(output, Tensor) else output[0]).shape[-2:]
    resized = functional.interpolate(depth_m[:, None], size, mode="area")[:, 0]
    return resized.to(pipeline.device)


def _image(rgb: npt.NDArray[np.uint8]) -> Image:
    height, width = rgb.shape[:2]
    data = array("B", rgb.tobytes())
    return Image(height=height, width=width, encoding="rgb8", step=3 * width, data=data)


def _compressed(rgb: npt.NDArray[np.uint8]) -> CompressedImage:
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return CompressedImage(format="rgb8; jpeg compressed bgr8", data=array("B", jpeg.tobytes()))
