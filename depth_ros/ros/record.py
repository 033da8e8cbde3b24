"""Record topics over DDS into a bag: serialised messages, as they arrive.

`depth_ros record` starts it as a separate process: python -m depth_ros.ros.record JSON, the fields
of Recording; with --ros-args for remaps.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosbags.interfaces import Qos, QosReliability

from depth_ros.bag.splits import SplitBag
from depth_ros.bag.types import LATCHED, RELIABLE, TYPESTORE, Topic, standard
from depth_ros.errors import BagSettingError, DepthError, SettingError
from depth_ros.ros import qos
from depth_ros.ros.message_class import message_class

_LOOK_S = 0.2  # period of the search for new topics
_DEPTH = 100
_FILE_S = 60.0  # length of a file: the most that a power cut loses
_DRAIN_S = 2.0  # maximum, if messages arrive faster than they are written


@dataclass(frozen=True)
class Recording:
    """What to record.

    Attributes:
        out: folder of the bag, which must not exist.
        topics: those to record, whenever they appear; empty: all but hidden ones.
        seconds: length; 0: until interrupted.
    """

    out: str
    topics: tuple[str, ...] = ()
    seconds: float = 0.0


class Recorder(Node):
    """Writes every message of the topics into a bag, stamped with its arrival time.

    The bag keeps the offered QoS, so that playback offers the same.

    Attributes:
        wanted: full names of the topics to record; empty: all.
        seen: those of the topics to record that had a publisher.
        counts: recorded messages, by topic.
    """

    def __init__(self, recording: Recording, bag: SplitBag) -> None:
        super().__init__("recorder")
        self.counts: Counter[str] = Counter()
        self.wanted = {self.resolve_topic_name(topic) for topic in recording.topics}
        self.seen: set[str] = set()
        self._seconds, self._bag = recording.seconds, bag
        self._stopped = False

    def run(self) -> None:
        """Record until the time is over or stop() is called, then write the waiting messages.

        Raises:
            OSError: the bag cannot be written; its last file is lost.
        """
        look_s, file_s = time.monotonic(), time.monotonic() + _FILE_S
        until_s = time.monotonic() + (self._seconds or math.inf)
        while not self._stopped and (now_s := time.monotonic()) < until_s:
            if now_s >= look_s:
                self._look()
                look_s = now_s + _LOOK_S
            if now_s >= file_s:
                self._bag.finish({})
                file_s = now_s + _FILE_S
            rclpy.spin_once(self, timeout_sec=_LOOK_S / 4)
        self._drain()
        self._bag.finish({})

    def stop(self) -> None:
        """End run() between two messages; a signal handler may call it."""
        self._stopped = True

    def _drain(self) -> None:
        until_s, before = time.monotonic() + _DRAIN_S, -1
        while before < self.counts.total() and time.monotonic() < until_s:
            before = self.counts.total()
            rclpy.spin_once(self, timeout_sec=0.01)

    def _look(self) -> None:
        """Subscribe to new topics; a name with a part that starts with _ is hidden."""
        for topic, kinds in self.get_topic_names_and_types():
            wanted = topic in self.wanted if self.wanted else "/_" not in topic
            offers = self.get_publishers_info_by_topic(topic) if wanted else []
            if offers and topic not in self.seen:
                self.seen.add(topic)
                self._listen(topic, kinds[0], offers)

    def _listen(self, topic: str, kind: str, offers: list[TopicEndpointInfo]) -> None:
        cls = message_class(kind)
        if cls is None or kind not in TYPESTORE.types:
            self.get_logger().warning(f"{topic} is not recorded: {kind} is not known")
            return
        offered = dict.fromkeys(_recorded(offer.qos_profile) for offer in offers)
        keep = partial(self._keep, standard(topic, kind, *offered))
        self.create_subscription(cls, topic, keep, _matching(offers), raw=True)

    def _keep(self, topic: Topic, data: bytes) -> None:
        self._bag.write(topic, time.time_ns(), data)
        self.counts[topic.name] += 1


def _matching(offers: Iterable[TopicEndpointInfo]) -> QoSProfile:
    """Return the strictest QoS that matches every publisher: what all of them offer."""
    profiles = [offer.qos_profile for offer in offers]
    reliable = all(p.reliability is ReliabilityPolicy.RELIABLE for p in profiles)
    latched = all(p.durability is DurabilityPolicy.TRANSIENT_LOCAL for p in profiles)
    return qos.profile(_DEPTH, reliable, latched)


def _recorded(profile: QoSProfile) -> Qos:
    """Return a publisher's QoS as stored in bags."""
    latched = profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
    reliable = profile.reliability is ReliabilityPolicy.RELIABLE
    offered = (LATCHED if latched else RELIABLE)._replace(depth=max(1, profile.depth))
    return offered if reliable else offered._replace(reliability=QosReliability.BEST_EFFORT)


def main(arguments: list[str] | None = None) -> int:
    """Record until the time is over or an interrupt.

    Returns:
        The exit code: 1 if the bag cannot be written, or no message arrived; 2 if it exists.
    """
    options, *ros_arguments = sys.argv[1:] if arguments is None else arguments
    recording = Recording(**json.loads(options))
    rclpy.init(args=ros_arguments, signal_handler_options=SignalHandlerOptions.NO)
    try:
        return 0 if _record(recording) else 1
    except (DepthError, OSError) as error:
        print(f"depth_ros: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1
    finally:
        rclpy.try_shutdown()


def _record(recording: Recording) -> bool:
    """Record, print what was recorded, and return whether anything was."""
    path = Path(recording.out)
    if path.exists():
        raise BagSettingError(f"{path} already exists, expected a new folder")
    recorder = Recorder(recording, SplitBag(path))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: recorder.stop())
    try:
        recorder.run()
    finally:
        recorder.destroy_node()
    print(_summary(recording.out, recorder.counts))
    for line in _missed(recorder):
        print(f"depth_ros: {line}", file=sys.stderr)
    return bool(recorder.counts)


def _missed(recorder: Recorder) -> Iterator[str]:
    """Yield a line for each kind of topic that should have been recorded but was not."""
    if unseen := sorted(recorder.wanted - recorder.seen):
        yield f"warning: no publisher was seen on {', '.join(unseen)}"
    if silent := sorted((recorder.wanted & recorder.seen) - recorder.counts.keys()):
        yield f"warning: no message came on {', '.join(silent)}"
    if not recorder.counts:
        yield "nothing was recorded, expected publishers in the same ROS_DOMAIN_ID"


def _summary(out: str, counts: Counter[str]) -> str:
    rows = [f"  {count:7d}  {topic}" for topic, count in sorted(counts.items())]
    return "\n".join([f"{out}: {counts.total()} messages", *rows])


if __name__ == "__main__":
    sys.exit(main())
