"""The complete obvious way: transformers' pipeline("depth-estimation"), NumPy, sensor_msgs_py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from sensor_msgs.msg import Image, PointField
from std_msgs.msg import Header
from transformers import pipeline

from benchmarks.obvious import Array, create_cloud, packed, resize, to_image
from benchmarks.sizes import Size
from depth_ros.geometry.camera import Camera
from depth_ros.models.zoedepth import ZoeDepth
from depth_ros.profile import Profile


class Stock:
    """A frame from Image to depth image and cloud; the pipeline's steps are called separately.

    Attributes:
        depth: (H, W) metres of the last frame.
    """

    def __init__(self, size: Size, camera: Camera, device: str, profile: Profile) -> None:
        self._camera, self._profile = camera, profile
        processor = size.processor
        if isinstance(size.model, ZoeDepth):  # its own needs torchvision
            processor.post_process_depth_estimation = _restored
        self._pipeline = pipeline(
            "depth-estimation", model=size.stock, image_processor=processor, device=device
        )

    def __call__(self, message: Image) -> None:
        """Process an rgb8 image."""
        self._profile.begin("decode")
        rgb = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        image = PillowImage.fromarray(rgb)
        self._profile.begin("preprocess")
        inputs = self._pipeline.preprocess(image)
        self._profile.begin("network")
        outputs = self._pipeline.forward(inputs)
        self._profile.begin("post")
        found = self._pipeline.postprocess(outputs)
        self.depth = found["predicted_depth"].cpu().numpy()
        self._profile.begin("copy")
        to_image(self.depth, "32FC1")
        self._profile.begin("points")
        self._points(rgb)

    def _points(self, rgb: Array) -> None:
        camera, z = self._camera, self.depth
        height, width = z.shape
        u, v = np.meshgrid(np.arange(width), np.arange(height))
        x = (u - camera.cx) * z / camera.fx
        y = (v - camera.cy) * z / camera.fy
        points = np.stack([x, y, z, packed(rgb)], axis=-1).astype(np.float32).reshape(-1, 4)
        fields = [
            PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
            for i, name in enumerate(("x", "y", "z", "rgb"))
        ]
        create_cloud(Header(), fields, points[np.isfinite(points[:, 2])])


def _restored(outputs: SimpleNamespace, sizes: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Reproduce ZoeDepth's post_process_depth_estimation."""
    return [{"predicted_depth": resize(outputs.predicted_depth, *sizes[0], padded=True)}]
