"""Read bags of ROS 2 or ROS 1, one or several merged by time, as far as possible."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from operator import attrgetter
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from depth_ros import yaml_file
from depth_ros.bag import unpack
from depth_ros.bag.file_reader import FOREVER_NS, BagFile, Channel
from depth_ros.bag.mcap import MAGIC as MCAP
from depth_ros.bag.mcap import McapFile
from depth_ros.bag.ros1 import MAGIC as ROS1
from depth_ros.bag.ros1 import Ros1File
from depth_ros.bag.ros1_types import Ros1Type
from depth_ros.bag.splits import noted_guess
from depth_ros.bag.sqlite import MAGIC as SQLITE
from depth_ros.bag.sqlite import SqliteFile
from depth_ros.bag.types import TYPESTORE, Topic, checked, full_name
from depth_ros.errors import BagError, BagSettingError, one_line

_FORMATS: dict[bytes, Callable[[Path], BagFile]] = {
    MCAP: McapFile,
    SQLITE: SqliteFile,
    ROS1: Ros1File,
}
_ZSTD = b"\x28\xb5\x2f\xfd"
_PACKED = ".zstd"
_ENDINGS = (".mcap", ".db3", f".mcap{_PACKED}", f".db3{_PACKED}")
_METADATA = "metadata.yaml"


class Record(NamedTuple):
    """One serialised message of a bag."""

    topic: str
    kind: str
    time_ns: int
    data: bytes

    def message(self) -> Any:
        """Return the message; a parser may raise anything on damaged bytes."""
        return TYPESTORE.deserialize_cdr(self.data, self.kind)


class Recording:
    """One or several bags, read as one in time order. A context manager.

    Each is a rosbag2 folder (also split, or compressed by file or message), a single .mcap or .db3
    file, or a ROS 1 .bag, whose messages are converted to ROS 2. Only file names and type hashes
    are read from a folder's metadata.yaml: some recorders write times and counts of one file only,
    or none. A folder without metadata.yaml, left by a recorder that crashed, is read from its
    files, as `ros2 bag reindex` does.

    Attributes:
        topics: description of each topic, by name.
        counts: number of messages of each topic.
        start_ns, end_ns: bag time of the first and last message.
        unknown: topics that cannot be read as ROS 2 messages, with the reason.
        notes: remarks on the bags that do not mean a loss of messages.

    Raises:
        BagError: there is no readable bag at a path.
    """

    def __init__(self, *paths: Path) -> None:
        self._damage: dict[str, None] = {}
        self.notes: list[str] = []
        self._sources = [source for path in paths for source in self._open(path)]
        self.topics: dict[str, Topic] = {}
        self.counts: Counter[str] = Counter()
        self.unknown: dict[str, str] = {}
        for source in self._sources:
            self._enter_topics(source)
        times = [source.times_ns for source in self._sources if source.times_ns is not None]
        self.start_ns = min((first for first, _ in times), default=0)
        self.end_ns = max((last for _, last in times), default=0)

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
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
        """Yield messages with start_ns <= bag time < stop_ns in time order; no topics: all."""
        wanted = self.topics.keys() & set(topics or self.topics)
        part = (start_ns or 0, FOREVER_NS if stop_ns is None else stop_ns)
        sources = (self._read(each, wanted, *part) for each in self._sources)
        for record in heapq.merge(*sources, key=attrgetter("time_ns")):
            if record.kind:
                yield record

    def _read(
        self, source: _Source, topics: Collection[str], start_ns: int, stop_ns: int
    ) -> Iterator[Record]:
        """Yield an empty record at the source's first time, then its records.

        It ends where damage makes further reading impossible.
        """
        if source.times_ns is None:
            return
        last_ns = source.times_ns[0]
        yield Record("", "", last_ns, b"")  # so the merge opens later files only when needed
        try:
            for record in source.records(topics, start_ns, stop_ns):
                last_ns = record.time_ns
                yield record
        except Exception as error:  # a parser may raise anything on damaged bytes
            after_s = (last_ns - self.start_ns) / 1e9
            self._damage[f"{source.name}: after {after_s:.3f} s: {one_line(error)}"] = None

    def _enter_topics(self, source: _Source) -> None:
        self.unknown.update(source.unknown)
        for name, topic in source.topics.items():
            known = self.topics.setdefault(name, topic)
            if known.kind != topic.kind:
                raise BagError(f"{name} is {known.kind} and {topic.kind}, expected one type")
            self.topics[name] = known.with_qos(topic.qos)
        self.counts.update(source.counts)

    def _open(self, path: Path) -> list[_Source]:
        """Return the files of the bag at a path."""
        try:
            if not path.exists():
                raise BagError("it does not exist")
            return self._open_folder(path) if path.is_dir() else [_Source(path)]
        except Exception as error:  # a parser may raise anything on damaged bytes
            raise BagError(f"{path} cannot be read: {one_line(error)}") from error

    def _open_folder(self, path: Path) -> list[_Source]:
        """Return the readable files of a folder; the others are recorded as damage."""
        present = {each.name for each in path.iterdir() if each.is_file()}
        # Compressed or not, or both if the recorder died while it compressed the file.
        found = sorted({_unpacked(name) for name in present if name.endswith(_ENDINGS)})
        named, hashes = self._files_and_hashes(path, found)
        sources = []
        for name in named or found:
            plain = _unpacked(name)
            try:
                if not {plain, f"{plain}{_PACKED}"} & present:
                    raise BagError("the file is missing")
                file = path / (plain if plain in present else f"{plain}{_PACKED}")
                sources.append(_Source(file, hashes))
            except Exception as error:  # as in _open()
                self._damage[f"{path.name}: {name}: {one_line(error)}"] = None
        # metadata.yaml may name no files if the conversion or the recorder ended early.
        if not sources and (named or found):
            raise BagError("; ".join(self._damage))
        return sources

    def _files_and_hashes(self, folder: Path, found: list[str]) -> tuple[list[str], dict[str, str]]:
        """Return a folder's file names and type hashes by topic, as metadata.yaml has them.

        Raises:
            BagError: there are no files, or metadata.yaml cannot be read.
        """
        try:
            if (folder / _METADATA).exists():
                files, hashes, guess = _read_metadata(folder / _METADATA)
                self.notes += [f"{folder.name}: {guess}"] if guess else []
                if not found or not files or {_unpacked(name) for name in files} & set(found):
                    return files, hashes
                self.notes.append(  # somebody renamed them
                    f"{folder.name}: the files that {_METADATA} names are missing: read by its "
                    f"files, {', '.join(found)}"
                )
                return found, hashes
        except Exception as error:  # errors of YAML and of wrong types
            if not found:
                raise BagError(f"{_METADATA}: {one_line(error)}") from error
            self._damage[f"{folder.name}: {_METADATA}: {one_line(error)}"] = None
            return found, {}
        if not found:
            raise BagError(f"it has neither {_METADATA} nor files named {', '.join(_ENDINGS)}")
        self.notes.append(
            f"{folder.name} has no {_METADATA}: read by its files, {', '.join(found)}"
        )
        return found, {}


def _unpacked(name: str) -> str:
    return name.removesuffix(_PACKED)


def _read_metadata(path: Path) -> tuple[list[str], dict[str, str], str]:
    """Return file names, type hashes by topic and, of a converted bag, its guessed camera."""
    metadata = yaml_file.load(path)["rosbag2_bagfile_information"]
    topics = [each["topic_metadata"] for each in metadata.get("topics_with_message_count", ())]
    digests = {each["name"]: each.get("type_description_hash") for each in topics}
    hashes = {name: digest for name, digest in digests.items() if isinstance(digest, str)}
    files = [PurePath(name).name for name in metadata["relative_file_paths"]]
    return files, hashes, noted_guess(metadata)


class _Source:
    """One file of a bag, with its messages converted to ROS 2.

    Args:
        path: of the file, compressed or not.
        hashes: type hashes by topic, used if the file does not contain them.

    Attributes:
        topics, counts, unknown: as those of Recording.

    Raises:
        BagError: it is not a bag file.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, hashes: Mapping[str, str] | None = None) -> None:
        self.name = path.name
        self._unpacked: TemporaryDirectory[str] | None = None
        self._file = self._opened(path)
        self.topics: dict[str, Topic] = {}
        self.counts: Counter[str] = Counter()
        self.unknown: dict[str, str] = {}
        self._chosen: list[int] = []
        self._ros1: dict[int, Ros1Type] = {}
        self._unreadable: dict[str, tuple[int, str]] = {}
        for key, channel in self._file.channels.items():
            self._enter(key, channel, hashes or {})

    def close(self) -> None:
        self._file.close()
        if self._unpacked:
            self._unpacked.cleanup()

    @property
    def times_ns(self) -> tuple[int, int] | None:
        """Bag time of the first and last message; None if there is no message."""
        return self._file.times_ns

    def records(self, topics: Collection[str], start_ns: int, stop_ns: int) -> Iterator[Record]:
        """Yield the messages of topics in time order; unreadable ones are left out and counted."""
        channels = self._file.channels
        chosen = [key for key in self._chosen if channels[key].topic in topics]
        if not chosen:
            return
        for key, time_ns, data in self._file.messages(chosen, start_ns, stop_ns):
            topic = self.topics[channels[key].topic]
            try:
                cdr = self._cdr(key, data)
            except Exception as error:  # a parser may raise anything on damaged bytes
                count, first = self._unreadable.get(topic.name, (0, one_line(error)))
                self._unreadable[topic.name] = count + 1, first
                continue
            yield Record(topic.name, topic.kind, time_ns, cdr)

    def damage(self) -> list[str]:
        """Return what could not be read so far."""
        unreadable = [
            f"{self.name}: {count} messages of {topic} cannot be read: {error}"
            for topic, (count, error) in self._unreadable.items()
        ]
        return [*self._file.damage, *unreadable]

    def _opened(self, path: Path) -> BagFile:
        if not path.is_file():  # reading a pipe could block forever
            raise BagError("it is not a regular file, expected a bag file or a folder")
        with path.open("rb") as file:
            begin = file.read(max(map(len, _FORMATS)))
        if begin.startswith(_ZSTD):
            self._unpacked = TemporaryDirectory()
            inner = Path(self._unpacked.name, path.name.removesuffix(_PACKED))
            with path.open("rb") as packed, inner.open("wb") as file:
                unpack.zstd_file(packed, file, unpack.limit(path.stat().st_size))
            return self._opened(inner)
        for magic, opened in _FORMATS.items():
            if begin.startswith(magic):
                return opened(path)
        content = f"begins with {begin[:8]!r}" if begin else "is empty"
        raise BagError(f"the file {content}, expected mcap, sqlite3 or a ROS 1 bag")

    def _enter(self, key: int, channel: Channel, hashes: Mapping[str, str]) -> None:
        name = channel.topic
        try:
            topic = self._topic(key, channel, hashes)
        except BagError as error:
            self.unknown[name] = str(error)
            return
        known = self.topics.setdefault(name, topic)
        if known.kind != topic.kind:
            self.unknown[name] = f"some of its messages are {topic.kind}, others {known.kind}"
            return
        self._chosen.append(key)
        self.topics[name] = known.with_qos(channel.qos)
        self.counts[name] += self._file.counts[key]

    def _topic(self, key: int, channel: Channel, hashes: Mapping[str, str]) -> Topic:
        if channel.encoding == "ros1":
            ros1 = self._ros1[key] = _ros1_type(channel.kind, channel.definition)
            return Topic(channel.topic, ros1.kind, ros1.definition, channel.qos)
        if channel.encoding != "cdr":
            raise BagError(f"its messages are '{channel.encoding}', expected cdr or ros1")
        if not channel.kind:
            raise BagError("its type has no name")
        kind, given = full_name(channel.kind), channel.definition
        given = given._replace(digest=given.digest or hashes.get(channel.topic, ""))
        return Topic(channel.topic, kind, checked(kind, given), channel.qos)

    def _cdr(self, key: int, data: bytes) -> bytes:
        if key in self._ros1:
            return self._ros1[key].cdr(data)
        # Messages may be compressed one by one; CDR never begins with zstd's magic number.
        return unpack.zstd(data) if data.startswith(_ZSTD) else data


_ros1_type = cache(Ros1Type)


def records(path: Path, topics: tuple[str, ...] = ()) -> Iterator[Record]:
    """Yield a bag's messages in time order; no topics: all.

    Raises:
        BagError: there is no readable bag at the path, a topic is missing, or, after all readable
            messages, the bag is damaged.
    """
    with Recording(path) as recording:
        present = {*recording.topics, *recording.unknown}
        if missing := set(topics) - present:
            raise BagSettingError(
                f"{path} has no topic {sorted(missing)}, it has {sorted(present)}"
            )
        yield from recording.records(topics)
        if recording.damage:
            raise BagError(f"{path} is damaged: {'; '.join(recording.damage)}")


def messages(path: Path, *topics: str) -> Iterator[tuple[str, Any]]:
    """Yield (topic, message) of a bag's topics in time order.

    Raises:
        BagError: as records().
    """
    for record in records(path, topics):
        yield record.topic, record.message()
