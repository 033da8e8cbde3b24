"""Small recordings, and a network that reads depth out of the images' own brightness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.bag import reader
from depth_ros.bag import writer as bag
from depth_ros.bag.types import LATCHED, RELIABLE, TYPESTORE
from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, ModelEntry, Output, Prediction, Raw
from depth_ros.pipeline import NetworkPredictor, Pipeline
from depth_ros.runtimes.torch_runtime import TorchRuntime

START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
WIDTH, HEIGHT = 64, 48
CAMERA = Camera.from_fov(WIDTH, HEIGHT, 70.0)
FRAME_ID = "camera_optical_frame"
WHITE_M = 10.0
"""Depth of a white pixel; that of a black one is 0."""

Metres = npt.NDArray[np.float32]
Message = tuple[str, Any, int]
"""Topic, message and bag time."""


class Brightness(DepthModel):
    """A network that takes brightness for depth, as the recordings' images have it.

    Args:
        output: what it says its numbers are.
        share: of the true depth that it sees.
    """

    max_depth_m = 0.0
    training_f_px = None

    def __init__(self, output: Output = Output.METRIC_DEPTH, share: float = 1.0) -> None:
        self.entry = ModelEntry("brightness", "test", "", output, "Apache-2.0", True)
        self.batches_seen: list[int] = []
        model = self

        class Network(nn.Module):
            def forward(self, pixels: Tensor) -> Tensor:
                model.batches_seen.append(len(pixels))
                return share * WHITE_M * pixels.mean(1)

        self.network = Network()

    def preprocess(self, rgb: Tensor) -> Tensor:
        return rgb.permute(0, 3, 1, 2).float() / 255

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        assert isinstance(raw, Tensor)
        values = functional.interpolate(raw[:, None], (height, width))[:, 0]
        return Prediction(values, self.entry.output)

    def network_f_px(self, camera: Camera) -> float:
        return camera.f_px


def pipeline(model: Brightness | None = None, **values: Any) -> Pipeline:
    torch.set_num_threads(1)
    model = model or Brightness()
    settings = Settings(device="cpu", edges_filter="off", max_depth_m=50.0).with_values(**values)
    return Pipeline(NetworkPredictor(model, TorchRuntime(model.network, "cpu")), settings)


def scene(index: int, width: int = WIDTH, height: int = HEIGHT) -> Metres:
    """Depth (H, W) that tells the index: a slope whose start is the index's, in what 8 bits say."""
    slope = np.linspace(0, 60, width)[None] + np.linspace(0, 30, height)[:, None]
    grey = np.round(slope + 20 + 3 * (index % 40))
    return (grey / 255 * WHITE_M).astype(np.float32)


def picture(depth_m: Metres) -> npt.NDArray[np.uint8]:
    """The image (H, W, 3) of a depth."""
    grey = np.round(depth_m / WHITE_M * 255).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def compressed(rgb: npt.NDArray[np.uint8], stamp_ns: int, frame_id: str = FRAME_ID) -> Any:
    data = cv2.imencode(".png", rgb[..., ::-1])[1].reshape(-1)
    kind = TYPESTORE.types["sensor_msgs/msg/CompressedImage"]
    return kind(bag.header(stamp_ns, frame_id), "rgb8; png compressed bgr8", data)


def text(said: str) -> Any:
    return TYPESTORE.types["std_msgs/msg/String"](said)


def drive(
    count: int = 6,
    camera: str = "/camera",
    packed: bool = False,
    offset_ns: int = 0,
    first: int = 0,
) -> Iterator[Message]:
    """An image, its camera_info and a word every tenth of a second, tf_static before all.

    Bag time is 5 ms after the stamp.
    """
    mount = np.eye(4)
    mount[2, 3] = 0.5
    frame_id = FRAME_ID if camera == "/camera" else f"{camera[1:]}_optical_frame"
    yield "/tf_static", bag.static_transform("base_link", frame_id, mount, START_NS), START_NS
    for index in range(first, first + count):
        stamp_ns = START_NS + index * STEP_NS + offset_ns
        time_ns = stamp_ns + 5_000_000
        yield f"{camera}/camera_info", bag.camera_info(CAMERA, stamp_ns, frame_id), time_ns
        rgb = picture(scene(index))
        if packed:
            yield f"{camera}/image/compressed", compressed(rgb, stamp_ns, frame_id), time_ns + 1
        else:
            yield f"{camera}/image", bag.image(rgb, "rgb8", stamp_ns, frame_id), time_ns + 1
        yield "/chatter", text(f"word {index}"), time_ns + 2


def write(
    path: Path,
    messages: Iterator[Message] | Sequence[Message],
    storage: str = "mcap",
    compression: CompressionMode = CompressionMode.NONE,
) -> Path:
    """Write a bag with rosbags, which records other qualities of service than ours."""
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    writer = Writer(path, version=9, storage_plugin=plugin)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    connections: dict[str, Any] = {}
    with writer:
        for topic, message, time_ns in messages:
            kind = message.__msgtype__
            if topic not in connections:
                qos = LATCHED if topic.endswith("tf_static") else RELIABLE._replace(depth=7)
                connections[topic] = writer.add_connection(
                    topic, kind, typestore=TYPESTORE, offered_qos_profiles=[qos]
                )
            data = TYPESTORE.serialize_cdr(message, kind)
            writer.write(connections[topic], time_ns, data)
    return path


def by_topic(path: Path) -> dict[str, list[reader.Record]]:
    """A bag's records by topic."""
    found = defaultdict(list)
    for record in reader.records(path):
        found[record.topic].append(record)
    return dict(found)


def read(path: Path, topic: str) -> list[Any]:
    """A topic's messages."""
    return [message for _, message in reader.messages(path, topic)]
