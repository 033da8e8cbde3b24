"""Read bags, ROS 2 or ROS 1, alone or merged by time, as far as they are whole."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rosbags.interfaces import ConnectionExtRosbag1, Qos
from rosbags.rosbag1 import Reader as Ros1Reader
from rosbags.rosbag2.reader import DirectoryReader, Reader

from depth_ros.bag.mcap import PatientMcap
from depth_ros.bag.ros1 import PatientRos1, Ros1Types
from depth_ros.bag.sqlite import PatientSqlite
from depth_ros.bag.types import LATCHED, TYPESTORE, Topic, definition
from depth_ros.errors import BagError

_STORAGES = (".mcap", ".db3")


class Record(NamedTuple):
    """One message of a bag, still serialised."""

    topic: str
    kind: str
    time_ns: int
    data: bytes


class Recording:
    """One or several bags, read as one in time order. A context manager.

    Each is a rosbag2 folder (split or compressed by files or messages too), a single .mcap or .db3
    file, or a ROS 1 .bag, whose messages become those of ROS 2. A folder without a readable
    metadata.yaml, as a recorder leaves it that did not end well, is read by its files.

    Attributes:
        topics: what the bags say of each topic.
        counts: messages of each topic.
        start_ns, end_ns: bag time of the first and last message.
        unknown: topics whose messages cannot be carried over: nothing defines their type.

    Raises:
        BagError: there is no readable bag at a path.
    """

    def __init__(self, *paths: Path) -> None:
        self._damage: dict[str, None] = {}
        self._sources = [source for path in paths for source in self._open(path)]
        self.topics: dict[str, Topic] = {}
        self.counts: dict[str, int] = {}
        self.unknown: list[str] = []
        for source in self._sources:
            self._enter_topics(source)
        times = [source.times_ns for source in self._sources if source.times_ns is not None]
        self.start_ns = min((first for first, _ in times), default=0)
        self.end_ns = max((last for _, last in times), default=0)

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for source in self._sources:
            source.close()

    @property
    def damage(self) -> list[str]:
        """What could not be read so far, and where."""
        found = [text for source in self._sources for text in source.damage()]
        return list(dict.fromkeys([*self._damage, *found]))

    def records(
        self, topics: Collection[str] = (), start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[Record]:
        """Yield messages in time order: of some topics, from a bag time on, before another."""
        sources = (self._read(each, topics, start_ns, stop_ns) for each in self._sources)
        return heapq.merge(*sources, key=lambda record: record.time_ns)

    def _read(
        self, source: _Source, topics: Collection[str], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[Record]:
        """Yield the records of one source up to where it is damaged beyond its own repair."""
        last_ns = self.start_ns
        try:
            for record in source.records(topics, start_ns, stop_ns):
                last_ns = record.time_ns
                yield record
        except Exception as error:  # whatever a parser makes of damaged bytes
            after_s = (last_ns - self.start_ns) / 1e9
            self._damage[f"{source.name}: after {after_s:.3f} s: {error}"] = None

    def _enter_topics(self, source: _Source) -> None:
        for name, topic in source.topics().items():
            if topic is None:
                self.unknown.append(name)
                continue
            known = self.topics.setdefault(name, topic)
            if known.kind != topic.kind:
                raise BagError(f"{name} is {known.kind} and {topic.kind}, expected one type")
        for name, count in source.counts().items():
            self.counts[name] = self.counts.get(name, 0) + count

    def _open(self, path: Path) -> list[_Source]:
        """Return what there is at a path; a folder whose description is lost is several files."""
        if not path.exists():
            raise BagError(f"{path} cannot be read: it does not exist")
        try:
            return [_source(path)]
        except Exception as error:  # rosbags', apsw's and yaml's, and what they do not catch
            files = sorted(each for each in _files(path) if each.suffix in _STORAGES)
            if not files:
                raise BagError(f"{path} cannot be read: {error}") from error
            self._damage[f"{path.name}: metadata.yaml: {error}"] = None
        return [source for file in files for source in self._open(file)]


def _files(path: Path) -> Iterator[Path]:
    return path.iterdir() if path.is_dir() else iter(())


def _source(path: Path) -> _Source:
    if path.suffix == ".bag" and path.is_file():
        return _Ros1(path)
    return _Ros2(path)


class _Folder(DirectoryReader):
    STORAGE_PLUGINS: Mapping[str, Any] = {"mcap": PatientMcap, "sqlite3": PatientSqlite}


class _AnyRos2(Reader):
    STORAGE_PLUGINS: Mapping[str, Any] = {
        "dir": _Folder,
        ".mcap": PatientMcap,
        ".db3": PatientSqlite,
    }


class _Source:
    """One bag."""

    def __init__(self, path: Path, reader: Reader | Ros1Reader) -> None:
        self.name = path.name
        self._reader = reader
        reader.open()

    def close(self) -> None:
        self._reader.close()

    @property
    def times_ns(self) -> tuple[int, int] | None:
        """Bag time of the first and last message; None where there is none."""
        reader = self._reader
        return (reader.start_time, reader.end_time - 1) if reader.message_count else None

    def topics(self) -> dict[str, Topic | None]:
        """Return what there is to know of each topic; None where nothing defines its type."""
        found: dict[str, Topic | None] = {}
        for connection in self._reader.connections:
            topic = self._topic(connection)
            known = found.setdefault(connection.topic, topic)
            if known and topic and topic.kind == known.kind:
                qos = dict.fromkeys([*known.qos, *topic.qos])
                found[connection.topic] = known._replace(qos=tuple(qos))
        return found

    def counts(self) -> dict[str, int]:
        """Return how many messages each topic has, as far as the bag says it."""
        counts: dict[str, int] = {}
        for connection in self._reader.connections:
            counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
        return counts

    def records(
        self, topics: Collection[str], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[Record]:
        """Yield the messages of some topics, or of all, in time order."""
        chosen = [c for c in self._reader.connections if not topics or c.topic in topics]
        if not chosen:  # rosbags takes none for all
            return
        for connection, time_ns, data in self._reader.messages(chosen, start_ns, stop_ns):
            yield Record(
                connection.topic, self._kind(connection), time_ns, self._cdr(connection, data)
            )

    def damage(self) -> Sequence[str]:
        """Return what could not be read so far."""
        raise NotImplementedError

    def _kind(self, connection: Any) -> str:
        return str(connection.msgtype)

    def _cdr(self, connection: Any, data: bytes) -> bytes:
        return bytes(data)

    def _topic(self, connection: Any) -> Topic | None:
        raise NotImplementedError


class _Ros2(_Source):
    def __init__(self, path: Path) -> None:
        self._any = _AnyRos2(path)
        super().__init__(path, self._any)

    def damage(self) -> list[str]:
        storage = self._any.storage
        parts = storage.storages if isinstance(storage, _Folder) else [storage]
        return [text for part in parts for text in getattr(part, "damage", ())]

    def _topic(self, connection: Any) -> Topic | None:
        found = definition(connection.msgtype, connection.msgdef, connection.digest)
        qos: tuple[Qos, ...] = tuple(connection.ext.offered_qos_profiles)
        return Topic(connection.topic, connection.msgtype, *found, qos) if found else None


class _Ros1(_Source):
    def __init__(self, path: Path) -> None:
        self._ros1 = PatientRos1(path)
        super().__init__(path, self._ros1)
        self._types = Ros1Types(self._ros1.connections)

    def damage(self) -> Sequence[str]:
        return list(self._ros1.damage)

    def _kind(self, connection: Any) -> str:
        return self._types.kind(connection.msgtype)

    def _cdr(self, connection: Any, data: bytes) -> bytes:
        return self._types.cdr(connection.msgtype, data)

    def _topic(self, connection: Any) -> Topic:
        assert isinstance(connection.ext, ConnectionExtRosbag1)
        qos = (LATCHED,) if connection.ext.latching else ()
        kind = self._types.kind(connection.msgtype)
        return Topic(connection.topic, kind, *self._types.definition(kind), qos)


def records(path: Path, topics: tuple[str, ...] = ()) -> Iterator[Record]:
    """Yield a bag's messages in time order; those of some topics when any are named.

    Raises:
        BagError: there is no readable bag at the path, a named topic is not in it, or, after what
            can be read, it is damaged.
    """
    with Recording(path) as recording:
        present = {*recording.topics, *recording.unknown}
        if missing := set(topics) - present:
            raise BagError(f"{path} has no topic {sorted(missing)}, it has {sorted(present)}")
        yield from recording.records(topics)
        if recording.damage:
            raise BagError(f"{path} is damaged: {'; '.join(recording.damage)}")


def messages(path: Path, *topics: str) -> Iterator[tuple[str, Any]]:
    """Yield (topic, message) of some topics of a bag, in time order.

    Raises:
        BagError: as records().
    """
    for record in records(path, topics):
        yield record.topic, TYPESTORE.deserialize_cdr(record.data, record.kind)
