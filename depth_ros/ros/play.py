"""Play a bag over DDS: serialised messages, at the recorded rate.

`depth_ros play` starts it as a separate process: python -m depth_ros.ros.play JSON, the fields of
Play; with --ros-args for remaps.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rosbags.interfaces import Qos, QosDurability, QosReliability

from depth_ros.bag.reader import Record, Recording
from depth_ros.errors import BagError, BagSettingError, DepthError, SettingError
from depth_ros.ros import qos
from depth_ros.ros.message_class import message_class
from depth_ros.ros.pace import Pace

CLOCK = "/clock"
_DEPTH = 10
_DISCOVERY_S = 1.0


@dataclass(frozen=True)
class Play:
    """What to play, and how.

    Attributes:
        bag: a bag, of ROS 2 or 1.
        rate: 2 is twice the recorded speed.
        loop: start again at the end, until interrupted.
        clock_hz: rate of the bag's time on /clock, for use_sim_time; 0: no /clock.
        topics: those to play; empty: all.
        start_s: seconds to skip at the beginning, except on latched topics such as /tf_static.
        wait: begin when every topic has a subscriber; else after one second at the latest.
        wait_for: begin when these of the played topics have a subscriber, instead of every one.
    """

    bag: str
    rate: float = 1.0
    loop: bool = False
    clock_hz: float = 0.0
    topics: tuple[str, ...] = ()
    start_s: float = 0.0
    wait: bool = False
    wait_for: tuple[str, ...] = ()


def qos_profile(topic: str, offered: Iterable[Qos]) -> QoSProfile:
    """Return the QoS to offer for a topic: that of the recorded publishers, if known.

    It is reliable or latched (transient local) if one of them was. If no QoS was recorded, it is
    reliable, and latched for /tf_static.
    """
    offered = list(offered)
    reliable = not offered or any(o.reliability is not QosReliability.BEST_EFFORT for o in offered)
    latched = any(o.durability is QosDurability.TRANSIENT_LOCAL for o in offered)
    latched = latched or (not offered and topic == "/tf_static")
    return qos.profile(max([_DEPTH, *(o.depth for o in offered)]), reliable, latched)


class Player(Node):
    """Publishes a bag's messages without decoding them, and optionally the bag's time.

    Raises:
        BagError: the bag lacks a topic, has nothing to play, or ends before the start.
        SettingError: the time is to be published, but rosgraph_msgs is not installed.
    """

    def __init__(self, play: Play, bag: Recording) -> None:
        super().__init__("player")
        self._play, self._bag = play, bag
        if missing := {*play.topics, *play.wait_for} - bag.topics.keys():
            raise BagSettingError(
                f"{play.bag} has no topic {', '.join(sorted(missing))}, it has "
                f"{', '.join(sorted(bag.topics))}"
            )
        span_s = (bag.end_ns - bag.start_ns) / 1e9
        if play.start_s > span_s:
            raise BagSettingError(
                f"start is {play.start_s:g} s, expected at most the bag's {span_s:.3f} s"
            )
        self._clock = self._offer_clock() if play.clock_hz else None
        self._outputs: dict[str, Publisher[Any]] = {}
        for topic in play.topics or bag.topics:
            if not (self._clock and topic == CLOCK):
                self._offer(topic)
        if not self._outputs:
            raise BagError(
                f"{play.bag} has nothing to play, its topics are {', '.join(sorted(bag.topics))}"
            )

    def _offer(self, topic: str) -> None:
        kind, offered = self._bag.topics[topic].kind, self._bag.topics[topic].qos
        cls = message_class(kind)
        if cls is None:
            self.get_logger().warning(f"{topic} is not played: {kind} is not installed")
        else:
            self._outputs[topic] = self.create_publisher(cls, topic, qos_profile(topic, offered))

    def _offer_clock(self) -> Publisher[Any]:
        cls = message_class("rosgraph_msgs/msg/Clock")
        if cls is None:
            raise SettingError("--clock needs rosgraph_msgs, which is not installed")
        return self.create_publisher(cls, CLOCK, QoSProfile(depth=1))

    def run(self) -> None:
        """Play once, or until interrupted."""
        until_s = time.monotonic() + (
            math.inf if self._play.wait or self._play.wait_for else _DISCOVERY_S
        )
        while time.monotonic() < until_s and not self._all_are_heard():
            time.sleep(0.02)
        self._run_once()
        while self._play.loop:
            self._run_once()
        for output in self._outputs.values():
            output.wait_for_all_acked(Duration(seconds=_DISCOVERY_S))  # a subscriber may hang
        for topic, reason in self._bag.unknown.items():
            self.get_logger().warning(f"{topic} is not played: {reason}")
        for told in (*self._bag.notes, *self._bag.damage):
            self.get_logger().warning(told)

    def _all_are_heard(self) -> bool:
        awaited = self._outputs.keys() & {*self._play.wait_for} or self._outputs.keys()
        return all(self._outputs[topic].get_subscription_count() for topic in awaited)

    def _run_once(self) -> None:
        start_ns = self._bag.start_ns + round(self._play.start_s * 1e9)
        if latched := [topic for topic, output in self._outputs.items() if _is_latched(output)]:
            for record in self._bag.records(latched, stop_ns=start_ns):
                self._outputs[record.topic].publish(record.data)
        pace = Pace(start_ns, self._play.rate)
        self._next_tick_s = 0.0
        for record in self._bag.records(self._outputs, start_ns):
            self._wait(pace, record)
            self._outputs[record.topic].publish(record.data)

    def _wait(self, pace: Pace, record: Record) -> None:
        """Wait until a record is due, and publish the time meanwhile."""
        self._tick(pace)
        while (left_s := pace.left_s(record.time_ns)) > 0:
            if self._clock:
                left_s = min(left_s, max(0.0, self._next_tick_s - time.monotonic()))
            time.sleep(left_s)
            self._tick(pace)

    def _tick(self, pace: Pace) -> None:
        if self._clock is None or time.monotonic() < self._next_tick_s:
            return
        self._next_tick_s = time.monotonic() + 1 / self._play.clock_hz
        message = self._clock.msg_type()
        message.clock.sec, message.clock.nanosec = divmod(pace.now_ns(), 10**9)
        self._clock.publish(message)


def _is_latched(output: Publisher[Any]) -> bool:
    return bool(output.qos_profile.durability is DurabilityPolicy.TRANSIENT_LOCAL)


def main(arguments: list[str] | None = None) -> int:
    """Play one bag until its end or an interrupt; exit code as of a command."""
    options, *ros_arguments = sys.argv[1:] if arguments is None else arguments
    # With Python's own handlers an interrupt ends the playback, not ROS in the middle of a message.
    # They are set here because a process that a shell starts in the background ignores Ctrl-C.
    rclpy.init(args=ros_arguments, signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    play = Play(**json.loads(options))
    try:
        with Recording(Path(play.bag)) as bag:
            player = Player(play, bag)
            try:
                player.run()
            finally:
                player.destroy_node()
    except DepthError as error:
        print(f"depth_ros: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1
    except KeyboardInterrupt:
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
