"""Read bags, ROS 2 or ROS 1, topic by topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.highlevel import AnyReader, AnyReaderError

from depth_ros.bag.writer import TYPESTORE
from depth_ros.errors import BagError


class Record(NamedTuple):
    """One message of a bag, still serialised."""

    topic: str
    kind: str
    time_ns: int
    data: bytes


def records(path: Path, topics: tuple[str, ...] = ()) -> Iterator[Record]:
    """Yield a bag's messages in time order; those of some topics when any are named.

    Raises:
        BagError: there is no readable bag at the path, or a named topic is not in it.
    """
    try:
        with AnyReader([path], default_typestore=TYPESTORE) as reader:
            present = {connection.topic for connection in reader.connections}
            if missing := set(topics) - present:
                raise BagError(f"{path} has no topic {sorted(missing)}, it has {sorted(present)}")
            chosen = [c for c in reader.connections if not topics or c.topic in topics]
            for connection, time_ns, data in reader.messages(chosen):
                yield Record(connection.topic, connection.msgtype, time_ns, bytes(data))
    except (AnyReaderError, FileNotFoundError) as error:
        raise BagError(f"{path} cannot be read: {error}") from error


def messages(path: Path, *topics: str) -> Iterator[tuple[str, Any]]:
    """Yield (topic, message) of some topics of a ROS 2 bag, in time order.

    Raises:
        BagError: as records().
    """
    for record in records(path, topics):
        yield record.topic, TYPESTORE.deserialize_cdr(record.data, record.kind)
