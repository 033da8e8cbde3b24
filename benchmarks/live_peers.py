"""The processes on both sides of a node: cameras that send, and a consumer that records arrivals.

Run as python -m benchmarks.live_peers cameras | consumer. Stamps are the steady clock's time of
sending, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from array import array
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from benchmarks.example import HEIGHT, WIDTH
from depth_ros.geometry.camera import Camera

_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
_LISTENERS = 2  # the node, and the consumer
_START_TIMEOUT_S = 180.0
_SETTLE_TIMEOUT_S = 15.0
KINDS = {"image": Image, "depth/image": Image, "points": PointCloud2}


class Cameras(Node):
    """Sends a given number of noise images with camera_info for every camera, at a rate."""

    def __init__(self, names: list[str], hz: float, count: int) -> None:
        super().__init__("cameras")
        self._names, self.left = names, count
        self._images = {name: self._publisher(Image, name, "image") for name in names}
        self._infos = {name: self._publisher(CameraInfo, name, "camera_info") for name in names}
        rgb = np.random.default_rng(0).integers(0, 256, 3 * WIDTH * HEIGHT).astype(np.uint8)
        data = array("B", rgb.tobytes())
        size = {"height": HEIGHT, "width": WIDTH}
        self._image = Image(encoding="rgb8", step=3 * WIDTH, data=data, **size)
        camera = Camera.from_fov(WIDTH, HEIGHT, 60.0)
        self._info = CameraInfo(k=camera.matrix.ravel(), distortion_model="plumb_bob", **size)
        self._hz = hz

    def start(self) -> None:
        """Begin to send, and count down the remaining images."""
        self.create_timer(1 / self._hz, self._send)

    def heard(self) -> bool:
        """Return whether all cameras have all their subscribers."""
        images = self._images.values()
        return all(image.get_subscription_count() >= _LISTENERS for image in images)

    def _publisher(self, kind: type, name: str, topic: str) -> Any:
        return self.create_publisher(kind, _topic(name, topic), _QOS)

    def _send(self) -> None:
        if not self.left:
            return
        self.left -= 1
        for name in self._names:
            seconds, nanoseconds = divmod(time.monotonic_ns(), 10**9)
            for message in (self._info, self._image):
                message.header.stamp.sec, message.header.stamp.nanosec = seconds, nanoseconds
                message.header.frame_id = f"{name}_optical"
            self._infos[name].publish(self._info)
            self._images[name].publish(self._image)


class Consumer(Node):
    """Records arrival times of messages, by camera and topic, and the last /diagnostics."""

    def __init__(self, names: list[str]) -> None:
        super().__init__("consumer")
        self.arrivals: dict[str, dict[str, list[tuple[int, int]]]] = {}
        self.statuses: dict[str, dict[str, str]] = {}
        self._reports: dict[str, int] = {}
        for name in names:
            self.arrivals[name] = defaultdict(list)
            for topic, kind in KINDS.items():
                keep = partial(self._keep, self.arrivals[name][topic])
                self.create_subscription(kind, _topic(name, topic), keep, _QOS, raw=True)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_report, _QOS)

    def settled(self) -> bool:
        """Return whether every node's last diagnostics were made after the last arrival."""
        # The first report after it may have been made before.
        return bool(self._reports) and min(self._reports.values()) > 1

    def _keep(self, kept: list[tuple[int, int]], data: bytes) -> None:
        kept.append((_stamp_ns(data), time.monotonic_ns()))
        self._reports = dict.fromkeys(self._reports, 0)

    def _on_report(self, report: DiagnosticArray) -> None:
        for status in report.status:
            self._reports[status.name] = self._reports.get(status.name, 0) + 1
            self.statuses[status.name] = {pair.key: pair.value for pair in status.values}


def _topic(name: str, topic: str) -> str:
    return f"{name}/{topic}" if name else topic


def _stamp_ns(data: bytes) -> int:
    """Return the header stamp at the start of a serialised message, after CDR's 4-byte preamble."""
    order: Literal["little", "big"] = "little" if data[1] & 1 else "big"
    seconds = int.from_bytes(data[4:8], order, signed=True)
    return seconds * 10**9 + int.from_bytes(data[8:12], order)


def main(arguments: list[str] | None = None) -> int:
    """Send all images, exit code 1 without subscribers; or record arrivals until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("cameras", "consumer"))
    parser.add_argument("--names", nargs="+", default=[""])
    parser.add_argument("--hz", type=float, default=10.0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    # The consumer continues for a short time after an interrupt.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        if options.role == "cameras":
            return _send(Cameras(options.names, options.hz, options.count))
        _consume(Consumer(options.names), options.out)
    finally:
        rclpy.try_shutdown()
    return 0


def _send(cameras: Cameras) -> int:
    until_s = time.monotonic() + _START_TIMEOUT_S
    while not cameras.heard() and time.monotonic() < until_s:
        rclpy.spin_once(cameras, timeout_sec=0.1)
    if not cameras.heard():
        print("live: no node and no consumer listen to the images", file=sys.stderr)
        return 1
    print("all listen", flush=True)
    cameras.start()
    while cameras.left:
        rclpy.spin_once(cameras)
    return 0


def _consume(consumer: Consumer, out: Path) -> None:
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    executor = SingleThreadedExecutor()
    executor.add_node(consumer)
    while not stopped.is_set():
        executor.spin_once(timeout_sec=0.1)
    until_s = time.monotonic() + _SETTLE_TIMEOUT_S
    while not consumer.settled() and time.monotonic() < until_s:
        executor.spin_once(timeout_sec=0.1)
    content = {"arrivals": consumer.arrivals, "statuses": consumer.statuses}
    out.write_text(json.dumps(content))


if __name__ == "__main__":
    sys.exit(main())
