"""Speed of a conversion without its network, compared with copying the same bag."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from torch import Tensor, nn

from benchmarks.machine import describe
from depth_ros.bag import writer as bag
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.types import TYPESTORE
from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, ModelEntry, Output, Prediction, Raw
from depth_ros.pipeline import NetworkPredictor, Pipeline
from depth_ros.runtimes.torch_runtime import TorchRuntime

CAMERA = Camera.from_fov(640, 480, 70.0)
_STEP_NS = 33_333_333
_START_NS = 1_700_000_000_000_000_000
_FRAME = "camera_optical_frame"
_JPEG_QUALITY = 95


class NullModel(DepthModel):
    """A model without a network, which returns the same map for every image."""

    entry = ModelEntry("null", "test", "", Output.METRIC_DEPTH, "Apache-2.0", True)
    max_depth_m = 20.0
    training_f_px = None

    def __init__(self, camera: Camera) -> None:
        slope = torch.linspace(0.5, 15.0, camera.width * camera.height)
        depth_m = slope.reshape(1, camera.height, camera.width)

        class Network(nn.Module):
            def forward(self, pixels: Tensor) -> Tensor:
                return depth_m.expand(len(pixels), -1, -1)

        self.network = Network()

    def preprocess(self, rgb: Tensor) -> Tensor:
        """Return an empty input."""
        return rgb[:, :1, :1, 0, None].float()

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Return the map unchanged."""
        assert isinstance(raw, Tensor)
        return Prediction(raw, self.entry.output)

    def network_f_px(self, camera: Camera) -> float:
        """Return the camera's value."""
        return camera.f_px


class Result(NamedTuple):
    """Frames per second of a conversion, and of copying the same bag."""

    frames: int
    convert_s: float
    copy_s: float

    def text(self) -> str:
        """Return the result as text."""
        ratio = self.convert_s / self.copy_s
        return (
            f"convert without a network   {self.frames / self.convert_s:7.1f} frames/s\n"
            f"read and write with rosbags {self.frames / self.copy_s:7.1f} frames/s\n"
            f"convert / copy              {ratio:7.2f}"
        )


def pipeline(camera: Camera) -> Pipeline:
    """Return a pipeline without a network that writes millimetres."""
    model = NullModel(camera)
    settings = Settings(device="cpu", depth_encoding="16UC1", edges_filter="off")
    return Pipeline(NetworkPredictor(model, TorchRuntime(model.network, "cpu")), settings)


def generate(path: Path, frames: int, camera: Camera) -> None:
    """Write a bag of textured JPEG images, with camera_info."""
    kind = TYPESTORE.types["sensor_msgs/msg/CompressedImage"]
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (camera.height // 8, camera.width // 8, 3)).astype(np.uint8)
    texture = cv2.resize(coarse, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    with bag.BagWriter(path) as out:
        for index in range(frames):
            stamp_ns = _START_NS + index * _STEP_NS
            pixels = np.roll(texture, 5 * index, axis=1)
            data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
            header = bag.header(stamp_ns, _FRAME)
            out.write("/camera/camera_info", bag.camera_info(camera, stamp_ns, _FRAME), stamp_ns)
            image = kind(header, "rgb8; jpeg compressed bgr8", data.reshape(-1))
            out.write("/camera/image_raw/compressed", image, stamp_ns)


def copy(source: Path, out: Path) -> None:
    """Copy a bag with rosbags."""
    writer = Writer(out, version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with Reader(source) as reader, writer:
        connections = {
            c.topic: writer.add_connection(c.topic, c.msgtype, typestore=TYPESTORE)
            for c in reader.connections
        }
        for connection, time_ns, data in reader.messages():
            writer.write(connections[connection.topic], time_ns, data)


def run(
    folder: Path, frames: int, camera: Camera = CAMERA, options: ConvertOptions | None = None
) -> Result:
    """Measure in a folder; the copy is of the converted bag, including depth."""
    source, out = folder / "source", folder / "converted"
    generate(source, frames, camera)
    ready = pipeline(camera)
    convert_s = _taken_s(lambda: convert([source], out, ready, options))
    copy_s = _taken_s(lambda: copy(out, folder / "copied"))
    return Result(frames, convert_s, copy_s)


def _taken_s(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    return time.perf_counter() - start_s


def main(arguments: list[str] | None = None) -> int:
    """Generate, convert, copy and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convert", description=__doc__)
    parser.add_argument("--frames", type=int, default=600, help="of 640x480")
    parser.add_argument("--jobs", type=int, default=2, help="threads that decode and encode")
    options = parser.parse_args(arguments)
    # Without a network, torch's threads would only disturb the others.
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), options.frames, options=ConvertOptions(jobs=options.jobs))
    facts = describe(torch.device("cpu"))
    print(f"{facts['cpu']}, {facts['cores']} cores, load {facts['load']}")
    print(result.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
