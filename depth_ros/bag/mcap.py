"""Read an mcap file as far as it is whole: damaged chunks are left out, a lost index is rebuilt.

Source: the MCAP specification; records are an opcode, a length of eight bytes, and content.
"""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Collection, Generator, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from rosbags.interfaces import Connection, ConnectionExtRosbag2
from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.storage_mcap import (
    MAXSIZE,
    Channel,
    ChunkInfo,
    McapReader,
    Msg,
    Schema,
    Statistics,
    decompress,
    get_msgdef,
    get_qos,
    msgsrc,
    read_bytes,
    read_string,
)

_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 0x03, 0x04, 0x05, 0x06, 0x0F
_HEAD = struct.Struct("<BQ")
_CHUNK_HEAD = struct.Struct("<QQQI")
_MESSAGE_HEAD = struct.Struct("<HIQQ")


class PatientMcap(McapReader):
    """A reader that reports damage instead of ending at it.

    Attributes:
        damage: what could not be read, and where, each once.
    """

    damage: dict[str, None]

    def _open(self) -> None:
        self.damage = {}
        try:
            super()._open()
        except Exception as error:  # whatever a parser makes of damaged bytes
            if not self.data_start:
                raise ReaderError(f"it is no mcap file of ROS 2: {error}") from error
            self._rebuild()

    def messages(
        self,
        connections: Collection[Connection],
        start: int | None = None,
        stop: int | None = None,
    ) -> Generator[tuple[Connection, int, bytes], None, None]:
        """Yield messages in time order; those of a file without chunks in the file's order."""
        channels = {connection.id: connection for connection in connections}
        low, high = start or 0, MAXSIZE if stop is None else stop
        if not self.chunks:
            yield from self._unchunked(channels, low, high)
            return
        chunks = (
            self._of_chunk(chunk, channels, low, high)
            for chunk in self.chunks
            if low <= chunk.message_end_time and chunk.message_start_time < high
        )
        for message in heapq.merge(*chunks, key=lambda each: (each.timestamp, each.offset)):
            if message.connection is not None and message.data is not None:
                yield message.connection, message.timestamp, message.data

    def _of_chunk(
        self, chunk: ChunkInfo, channels: dict[int, Connection], low: int, high: int
    ) -> Iterator[Msg]:
        """Yield a mark of the chunk's time, then, when that time has come, its messages."""
        assert self.bio
        source = msgsrc(chunk, channels, low, high, self.bio)
        yield next(source)
        try:
            # The file's position is shared: nothing may be left to read when another takes over.
            messages = list(source)
        except Exception as error:  # zstd's, lz4's, struct's: none is known by type
            self._note(chunk.chunk_start_offset, error)
            return
        yield from messages

    def _unchunked(
        self, channels: dict[int, Connection], low: int, high: int
    ) -> Iterator[tuple[Connection, int, bytes]]:
        with self.path.open("rb") as file:
            for opcode, offset, length in self._records(file, self.data_start):
                if opcode != _MESSAGE:
                    continue
                file.seek(offset + _HEAD.size)
                channel, _, time_ns, _ = _MESSAGE_HEAD.unpack(file.read(_MESSAGE_HEAD.size))
                if channel in channels and low <= time_ns < high:
                    yield channels[channel], time_ns, file.read(length - _MESSAGE_HEAD.size)

    def _rebuild(self) -> None:
        """Read every record from the start on, for the index that the end of the file lacks."""
        assert self.bio
        for table in (self.schemas, self.channels, self.chunks, self.connections):
            table.clear()
        counts: dict[int, int] = {}
        times = [MAXSIZE, 0]
        for opcode, offset, length in self._records(self.bio, self.data_start):
            self.bio.seek(offset + _HEAD.size)
            if opcode == _CHUNK:
                self._add_chunk(offset, self.bio.read(length), counts, times)
            else:
                self._add(opcode, self.bio.read(length), counts, times)
        self.connections = [
            each._replace(msgcount=counts.get(each.id, 0)) for each in self.connections
        ]
        self._sum_up(counts, times)

    def _records(self, file: BinaryIO, offset: int) -> Iterator[tuple[int, int, int]]:
        """Yield (opcode, offset, length) of the complete records up to the end of the data."""
        size = file.seek(0, os.SEEK_END)
        while offset + _HEAD.size <= size:
            file.seek(offset)
            opcode, length = _HEAD.unpack(file.read(_HEAD.size))
            if opcode == _DATA_END:
                return
            if not opcode or offset + _HEAD.size + length > size:
                break
            yield opcode, offset, length
            offset += _HEAD.size + length
        self._note(offset, "the file ends in the middle of a record")

    def _add_chunk(
        self, offset: int, data: bytes, counts: dict[int, int], times: list[int]
    ) -> None:
        """Enter a chunk, and what it holds, into the index."""
        try:
            first_ns, last_ns, size, crc = _CHUNK_HEAD.unpack(data[: _CHUNK_HEAD.size])
            stream = BytesIO(data[_CHUNK_HEAD.size :])
            compression = read_string(stream)
            (packed_size,) = struct.unpack("<Q", stream.read(8))
            raw = decompress(stream.read(packed_size), compression, size, crc)
        except Exception as error:  # as in _of_chunk
            self._note(offset, error)
            return
        position = 0
        while position < len(raw):
            opcode, length = _HEAD.unpack(raw[position : position + _HEAD.size])
            position += _HEAD.size
            self._add(opcode, raw[position : position + length], counts, times)
            position += length
        length = _HEAD.size + len(data)
        place = (first_ns, last_ns, offset, length)
        self.chunks.append(ChunkInfo(*place, {}, 0, compression, packed_size, size, {}))

    def _add(self, opcode: int, data: bytes, counts: dict[int, int], times: list[int]) -> None:
        """Enter a schema, a channel or a message into the index."""
        stream = BytesIO(data)
        if opcode == _SCHEMA:
            (key,) = struct.unpack("<H", stream.read(2))
            self.schemas[key] = Schema(key, *(read_string(stream) for _ in range(3)))
        elif opcode == _CHANNEL:
            self._add_channel(stream)
        elif opcode == _MESSAGE:
            channel, _, time_ns, _ = _MESSAGE_HEAD.unpack(data[: _MESSAGE_HEAD.size])
            counts[channel] = counts.get(channel, 0) + 1
            times[:] = min(times[0], time_ns), max(times[1], time_ns)

    def _add_channel(self, stream: BytesIO) -> None:
        key, schema_key = struct.unpack("<HH", stream.read(4))
        if key in self.channels or schema_key not in self.schemas:
            return
        schema = self.schemas[schema_key]
        topic, encoding = read_string(stream), read_string(stream)
        channel = Channel(key, schema.name, topic, encoding, read_bytes(stream))
        self.channels[key] = channel
        ext = ConnectionExtRosbag2(channel.message_encoding, get_qos(channel.metadata))
        about = (channel.topic, channel.schema, get_msgdef(schema), "", 0, ext, self)
        self.connections.append(Connection(key, *about))

    def _sum_up(self, counts: dict[int, int], times: list[int]) -> None:
        count, (first_ns, last_ns) = sum(counts.values()), times
        sizes = (len(self.schemas), len(self.channels), 0, 0, len(self.chunks))
        self.statistics = Statistics(count, *sizes, first_ns, last_ns, counts)
        self.metadata = self.metadata._replace(
            duration=last_ns - first_ns + 1 if count else 0,
            start_time=first_ns,
            end_time=last_ns + 1 if count else 0,
            message_count=count,
        )

    def _note(self, offset: int, error: object) -> None:
        self.damage[f"{Path(str(self.path)).name}: from byte {offset}: {error}"] = None
