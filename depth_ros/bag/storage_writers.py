"""Write one file of a rosbag2: mcap with zstd, or sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Protocol

from mcap.writer import Writer
from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import dump_qos_v8

from depth_ros.bag.types import Definition, Topic


class Storage(Protocol):
    """A new file of a bag, at a path; write errors raise OSError."""

    ENDING: ClassVar[str]
    path: Path

    def __init__(self, path: Path) -> None: ...

    def add(self, topic: Topic) -> None:
        """Add a topic."""

    def write(self, topic: str, time_ns: int, data: bytes | memoryview) -> None:
        """Write a message of a topic that was added."""

    def close(self) -> None:
        """Finish the file."""

    def abort(self) -> None:
        """Close the file without finishing it."""


class McapStorage:
    """An mcap file, its chunks compressed with zstd."""

    ENDING: ClassVar[str] = ".mcap"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb")
        self._writer = Writer(self._file)
        self._writer.start("ros2")
        self._schemas: dict[tuple[str, Definition], int] = {}
        self._channels: dict[str, int] = {}

    def add(self, topic: Topic) -> None:
        """Add a topic, with its type's definition unchanged."""
        kind, definition = topic.kind, topic.definition
        if (kind, definition) not in self._schemas:
            self._schemas[kind, definition] = self._writer.register_schema(
                kind, definition.encoding, definition.text.encode()
            )
        about = {
            "offered_qos_profiles": qos_text(topic.qos),
            "topic_type_hash": definition.digest,
        }
        schema = self._schemas[kind, definition]
        self._channels[topic.name] = self._writer.register_channel(topic.name, "cdr", schema, about)

    def write(self, topic: str, time_ns: int, data: bytes | memoryview) -> None:
        """Write a message of a topic that was added."""
        self._writer.add_message(self._channels[topic], time_ns, bytes(data), time_ns)

    def close(self) -> None:
        """Finish the file."""
        self._writer.finish()
        self._file.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._file.close()


class SqliteStorage:
    """A sqlite3 file of schema version 4, which Iron and later write and Humble reads."""

    ENDING: ClassVar[str] = ".db3"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ids: dict[str, int] = {}
        self._kinds: set[str] = set()
        with _as_os_error():
            self._database = sqlite3.connect(path)
            self._database.executescript(_SCHEMA)

    def add(self, topic: Topic) -> None:
        """Add a topic, with its type's definition unchanged."""
        definition = topic.definition
        self._ids[topic.name] = len(self._ids) + 1
        about = (topic.name, topic.kind, "cdr", qos_text(topic.qos), definition.digest)
        with _as_os_error():
            if topic.kind not in self._kinds and definition.text:
                self._database.execute(
                    "INSERT INTO message_definitions(topic_type, encoding, "
                    "encoded_message_definition, type_description_hash) VALUES(?, ?, ?, ?)",
                    (topic.kind, definition.encoding, definition.text, definition.digest),
                )
            self._kinds.add(topic.kind)
            row = (self._ids[topic.name], *about)
            self._database.execute("INSERT INTO topics VALUES(?, ?, ?, ?, ?, ?)", row)

    def write(self, topic: str, time_ns: int, data: bytes | memoryview) -> None:
        """Write a message of a topic that was added."""
        with _as_os_error():
            self._database.execute(
                "INSERT INTO messages(topic_id, timestamp, data) VALUES(?, ?, ?)",
                (self._ids[topic], time_ns, data),
            )

    def close(self) -> None:
        """Finish the file."""
        with _as_os_error():
            self._database.commit()
            self._database.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._database.close()


STORAGES: dict[str, type[McapStorage] | type[SqliteStorage]] = {
    "mcap": McapStorage,
    "sqlite3": SqliteStorage,
}

_SCHEMA = """
CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
CREATE TABLE metadata(
  id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, metadata TEXT NOT NULL);
CREATE TABLE topics(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
  serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL,
  type_description_hash TEXT NOT NULL);
CREATE TABLE message_definitions(
  id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL, encoding TEXT NOT NULL,
  encoded_message_definition TEXT NOT NULL, type_description_hash TEXT NOT NULL);
CREATE TABLE messages(
  id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL,
  data BLOB NOT NULL);
CREATE INDEX timestamp_idx ON messages(timestamp ASC);
INSERT INTO schema(schema_version, ros_distro) VALUES(4, 'rosbags');
"""


def qos_text(qos: Sequence[Qos]) -> str:
    """Return QoS profiles in the format of bags."""
    return dump_qos_v8(list(qos))


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Convert SQLite's errors, such as a full disk, to OSError."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
