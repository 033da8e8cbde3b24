"""Read a ROS 1 bag as far as possible: damaged chunks are left out, a lost index is rebuilt.

Source: the ROS 1 bag format 2.0; records are a header and data, each after its length.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from depth_ros.bag import unpack
from depth_ros.bag.file_reader import Channel, SpannedFile
from depth_ros.bag.span import Message, Span
from depth_ros.bag.types import LATCHED, Definition

MAGIC = b"#ROSBAG V2.0\n"

_MESSAGE, _BAG, _CHUNK, _CHUNK_INFO, _CONNECTION = 2, 3, 5, 6, 7
_DECOMPRESS: dict[bytes, Callable[[bytes], bytes]] = {
    b"none": lambda data: data,
    b"bz2": unpack.bz2,
    b"lz4": unpack.lz4_frame,
}


class _Record(NamedTuple):
    """A record: its fields and its data."""

    fields: dict[bytes, bytes]
    data: bytes

    @property
    def op(self) -> int:
        return self.fields[b"op"][0]

    def number(self, name: bytes) -> int:
        return int.from_bytes(self.fields[name], "little")

    def time_ns(self, name: bytes) -> int:
        sec: int
        nanosec: int
        sec, nanosec = struct.unpack("<II", self.fields[name])
        return sec * 10**9 + nanosec


class Ros1File(SpannedFile):
    """A ROS 1 bag."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._read_index()
        except Exception as error:  # a parser may raise anything on damaged bytes
            for table in (self._spans, self.channels, self.counts):
                table.clear()
            self.times_ns = None
            self._scan(error)

    def _read_index(self) -> None:
        self._file.seek(len(MAGIC))
        bag = self._record(self._file)
        if not bag.number(b"index_pos"):
            raise ValueError("there is no index: the recorder was interrupted")
        self._file.seek(bag.number(b"index_pos"))
        for _ in range(bag.number(b"conn_count")):
            self._enter(self._record(self._file))
        for _ in range(bag.number(b"chunk_count")):
            self._enter_chunk(self._record(self._file))

    def _enter_chunk(self, info: _Record) -> None:
        if info.op != _CHUNK_INFO:
            raise ValueError(f"record {info.op} in the index, expected {_CHUNK_INFO}")
        counts = dict(struct.iter_unpack("<II", info.data))
        if not counts:
            return
        times_ns = info.time_ns(b"start_time"), info.time_ns(b"end_time")
        begin = info.number(b"chunk_pos")
        self._spans.append(Span(*times_ns, begin, begin, frozenset(counts)))
        self.counts.update(counts)
        self.include(*times_ns)

    def _scan(self, why: Exception) -> None:
        """Rebuild the missing index from all chunks of the file."""
        size = self._file.seek(0, os.SEEK_END)
        position = self._file.seek(len(MAGIC))
        try:
            while position < size:
                record = self._record(self._file)
                if record.op == _CHUNK:
                    self._scan_chunk(record, position)
                position = self._file.tell()
        except Exception as error:  # as above
            self.note(f"from byte {position}", error)
        else:
            self.note(f"from byte {size}", why)

    def _scan_chunk(self, chunk: _Record, begin: int) -> None:
        times_ns: list[int] = []
        channels: set[int] = set()
        for record in self._records(chunk):
            self._enter(record)
            if record.op == _MESSAGE:
                times_ns.append(record.time_ns(b"time"))
                channels.add(record.number(b"conn"))
                self.count(record.number(b"conn"), times_ns[-1])
        if times_ns:
            self._spans.append(
                Span(min(times_ns), max(times_ns), begin, begin, frozenset(channels))
            )

    def _enter(self, record: _Record) -> None:
        """Add a connection to the index."""
        if record.op != _CONNECTION:
            return
        connection = _fields(record.data)
        name = record.fields[b"topic"].decode(errors="replace")
        topic = "/" * name.startswith("/") + "/".join(part for part in name.split("/") if part)
        text, kind, digest = (
            connection.get(field, b"").decode(errors="replace")
            for field in (b"message_definition", b"type", b"md5sum")
        )
        qos = (LATCHED,) if connection.get(b"latching") == b"1" else ()
        definition = Definition(text, "ros1msg", digest)
        self.channels.setdefault(
            record.number(b"conn"), Channel(topic, kind, "ros1", definition, qos)
        )

    def _read(self, span: Span) -> Iterator[Message]:
        self._file.seek(span.begin)
        for record in self._records(self._record(self._file)):
            if record.op == _MESSAGE:
                yield Message(record.number(b"conn"), record.time_ns(b"time"), record.data)

    def _records(self, chunk: _Record) -> Iterator[_Record]:
        raw = _DECOMPRESS[chunk.fields[b"compression"]](chunk.data)
        stream = BytesIO(raw)
        while stream.tell() < len(raw):
            yield self._record(stream)

    @staticmethod
    def _record(file: BinaryIO) -> _Record:
        return _Record(_fields(_sized(file)), _sized(file))


def _sized(file: BinaryIO) -> bytes:
    (size,) = struct.unpack("<I", file.read(4))
    data = file.read(size)
    if len(data) < size:
        raise ValueError(f"{len(data)} bytes are left of {size}")
    return data


def _fields(header: bytes) -> dict[bytes, bytes]:
    """Return the fields of a header: each is a length, then name=value."""
    found: dict[bytes, bytes] = {}
    stream = BytesIO(header)
    while stream.tell() < len(header):
        name, _, value = _sized(stream).partition(b"=")
        found[name] = value
    return found
