"""Read a sqlite3 bag as far as it is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Generator
from contextlib import closing
from pathlib import Path

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
)
from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.metadata import parse_qos
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

_TOPICS = "SELECT id, name, type, serialization_format, offered_qos_profiles FROM topics"
_MESSAGES = "SELECT topic_id, timestamp, data FROM messages ORDER BY id"
_FORMATS = {"ros2msg": MessageDefinitionFormat.MSG, "ros2idl": MessageDefinitionFormat.IDL}
_NO_DEFINITION = MessageDefinition(MessageDefinitionFormat.NONE, "")


class PatientSqlite(Sqlite3Reader):
    """A reader that reports damage instead of ending at it.

    A database that cannot be read by its indexes is read in the order of its pages.

    Attributes:
        damage: what could not be read, and where, each once.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = path
        self._whole = True
        self.damage: dict[str, None] = {}

    def open(self) -> None:
        """Open the file."""
        try:
            super().open()
        except Exception as error:  # apsw has one type for each of SQLite's codes
            self._whole = False
            self._open_damaged(error)

    def close(self) -> None:
        """Close the file."""
        if self._whole:
            super().close()

    def messages(
        self,
        connections: Collection[Connection],
        start: int | None = None,
        stop: int | None = None,
    ) -> Generator[tuple[Connection, int, bytes], None, None]:
        """Yield messages in time order, up to the first that cannot be read."""
        last_ns = 0
        source = super().messages if self._whole else self._by_pages
        try:
            for message in source(connections, start, stop):
                last_ns = message[1]
                yield message
        except Exception as error:  # as in open()
            self._note(last_ns, error)

    def _open_damaged(self, error: Exception) -> None:
        """Find the topics; how many messages there are, and of what time, is not known."""
        try:
            with closing(self._connect()) as database:
                definitions = dict(self._definitions(database))
                for key, name, kind, encoding, qos in database.execute(_TOPICS):
                    ext = ConnectionExtRosbag2(encoding, parse_qos(qos))
                    about = (definitions.get(kind, _NO_DEFINITION), "", 0, ext, self)
                    self.connections.append(Connection(key, name, kind, *about))
                times = [t for _, t, _ in self._by_pages(self.connections, None, None, database)]
        except sqlite3.Error as worse:
            raise ReaderError(f"it is damaged from the start: {worse}") from error
        self._sum_up(times)

    def _sum_up(self, times_ns: list[int]) -> None:
        if not times_ns:
            return
        first_ns, last_ns = min(times_ns), max(times_ns)
        self.metadata = self.metadata._replace(
            duration=last_ns - first_ns + 1,
            start_time=first_ns,
            end_time=last_ns + 1,
            message_count=len(times_ns),
        )

    def _definitions(
        self, database: sqlite3.Connection
    ) -> Generator[tuple[str, MessageDefinition], None, None]:
        try:
            rows = database.execute(
                "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
            )
            for kind, encoding, text in rows:
                yield kind, MessageDefinition(_FORMATS[encoding], text)
        except (sqlite3.Error, KeyError):
            return  # older bags have none

    def _by_pages(
        self,
        connections: Collection[Connection],
        start: int | None,
        stop: int | None,
        database: sqlite3.Connection | None = None,
    ) -> Generator[tuple[Connection, int, bytes], None, None]:
        known = {connection.id: connection for connection in connections}
        last_ns = 0
        with closing(database or self._connect()) as opened:
            try:
                for topic, time_ns, data in opened.execute(_MESSAGES):
                    last_ns = time_ns
                    wanted = (start or 0) <= time_ns and (stop is None or time_ns < stop)
                    if topic in known and wanted:
                        yield known[topic], time_ns, data
            except sqlite3.Error as error:
                self._note(last_ns, error)

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(f"file:{self._file}?immutable=1", uri=True)
        # Else SQLite refuses a file that is shorter than its first page says.
        database.execute("PRAGMA writable_schema=ON")
        return database

    def _note(self, last_ns: int, error: Exception) -> None:
        self.damage[f"{self._file.name}: after bag time {last_ns} ns: {error}"] = None
