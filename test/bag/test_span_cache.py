"""No chunk of a recording is decompressed twice, and not many are kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from mcap.writer import CompressionType, Writer

from depth_ros.bag import span_cache
from depth_ros.bag.mcap import McapFile
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.plan import Plan
from depth_ros.bag.reader import Recording
from depth_ros.bag.span import Message, Span
from depth_ros.bag.span_cache import SpanCache
from depth_ros.config import Settings
from test.bag.recordings import drive, write


def span(number: int) -> Span:
    return Span(number, number, number, number + 1)


def test_a_span_is_read_once_as_long_as_there_is_room() -> None:
    read: Counter[int] = Counter()

    def messages(of: Span) -> list[Message]:
        read[of.begin] += 1
        return [Message(0, of.begin, bytes(span_cache.MAX_BYTES // 3))]

    cache = SpanCache(messages)
    for number in (1, 2, 1, 3, 2, 1):
        assert cache.messages(span(number))[0].time_ns == number
    assert read == {1: 1, 2: 1, 3: 1}
    cache.messages(span(4))  # 3 was used the longest time ago
    for number in (1, 2, 4, 3):
        cache.messages(span(number))
    assert read == {1: 1, 2: 1, 3: 2, 4: 1}


def test_a_span_that_is_larger_than_all_room_is_not_kept() -> None:
    cache = SpanCache(lambda of: [Message(0, 0, bytes(span_cache.MAX_BYTES + 1))])
    assert len(cache.messages(span(1))) == 1
    assert cache._bytes == 0


def test_damage_is_not_kept() -> None:
    def broken(of: Span) -> list[Message]:
        raise ValueError("torn")

    cache = SpanCache(broken)
    for _ in range(2):
        with pytest.raises(ValueError, match="torn"):
            cache.messages(span(1))


def rechunked(source: Path, out: Path, chunk_bytes: int) -> Path:
    """Write a recording in many small chunks."""
    with Recording(source) as recording, out.open("wb") as file:
        writer = Writer(file, chunk_size=chunk_bytes, compression=CompressionType.ZSTD)
        writer.start("ros2")
        channels = {}
        for name, topic in recording.topics.items():
            text = topic.definition.text.encode()
            schema = writer.register_schema(topic.kind, topic.definition.encoding, text)
            channels[name] = writer.register_channel(name, "cdr", schema)
        for record in recording.records():
            writer.add_message(channels[record.topic], record.time_ns, record.data, record.time_ns)
        writer.finish()
    return out


@pytest.mark.slow
def test_convert_reads_every_chunk_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = rechunked(
        write(tmp_path / "drive", drive(20)), tmp_path / "small.mcap", chunk_bytes=20_000
    )
    read: Counter[int] = Counter()
    original = McapFile._read

    def counting(self: McapFile, of: Span) -> list[Message]:
        read[of.begin] += 1
        return list(original(self, of))

    monkeypatch.setattr(McapFile, "_read", counting)
    settings = Settings(model="zoedepth-tiny", device="cpu")
    Plan(settings, ConvertOptions()).execute([source], tmp_path / "out")
    assert len(read) > 5
    assert set(read.values()) == {1}
