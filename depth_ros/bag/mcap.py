"""Read an mcap file as far as possible: damaged chunks are left out, a lost index is rebuilt.

Source: the MCAP specification; records are an opcode, a length of eight bytes, and content.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from mcap import records as mcap
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.stream_reader import breakup_chunk
from mcap.summary import Summary

from depth_ros.bag import unpack
from depth_ros.bag.file_reader import Channel, SpannedFile, qos_from
from depth_ros.bag.span import Message, Span
from depth_ros.bag.types import Definition

MAGIC = b"\x89MCAP0\r\n"

_HEAD = struct.Struct("<BQ")
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "zstd": unpack.zstd,
    "lz4": unpack.lz4_frame,
}
_SPAN_BYTES = 1 << 20  # of messages outside of chunks that are read together


class McapFile(SpannedFile):
    """An mcap file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._schemas: dict[int, mcap.Schema] = {}
        summary = self._summary()
        if summary is None:
            self._scan()
        else:
            self._enter_summary(summary)

    def _summary(self) -> Summary | None:
        """Return the index at the file's end; None if it is incomplete."""
        try:
            summary = SeekingReader(self._file).get_summary()
            if summary is None or summary.statistics is None:
                return None
        except Exception:  # a parser may raise anything on damaged bytes
            return None
        statistics = summary.statistics
        complete = (
            statistics.channel_count == len(summary.channels)
            and statistics.schema_count == len(summary.schemas)
            and 0 < statistics.chunk_count == len(summary.chunk_indexes)
        )
        return summary if complete else None

    def _enter_summary(self, summary: Summary) -> None:
        assert summary.statistics is not None
        for record in (*summary.schemas.values(), *summary.channels.values()):
            self._enter(record)
        self.counts.update(summary.statistics.channel_message_counts)
        for index in summary.chunk_indexes:
            begin = index.chunk_start_offset
            channels = frozenset(index.message_index_offsets)
            times_ns = (index.message_start_time, index.message_end_time)
            self._spans.append(Span(*times_ns, begin, begin + index.chunk_length, channels))
            # The times of a chunk without messages have no meaning.
            if summary.statistics.message_count and times_ns[0] <= times_ns[1]:
                self.include(*times_ns)

    def _scan(self) -> None:
        """Rebuild the missing index from all records of the file."""
        end = self._file.seek(0, os.SEEK_END)
        for opcode, offset, length in self._heads(len(MAGIC), end):
            try:
                records = list(self._records(opcode, offset, length))
            except Exception as error:  # as in SpannedFile
                self.note(f"from byte {offset}", error)
                continue
            for record in records:
                self._enter(record)
            messages = [each for each in records if isinstance(each, mcap.Message)]
            if messages:
                times_ns = [each.log_time for each in messages]
                channels = frozenset(each.channel_id for each in messages)
                end_of_record = offset + _HEAD.size + length
                span = Span(min(times_ns), max(times_ns), offset, end_of_record, channels)
                self._add(span, opcode == Opcode.MESSAGE)

    def _add(self, span: Span, alone: bool) -> None:
        """Add a span; a message outside of chunks joins the one before it."""
        last = self._spans[-1] if alone and self._spans else None
        if last and last.end == span.begin and span.end - last.begin <= _SPAN_BYTES:
            times_ns = (min(last.first_ns, span.first_ns), max(last.last_ns, span.last_ns))
            channels = last.channels | span.channels
            self._spans[-1] = Span(*times_ns, last.begin, span.end, channels)
        else:
            self._spans.append(span)

    def _enter(self, record: mcap.McapRecord) -> None:
        """Add a schema, a channel or a message to the index."""
        if isinstance(record, mcap.Schema):
            self._schemas[record.id] = record
        elif isinstance(record, mcap.Channel):
            self.channels.setdefault(record.id, self._channel(record))
        elif isinstance(record, mcap.Message):
            self.count(record.channel_id, record.log_time)

    def _channel(self, record: mcap.Channel) -> Channel:
        schema = self._schemas.get(record.schema_id, mcap.Schema(0, b"", "", ""))
        text = schema.data.decode(errors="replace")
        definition = Definition(text, schema.encoding, record.metadata.get("topic_type_hash", ""))
        qos = qos_from(record.metadata.get("offered_qos_profiles", ""))
        return Channel(record.topic, schema.name, record.message_encoding, definition, qos)

    def _read(self, span: Span) -> Iterator[Message]:
        for head in self._heads(span.begin, span.end):
            for record in self._records(*head):
                if isinstance(record, mcap.Message):
                    yield Message(record.channel_id, record.log_time, record.data)

    def _heads(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield (opcode, offset, length) of the complete records up to the end of the data."""
        offset = begin
        while offset + _HEAD.size <= end:
            self._file.seek(offset)
            opcode, length = _HEAD.unpack(self._file.read(_HEAD.size))
            if opcode == Opcode.DATA_END:
                return
            if not opcode or offset + _HEAD.size + length > end:
                break
            yield opcode, offset, length
            offset += _HEAD.size + length
        if offset != end or begin == len(MAGIC):
            self.note(f"from byte {offset}", "the file ends in the middle of the recording")

    def _records(self, opcode: int, offset: int, length: int) -> Iterator[mcap.McapRecord]:
        """Yield a schema, channel or message record, or those in a chunk."""
        if opcode not in (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE, Opcode.CHUNK):
            return
        self._file.seek(offset + _HEAD.size)
        stream = ReadDataStream(BytesIO(self._file.read(length)))
        if opcode == Opcode.SCHEMA:
            yield mcap.Schema.read(stream)
        elif opcode == Opcode.CHANNEL:
            yield mcap.Channel.read(stream)
        elif opcode == Opcode.MESSAGE:
            yield mcap.Message.read(stream, length)
        else:
            chunk = mcap.Chunk.read(stream)
            if chunk.compression not in _UNPACK:
                raise ValueError(f"compression is '{chunk.compression}', expected zstd or lz4")
            data = _UNPACK[chunk.compression](chunk.data)
            yield from breakup_chunk(replace(chunk, compression="", data=data), validate_crc=True)
