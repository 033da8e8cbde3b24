"""Measure what a cloud costs between Python and who listens, by its size and by how it is sent.

Run as python -m benchmarks.wire. Publisher and listeners are processes of their own; a message is
sent when all have told of the one before. What a listener does not tell of is counted as lost, and
sent again.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rclpy
import torch
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from benchmarks import live, machine
from benchmarks.command import in_one_line
from benchmarks.mismatch import MismatchError
from benchmarks.timing import Spread
from depth_ros import messages
from depth_ros.errors import DepthError
from depth_ros.runtimes import heap

WIDTH, HEIGHT = 640, 480
DENSE = 7 / 8
"""The share of pixels with a point in the dense clouds here; edges and what is far have none."""
KEEPING = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
"""With this in its environment a process keeps what it frees, as the node does by itself."""
_QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
_ECHO_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
_START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 60.0
_LOST_AFTER_S = 10.0
_GREET_EVERY_S = 0.5
_TRIES = 10
Way = Callable[[PointCloud2], Any]
_CHECKED = 1  # nanoseconds of a stamp: the message is compared
_GREETING = 0  # seconds of a stamp: only who listens is asked


SETUPS = [("SYNCHRONOUS", False), ("SYNCHRONOUS", True), ("ASYNCHRONOUS", True)]
"""Modes of Fast DDS, and whether listeners keep their memory; the first is what one finds."""


class Setup(NamedTuple):
    """What is the same for all clouds.

    Attributes:
        mode: of Fast DDS, who writes a message into shared memory: publish(), or asynchronously a
            thread of the library's.
        keeping: whether those who listen keep the memory that they free.
        listeners: how many processes listen.
    """

    mode: str
    keeping: bool
    listeners: int

    def text(self) -> str:
        """Return it to read."""
        heap = "that keep their memory" if self.keeping else "as they come"
        return f"{self.mode.lower()}, listeners {heap}: {self.listeners}"


class Result(NamedTuple):
    """One way to send one cloud, the median and quartiles of its messages.

    Attributes:
        setup: what was the same for all.
        cloud: the layout.
        size: bytes of its data.
        way: what publish() was given.
        call_ms: publish(), and what had to be made for it.
        last_ms: from its begin until the last listener's Python has the bytes.
        lost: how often a listener did not tell of a message, which was sent again.
    """

    setup: Setup
    cloud: str
    size: int
    way: str
    call_ms: Spread
    last_ms: Spread
    lost: int


class Sent(NamedTuple):
    """A message that all listeners told of.

    Attributes:
        begin_ns: when what is published was begun to be made, by the steady clock.
        call_ms: how long that took, and publish().
        told: of each listener when it had the bytes, or their checksum where that was asked.
        lost: how often the message was sent before.
    """

    begin_ns: int
    call_ms: float
    told: list[int]
    lost: int

    @property
    def last_ms(self) -> float:
        """The time from its begin until the last listener had the bytes."""
        return (max(self.told) - self.begin_ns) / 1e6


def cloud(stride: int, organised: bool) -> PointCloud2:
    """Return a cloud of noise, as large as one of a 640x480 image."""
    height, width = -(-HEIGHT // stride), -(-WIDTH // stride)
    if not organised:
        height, width = 1, int(DENSE * height * width)
    step = messages.point_step(colour=True)
    noise = np.random.default_rng(0).integers(0, 256, height * width * step).astype(np.uint8)
    fields = [PointField(**asdict(field)) for field in messages.cloud_fields(colour=True)]
    message = PointCloud2(height=height, width=width, fields=fields, is_dense=not organised)
    message.point_step, message.row_step = step, step * width
    message.data = array("B", noise.tobytes())
    return message


def label(stride: int, organised: bool) -> str:
    """Return a cloud's layout in words."""
    return f"{'organised' if organised else 'dense'}, stride {stride}"


# --- a listener's process


def listen() -> None:
    """Tell of every cloud when it was there, and of those that are to be compared what it was."""
    rclpy.init(args=[])
    node = rclpy.create_node(f"listener_{os.getpid()}")
    echo = node.create_publisher(Header, "arrived", _ECHO_QOS)

    def note(data: bytes) -> None:
        echo.publish(tell(node.get_name(), data))

    node.create_subscription(PointCloud2, "cloud", note, _QOS, raw=True)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


def tell(name: str, data: bytes) -> Header:
    """Return what a listener says of a serialised cloud: its stamp, the listener and a number."""
    number = time.monotonic_ns()
    told = Header()
    # Little-endian CDR: four bytes of preamble, then the stamp.
    told.stamp.sec, told.stamp.nanosec = (
        int.from_bytes(data[at : at + 4], "little") for at in (4, 8)
    )
    if told.stamp.nanosec == _CHECKED:
        number = zlib.crc32(deserialize_message(data, PointCloud2).data)
    told.frame_id = f"{name} {number}"
    return told


# --- the publisher's process


class Serialised:
    """Makes CDR of a cloud in one copy of its data: what could be published at best.

    Raises:
        MismatchError: it is not what rclpy makes of the cloud.
    """

    def __init__(self, message: PointCloud2) -> None:
        whole = bytes(serialize_message(message))
        # Four bytes of preamble and the stamp come first, the data and is_dense last.
        begin, end = len(whole) - 1 - len(message.data), len(whole) - 1
        self._preamble, self._head, self._tail = whole[:4], whole[12:begin], whole[end:]
        if self(message) != whole:
            raise MismatchError("a serialised cloud does not end with its data and is_dense")

    def __call__(self, message: PointCloud2) -> bytes:
        """Return a cloud with other data and another stamp, serialised."""
        stamp = struct.pack("<iI", message.header.stamp.sec, message.header.stamp.nanosec)
        data = memoryview(message.data)
        return b"".join((self._preamble, stamp, self._head, data, self._tail))


class Sender:
    """Publishes clouds, and waits until all who listen have told of each."""

    def __init__(self) -> None:
        self._node = rclpy.create_node("sender")
        self.publisher = self._node.create_publisher(PointCloud2, "cloud", _QOS)
        self._told: dict[int, dict[str, int]] = defaultdict(dict)
        self._node.create_subscription(Header, "arrived", self._on_told, _ECHO_QOS)
        self._number, self._listeners = _GREETING, 0

    def wait_for(self, count: int) -> None:
        """Greet until so many listen, and are heard.

        Raises:
            DepthError: they do not.
        """
        self._listeners = count
        for _ in range(round(_START_TIMEOUT_S / _GREET_EVERY_S)):
            self.publisher.publish(PointCloud2())
            if self._all_told(_GREETING, _GREET_EVERY_S):
                return
        raise DepthError(f"{len(self._told[_GREETING])} listeners are there, expected {count}")

    def send(self, message: PointCloud2, way: Way) -> Sent:
        """Send a message until every listener has told of it.

        Raises:
            DepthError: one never does.
        """
        for lost in range(_TRIES):
            self._number += 1
            message.header.stamp.sec = self._number
            begin_ns = time.monotonic_ns()
            self.publisher.publish(way(message))
            call_ms = (time.monotonic_ns() - begin_ns) / 1e6
            if self._all_told(self._number, _LOST_AFTER_S):
                return Sent(begin_ns, call_ms, [*self._told.pop(self._number).values()], lost)
        raise DepthError(
            f"a cloud was sent {_TRIES} times, expected {self._listeners} listeners to tell of it"
        )

    def _on_told(self, told: Header) -> None:
        listener, number = told.frame_id.split()
        self._told[told.stamp.sec][listener] = int(number)

    def _all_told(self, number: int, seconds: float) -> bool:
        """Wait so long for all to tell of a message; return whether they did."""
        told, until_s = self._told[number], time.monotonic() + seconds
        while len(told) < self._listeners:
            if time.monotonic() > until_s:
                return False
            rclpy.spin_once(self._node, timeout_sec=0.05)
        return True


def itself(message: PointCloud2) -> PointCloud2:
    """Return a message, which rclpy serialises."""
    return message


def publish(setup: Setup, repeats: int, strides: list[int]) -> list[Result]:
    """Send every cloud in every way, all ways in turn, to listeners that are there.

    Raises:
        MismatchError: what arrived is not what was sent.
        DepthError: a listener says nothing.
    """
    sender = Sender()
    sender.wait_for(setup.listeners)
    layouts = [(stride, organised) for stride in strides for organised in (True, False)]
    return [each for layout in layouts for each in _sent(sender, setup, repeats, *layout)]


def _sent(sender: Sender, setup: Setup, repeats: int, stride: int, organised: bool) -> list[Result]:
    message = cloud(stride, organised)
    ways: dict[str, Way] = {"message": itself, "bytes": Serialised(message)}
    for way in ways.values():
        _check(sender, message, way)
    rounds = [[sender.send(message, way) for way in ways.values()] for _ in range(repeats)]
    facts = (setup, label(stride, organised), len(message.data))
    return [
        Result(*facts, name, *_summary(sent))
        for name, sent in zip(ways, zip(*rounds, strict=True), strict=True)
    ]


def _summary(sent: Sequence[Sent]) -> tuple[Spread, Spread, int]:
    call_ms = Spread.of(np.array([each.call_ms for each in sent]))
    last_ms = Spread.of(np.array([each.last_ms for each in sent]))
    return call_ms, last_ms, sum(each.lost for each in sent)


def _check(sender: Sender, message: PointCloud2, way: Way) -> None:
    message.header.stamp.nanosec = _CHECKED
    told = sender.send(message, way).told
    message.header.stamp.nanosec = 0
    if set(told) != {zlib.crc32(message.data)}:
        raise MismatchError("a listener received another cloud than was sent")


# --- all of it


def run(setup: Setup, repeats: int, strides: list[int]) -> list[Result]:
    """Run a publisher and its listeners.

    Raises:
        DepthError: the publisher failed, and said why.
    """
    environment = {**live.environment(), "RMW_FASTRTPS_PUBLICATION_MODE": setup.mode}
    keeping = {**environment, **KEEPING} if setup.keeping else environment
    role = [sys.executable, "-m", "benchmarks.wire", "--role"]
    heard = [subprocess.Popen([*role, "listener"], env=keeping) for _ in range(setup.listeners)]
    publisher = [*role, "publisher", "--strides", *map(str, strides), "--repeats", str(repeats)]
    publisher += ["--listeners", str(setup.listeners)]
    try:
        done = subprocess.run(publisher, env=environment, stdout=subprocess.PIPE, check=False)
    finally:
        for process in heard:
            process.send_signal(signal.SIGINT)
        for process in heard:
            process.wait(_STOP_TIMEOUT_S)
    if done.returncode:
        raise DepthError(f"{setup.text()}: the publisher ended with {done.returncode}")
    return [
        Result(setup, name, size, way, Spread(*call_ms), Spread(*last_ms), lost)
        for _, name, size, way, call_ms, last_ms, lost in json.loads(done.stdout)
    ]


def table(results: list[Result]) -> str:
    """Return results to read, below their setups."""
    lines = [
        f"{'cloud':<22}{'bytes':>9}  {'given':<9}{'publish(), ms':>20}{'until the last, ms':>22}"
        f"{'lost':>6}"
    ]
    for setup in dict.fromkeys(each.setup for each in results):
        lines += ["", setup.text()]
        lines += [
            f"{each.cloud:<22}{each.size:>9}  {each.way:<9}"
            f"{_text(each.call_ms):>20}{_text(each.last_ms):>22}{each.lost:>6}"
            for each in results
            if each.setup == setup
        ]
    return "\n".join(lines)


def _text(spread: Spread) -> str:
    return f"{spread.median:.2f} [{spread.low:.2f}, {spread.high:.2f}]"


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Compare what arrives, measure and report."""
    options = _parser().parse_args(arguments)
    if options.role == "listener":
        listen()
        return 0
    if options.role == "publisher":
        _publish(options)
        return 0
    results = [
        each
        for mode, keeping in SETUPS
        for listeners in options.listeners
        for each in run(Setup(mode, keeping, listeners), options.repeats, options.strides)
    ]
    facts = machine.describe(torch.device("cpu"))
    print(f"{facts['cpu']}, {facts['cores']} cores, load {facts['load']}\n\n{table(results)}\n")
    content = {"machine": facts, "runs": [result._asdict() for result in results]}
    machine.save(content, options.out)
    print(f"numbers: {options.out}")
    return 0


def _publish(options: argparse.Namespace) -> None:
    """Be the publisher, with the node's heap, and print what it measured."""
    heap.use_one_arena()
    heap.keep_freed_memory()
    rclpy.init(args=[])
    setup = Setup("", False, *options.listeners)  # those who started it know
    print(json.dumps(publish(setup, options.repeats, options.strides)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument("--listeners", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--strides", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("out/bench/wire.json"))
    parser.add_argument("--role", choices=("publisher", "listener"), help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
