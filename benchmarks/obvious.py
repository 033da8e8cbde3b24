# ruff: noqa: D102 - stages are documented in stages.Way
"""The obvious way: transformers' image processor, NumPy, cv_bridge and sensor_msgs_py.

Written as in tutorials, but without needless slowness: no loops over points, and messages get
their bytes as an array.array. The steps of cv_bridge and sensor_msgs_py are reproduced here,
because they are not installed with this package.
"""

from __future__ import annotations

import sys
from array import array
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.recfunctions import unstructured_to_structured
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header
from torch import Tensor
from torch.nn import functional
from transformers import AutoImageProcessor

from benchmarks.example import Example
from depth_ros.pipeline import Pipeline

Array = npt.NDArray[Any]


class Obvious:
    """The obvious way, with the same frame, settings and messages as Ours.

    Attributes:
        rgb: uint8 (H, W, 3).
        pixels: (1, 3, h, w), the network's input.
        cloud: the finished points.
    """

    def __init__(self, pipeline: Pipeline, example: Example) -> None:
        self._example, self._settings = example, pipeline.settings
        self._device = pipeline.device
        self._processor = AutoImageProcessor.from_pretrained(pipeline.model.entry.source)
        self._ratio = pipeline.metric_scaler.focal_ratio(example.camera, pipeline.settings)

    def decode_jpeg(self) -> None:
        data = np.frombuffer(self._example.compressed.data, np.uint8)
        bgr: Array | None = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert bgr is not None
        self.rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)

    def decode_rgb8(self) -> None:
        message = self._example.image
        self.rgb = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)

    def preprocess(self) -> None:
        self.pixels = self._processor(self.rgb, return_tensors="pt").pixel_values.to(self._device)

    def upsample(self) -> None:
        height, width = self.rgb.shape[:2]
        depth = resize(self._example.raw, height, width, self._processor.do_pad)
        self._values = depth.cpu().numpy()

    def limit_range(self) -> None:
        depth = self._values * self._ratio
        depth[depth <= self._settings.min_depth_m] = np.nan
        depth[depth >= self._settings.max_depth_m] = np.inf
        self.depth = depth

    def depth_image(self) -> None:
        self._depth_message = to_image(self.depth, "32FC1")

    def depth_color(self) -> None:
        near, far = 1 / self._settings.colour_near_m, 1 / self._settings.colour_far_m
        share = np.clip((1 / self.depth - far) / (near - far), 0, 1)
        grey = (np.nan_to_num(share) * 255).astype(np.uint8)
        colours = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
        self._colour_message = to_image(colours, "rgb8")

    def points(self) -> None:
        camera = self._example.camera
        height, width = self.depth.shape
        u, v = np.meshgrid(np.arange(width), np.arange(height))
        z = self.depth
        x = (u - camera.cx) * z / camera.fx
        y = (v - camera.cy) * z / camera.fy
        points = np.stack([x, y, z, packed(self.rgb)], axis=-1).astype(np.float32).reshape(-1, 4)
        points = points[np.isfinite(points[:, 2])]
        fields = [
            PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
            for i, name in enumerate(("x", "y", "z", "rgb"))
        ]
        self.cloud = create_cloud(Header(), fields, points)


def resize(raw: Tensor, height: int, width: int, padded: bool) -> Tensor:
    """Reproduce the processor's post_process_depth_estimation, which needs torchvision."""
    rows = int(np.sqrt(height / 2) * 3) if padded else 0
    columns = int(np.sqrt(width / 2) * 3) if padded else 0
    size = (height + 2 * rows, width + 2 * columns)
    depth = functional.interpolate(raw[:, None], size, mode="bicubic", align_corners=False)
    return depth[0, 0, rows : rows + height, columns : columns + width]


def packed(rgb: Array) -> Array:
    """Return colours as the float32 whose bits are 0x00RRGGBB."""
    red, green, blue = (rgb[..., i].astype(np.uint32) for i in range(3))
    return (red << 16 | green << 8 | blue).view(np.float32)


def to_image(pixels: Array, encoding: str) -> Image:
    """Reproduce cv_bridge's cv2_to_imgmsg."""
    message = Image()
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.data.frombytes(pixels.tobytes())
    message.step = len(message.data) // message.height
    return message


def create_cloud(header: Header, fields: list[PointField], points: Array) -> PointCloud2:
    """Reproduce sensor_msgs_py's create_cloud for float32 points (N, fields)."""
    dtype = np.dtype([(field.name, np.float32) for field in fields])
    structured: Array = unstructured_to_structured(points, dtype)
    data = array("B")
    data.frombytes(structured.data.cast("B"))
    cloud = PointCloud2(
        header=header,
        height=1,
        width=len(structured),
        is_dense=False,
        is_bigendian=sys.byteorder != "little",
        fields=fields,
        point_step=dtype.itemsize,
        row_step=dtype.itemsize * len(structured),
    )
    cloud.data = data
    return cloud
