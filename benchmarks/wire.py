"""Measure the transport of a cloud from Python to its subscribers, by size and way of sending.

Run as python -m benchmarks.wire. Publisher and listeners are separate processes; a message is sent
after all have acknowledged the one before. A message without acknowledgement is counted as lost,
and sent again.
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
"""The share of pixels with a point in dense clouds here; edges and far pixels have none."""
KEEPING = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
"""With this environment a process keeps freed memory, as the node does by default."""
_QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
_ECHO_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
_START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 60.0
_LOST_AFTER_S = 10.0
_GREET_EVERY_S = 0.5
_TRIES = 10
Way = Callable[[PointCloud2], Any]
_CHECKED = 1  # nanoseconds of a stamp: the message is to be compared
_GREETING = 0  # seconds of a stamp: only to discover listeners


SETUPS = [("SYNCHRONOUS", False), ("SYNCHRONOUS", True), ("ASYNCHRONOUS", True)]
"""Modes of Fast DDS, and whether listeners keep freed memory; the first is the default."""


class Setup(NamedTuple):
    """The setup, shared by all clouds.

    Attributes:
        mode: of Fast DDS: publish() writes a message into shared memory, or a thread of the
            library does so asynchronously.
        keeping: whether listeners keep freed memory.
        listeners: number of listener processes.
    """

    mode: str
    keeping: bool
    listeners: int

    def text(self) -> str:
        """Return the setup as text."""
        heap = "that keep their memory" if self.keeping else "as they come"
        return f"{self.mode.lower()}, listeners {heap}: {self.listeners}"


class Result(NamedTuple):
    """Results of one way to send one cloud: median and quartiles over its messages.

    Attributes:
        setup: the setup.
        cloud: the layout.
        size: bytes of its data.
        way: the argument of publish().
        call_ms: time of publish(), including the creation of its argument.
        last_ms: from the start until the last listener's Python has the bytes.
        lost: number of messages that a listener did not acknowledge and that were sent again.
    """

    setup: Setup
    cloud: str
    size: int
    way: str
    call_ms: Spread
    last_ms: Spread
    lost: int


class Sent(NamedTuple):
    """A message that all listeners acknowledged.

    Attributes:
        begin_ns: when the creation of the message began, by the steady clock.
        call_ms: duration of that and of publish().
        replies: for each listener when it had the bytes, or their checksum if requested.
        lost: number of earlier attempts.
    """

    begin_ns: int
    call_ms: float
    replies: list[int]
    lost: int

    @property
    def last_ms(self) -> float:
        """The time from the start until the last listener had the bytes."""
        return (max(self.replies) - self.begin_ns) / 1e6


def cloud(stride: int, organised: bool) -> PointCloud2:
    """Return a random cloud, as large as one of a 640x480 image."""
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
    """Return a description of a cloud's layout."""
    return f"{'organised' if organised else 'dense'}, stride {stride}"


# --- a listener's process


def listen() -> None:
    """Acknowledge every cloud with its arrival time, or with its checksum if requested."""
    rclpy.init(args=[])
    node = rclpy.create_node(f"listener_{os.getpid()}")
    echo = node.create_publisher(Header, "arrived", _ECHO_QOS)

    def note(data: bytes) -> None:
        echo.publish(reply_to(node.get_name(), data))

    node.create_subscription(PointCloud2, "cloud", note, _QOS, raw=True)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


def reply_to(name: str, data: bytes) -> Header:
    """Return the reply to a serialised cloud: its stamp, the listener and a number."""
    number = time.monotonic_ns()
    reply = Header()
    # Little-endian CDR: four bytes of preamble, then the stamp.
    reply.stamp.sec, reply.stamp.nanosec = (
        int.from_bytes(data[at : at + 4], "little") for at in (4, 8)
    )
    if reply.stamp.nanosec == _CHECKED:
        number = zlib.crc32(deserialize_message(data, PointCloud2).data)
    reply.frame_id = f"{name} {number}"
    return reply


# --- the publisher's process


class Serialised:
    """Serialises a cloud with a single copy of its data: the fastest possible way.

    Raises:
        MismatchError: the result differs from rclpy's.
    """

    def __init__(self, message: PointCloud2) -> None:
        whole = bytes(serialize_message(message))
        # Four bytes of preamble and the stamp come first, the data and is_dense last.
        begin, end = len(whole) - 1 - len(message.data), len(whole) - 1
        self._preamble, self._head, self._tail = whole[:4], whole[12:begin], whole[end:]
        if self(message) != whole:
            raise MismatchError("a serialised cloud does not end with its data and is_dense")

    def __call__(self, message: PointCloud2) -> bytes:
        """Return a serialised cloud with new data and stamp."""
        stamp = struct.pack("<iI", message.header.stamp.sec, message.header.stamp.nanosec)
        data = memoryview(message.data)
        return b"".join((self._preamble, stamp, self._head, data, self._tail))


class Sender:
    """Publishes clouds, and waits until all listeners have acknowledged each."""

    def __init__(self) -> None:
        self._node = rclpy.create_node("sender")
        self.publisher = self._node.create_publisher(PointCloud2, "cloud", _QOS)
        self._replies: dict[int, dict[str, int]] = defaultdict(dict)
        self._node.create_subscription(Header, "arrived", self._on_reply, _ECHO_QOS)
        self._number, self._listeners = _GREETING, 0

    def wait_for(self, count: int) -> None:
        """Send greetings until the given number of listeners reply.

        Raises:
            DepthError: they do not.
        """
        self._listeners = count
        for _ in range(round(_START_TIMEOUT_S / _GREET_EVERY_S)):
            self.publisher.publish(PointCloud2())
            if self._all_replied(_GREETING, _GREET_EVERY_S):
                return
        raise DepthError(f"{len(self._replies[_GREETING])} listeners are there, expected {count}")

    def send(self, message: PointCloud2, way: Way) -> Sent:
        """Send a message until every listener has acknowledged it.

        Raises:
            DepthError: one never does.
        """
        for lost in range(_TRIES):
            self._number += 1
            message.header.stamp.sec = self._number
            begin_ns = time.monotonic_ns()
            self.publisher.publish(way(message))
            call_ms = (time.monotonic_ns() - begin_ns) / 1e6
            if self._all_replied(self._number, _LOST_AFTER_S):
                return Sent(begin_ns, call_ms, [*self._replies.pop(self._number).values()], lost)
        raise DepthError(
            f"a cloud was sent {_TRIES} times, expected {self._listeners} acknowledgements"
        )

    def _on_reply(self, reply: Header) -> None:
        listener, number = reply.frame_id.split()
        self._replies[reply.stamp.sec][listener] = int(number)

    def _all_replied(self, number: int, seconds: float) -> bool:
        """Wait for all acknowledgements of a message, with a timeout; return whether they came."""
        replies, until_s = self._replies[number], time.monotonic() + seconds
        while len(replies) < self._listeners:
            if time.monotonic() > until_s:
                return False
            rclpy.spin_once(self._node, timeout_sec=0.05)
        return True


def itself(message: PointCloud2) -> PointCloud2:
    """Return a message that rclpy serialises."""
    return message


def publish(setup: Setup, repeats: int, strides: list[int]) -> list[Result]:
    """Send every cloud in every way, in turn, to the listeners.

    Raises:
        MismatchError: received data differ from those sent.
        DepthError: a listener does not reply.
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
    replies = sender.send(message, way).replies
    message.header.stamp.nanosec = 0
    if set(replies) != {zlib.crc32(message.data)}:
        raise MismatchError("a listener received another cloud than was sent")


# --- all of it


def run(setup: Setup, repeats: int, strides: list[int]) -> list[Result]:
    """Run a publisher and its listeners.

    Raises:
        DepthError: the publisher failed; the message contains its error.
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
    """Return results as text, grouped by setup."""
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
    """Check received data, measure and report."""
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
