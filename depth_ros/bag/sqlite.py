"""Read a sqlite3 bag as far as possible."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from depth_ros.bag.file_reader import BagFile, Channel, qos_from
from depth_ros.bag.span import Message
from depth_ros.bag.types import Definition
from depth_ros.errors import BagError

MAGIC = b"SQLite format 3\0"


class SqliteFile(BagFile):
    """A sqlite3 file; if its indexes are damaged, it is read in the order of its pages.

    Raises:
        BagError: it has no topics.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._database = _connect(path)
        try:
            definitions = self._definitions()
            for row in self._rows("SELECT * FROM topics"):
                self.channels[row["id"]] = _channel(row, definitions)
        except Exception as error:  # errors of SQLite and of damaged text
            self.close()
            raise BagError(f"it has no topics: {error}") from error
        self._whole = self._sum_up()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def messages(self, channels: Collection[int], start_ns: int, stop_ns: int) -> Iterator[Message]:
        """Yield the messages of channels in time order, up to the first unreadable one."""
        last_ns = 0
        how, order = ("", "timestamp, id") if self._whole else ("NOT INDEXED", "id")
        wanted = ", ".join("?" * len(channels))
        try:
            for message in self._database.execute(
                f"SELECT topic_id, timestamp, data FROM messages {how} WHERE timestamp >= ? "
                f"AND timestamp < ? AND topic_id IN ({wanted}) ORDER BY {order}",
                (start_ns, stop_ns, *channels),
            ):
                last_ns = message[1]
                if isinstance(message[2], bytes):
                    yield Message(*message)
        except Exception as error:  # as above
            self._note(last_ns, error)

    def _definitions(self) -> dict[str, Definition]:
        """Return the type definitions by name; older bags have none."""
        try:
            return {
                row["topic_type"]: Definition(row["encoded_message_definition"], row["encoding"])
                for row in self._rows("SELECT * FROM message_definitions")
            }
        except Exception:  # as above
            return {}

    def _sum_up(self) -> bool:
        """Count the readable messages; return whether all could be read."""
        try:
            sums = self._database.execute(
                "SELECT topic_id, COUNT(*), MIN(timestamp), MAX(timestamp) FROM messages "
                "GROUP BY topic_id"
            ).fetchall()
        except Exception:  # as above
            self._count_by_pages()
            return False
        self.counts.update({key: count for key, count, _, _ in sums})
        if sums:
            self.times_ns = min(each[2] for each in sums), max(each[3] for each in sums)
        return True

    def _count_by_pages(self) -> None:
        last_ns = 0
        try:
            for key, last_ns in self._database.execute(
                "SELECT topic_id, timestamp FROM messages NOT INDEXED ORDER BY id"
            ):
                self.count(key, last_ns)
        except Exception as error:  # as above
            self._note(last_ns, error)

    def _rows(self, query: str) -> Iterator[dict[str, Any]]:
        cursor = self._database.execute(query)
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor)

    def _note(self, last_ns: int, error: Exception) -> None:
        self.note(f"after bag time {last_ns} ns", error)


def _connect(path: Path) -> sqlite3.Connection:
    # The write-ahead log of a recorder that died contains messages that are not in the file yet.
    log = path.with_name(f"{path.name}-wal")
    how = "mode=ro" if log.is_file() and log.stat().st_size else "immutable=1"
    uri = f"{path.absolute().as_uri()}?{how}"
    database = sqlite3.connect(uri, uri=True, check_same_thread=False)
    # Otherwise SQLite refuses a truncated file.
    database.execute("PRAGMA writable_schema=ON")
    database.text_factory = lambda text: text.decode(errors="replace")
    return database


def _channel(row: dict[str, Any], definitions: dict[str, Definition]) -> Channel:
    definition = definitions.get(row["type"], Definition())
    digest = row.get("type_description_hash") or ""  # none before Jazzy
    qos = qos_from(row.get("offered_qos_profiles") or "")  # none before Foxy
    definition = definition._replace(digest=digest)
    return Channel(row["name"], row["type"], row["serialization_format"], definition, qos)
