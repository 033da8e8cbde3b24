"""Bags as recorders and bridges leave them: what is ROS's is read, and nothing lost in silence."""

from __future__ import annotations

import bz2
import io
import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import zstandard
from mcap.reader import SeekingReader
from mcap.writer import CompressionType, IndexType, Writer
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionMode
from rosbags.typesys import Stores, get_typestore
from ruamel.yaml import YAML

from depth_ros.bag import reader, unpack
from depth_ros.bag.convert import convert
from depth_ros.bag.reader import Recording
from depth_ros.bag.types import TYPESTORE, full_name
from depth_ros.errors import BagError
from test.bag.recordings import START_NS, STEP_NS, by_topic, drive, pipeline, text, write
from test.bag.test_convert import write_ros1

COUNT = 4


def images(path: Path) -> int:
    with Recording(path) as recording:
        return len(list(recording.records(["/camera/image"])))


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit a bag's metadata.yaml."""
    yaml = YAML(typ="safe")
    metadata = yaml.load(folder / "metadata.yaml")
    edit(metadata["rosbag2_bagfile_information"])
    yaml.dump(metadata, folder / "metadata.yaml")


# --- metadata.yaml that says other things than the files


def no_times(said: dict[str, Any]) -> None:
    said["duration"] = {"nanoseconds": 0}
    said["starting_time"] = {"nanoseconds_since_epoch": 0}
    said["message_count"] = 0


def times_of_a_part(said: dict[str, Any]) -> None:
    said["duration"] = {"nanoseconds": STEP_NS}
    for topic in said["topics_with_message_count"]:
        topic["message_count"] = 1


def other_qos(said: dict[str, Any]) -> None:
    for topic in said["topics_with_message_count"]:
        topic["topic_metadata"]["offered_qos_profiles"] = ""
        topic["topic_metadata"]["type_description_hash"] = "RIHS01_" + "0" * 64


def no_hash(said: dict[str, Any]) -> None:
    others: list[Any] = [7, ["a"], {}, None]
    for topic, wrong in zip(said["topics_with_message_count"], others, strict=False):
        topic["topic_metadata"]["type_description_hash"] = wrong


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("edit", [no_times, times_of_a_part, other_qos, no_hash])
def test_files_are_right_where_metadata_is_wrong(
    tmp_path: Path, storage: str, edit: Callable[[dict[str, Any]], None]
) -> None:
    source = write(tmp_path / "in", drive(COUNT), storage)
    before = by_topic(source)
    change(source, edit)
    summary = convert([source], tmp_path / "out", pipeline())
    assert summary.answered == {"camera": COUNT}
    assert summary.damage == []
    after = by_topic(tmp_path / "out")
    assert {topic: after[topic] for topic in before} == before
    with Recording(source) as recording:
        assert recording.start_ns == START_NS
        assert recording.counts["/chatter"] == COUNT


def test_a_chunk_whose_index_says_other_times_is_read(tmp_path: Path) -> None:
    """Only --start and --end bound what is converted, not what a file says of its times."""
    (file,) = write(tmp_path / "in", drive(COUNT)).glob("*.mcap")
    data = bytearray(file.read_bytes())
    with file.open("rb") as stream:
        message = SeekingReader(stream).get_summary()
    assert message
    (index,) = message.chunk_indexes
    times = struct.pack("<QQ", index.message_start_time, index.message_end_time)
    at = data.rindex(times + struct.pack("<Q", index.chunk_start_offset))
    data[at : at + 16] = bytes(16)
    file.write_bytes(data)
    assert convert([file], tmp_path / "out", pipeline()).answered == {"camera": COUNT}


def test_a_missing_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    source = write(tmp_path / "in", drive(COUNT))
    change(source, lambda said: said["relative_file_paths"].append("in_1.mcap"))
    with Recording(source) as recording:
        assert recording.counts["/camera/image"] == COUNT
        assert recording.damage == ["in: in_1.mcap: the file is missing"]


def test_files_that_were_renamed_are_read(tmp_path: Path) -> None:
    source = write(tmp_path / "in", drive(COUNT))
    (file,) = source.glob("*.mcap")
    file.rename(source / "kitchen.mcap")
    with Recording(source) as recording:
        assert recording.counts["/camera/image"] == COUNT
        assert recording.damage == []
        (note,) = recording.notes
    assert "the files that metadata.yaml names are missing" in note
    assert "kitchen.mcap" in note


# --- definitions and encodings


def add_topic(
    path: Path, kind: str, encoding: str, definition: bytes, messages: str = "cdr"
) -> None:
    """Write an mcap of a drive with one topic more."""
    with path.open("wb") as file, Recording(write(path.with_suffix(""), drive(COUNT))) as source:
        writer = Writer(file)
        writer.start()
        other = writer.register_channel(
            "/other", messages, writer.register_schema(kind, encoding, definition)
        )
        channels = {}
        for name, topic in source.topics.items():
            about = (topic.kind, "ros2msg", topic.definition.text.encode())
            channels[name] = writer.register_channel(name, "cdr", writer.register_schema(*about))
        writer.add_message(other, START_NS, DATA, START_NS)
        for record in source.records():
            writer.add_message(channels[record.topic], record.time_ns, record.data, record.time_ns)
        writer.finish()


DATA = b"\0\1\0\0\3\0\0\0hi\0"
IDL = b'#include "builtin_interfaces/msg/Time.idl"\nmodule auto_msgs { module msg { }; };'


@pytest.mark.parametrize(
    ("kind", "encoding", "definition", "read_as"),
    [
        ("std_msgs/String", "ros2msg", b"string data\n", "std_msgs/msg/String"),
        ("std_msgs/msg/String", "ros2msg", b"str\xffing data\n", "std_msgs/msg/String"),
        ("std_msgs::msg::dds_::String_", "omgidl", b"struct String { };", "std_msgs/msg/String"),
        ("auto_msgs/msg/Lateral", "ros2idl", IDL, "auto_msgs/msg/Lateral"),
        ("my_msgs/msg/Pose", "ros2msg", b"other_msgs/Thing t\n", "my_msgs/msg/Pose"),
        ("my_msgs/msg/Pose", "", b"", "my_msgs/msg/Pose"),
    ],
)
def test_a_definition_that_cannot_be_parsed_costs_nothing(
    tmp_path: Path, kind: str, encoding: str, definition: bytes, read_as: str
) -> None:
    source = tmp_path / "in.mcap"
    add_topic(source, kind, encoding, definition)
    summary = convert([source], tmp_path / "out", pipeline())
    assert summary.answered == {"camera": COUNT}
    assert (summary.damage, summary.not_copied) == ([], {})
    (record,) = by_topic(tmp_path / "out")["/other"]
    assert (record.kind, record.data) == (read_as, DATA)
    with Recording(tmp_path / "out") as copy:
        kept = copy.topics["/other"].definition
        known = read_as in TYPESTORE.fielddefs
        assert known or (kept.text.encode(), kept.encoding) == (definition, encoding)
        assert kept.digest.startswith("RIHS01_") is known


@pytest.mark.parametrize("encoding", ["protobuf", "json", "flatbuffer", ""])
def test_what_is_not_ros_is_named_and_the_rest_is_read(tmp_path: Path, encoding: str) -> None:
    source = tmp_path / "in.mcap"
    add_topic(source, "foxglove.Log", encoding, b"{}", encoding)
    summary = convert([source], tmp_path / "out", pipeline())
    assert summary.answered == {"camera": COUNT}
    assert list(summary.not_copied) == ["/other"]
    assert f"'{encoding}'" in summary.not_copied["/other"]
    assert "/other" not in by_topic(tmp_path / "out")


def test_a_type_without_a_definition_is_copied_out_of_an_old_database(tmp_path: Path) -> None:
    source = write(tmp_path / "in", [*drive(COUNT), ("/mine", text("hello"), START_NS)], "sqlite3")
    (file,) = source.glob("*.db3")
    database = sqlite3.connect(file)
    database.executescript(
        "DROP TABLE message_definitions; DROP TABLE schema;"
        "ALTER TABLE topics DROP COLUMN type_description_hash;"
        "UPDATE topics SET type = 'my_msgs/msg/Mine' WHERE name = '/mine';"
    )
    database.close()
    for storage in ("in.db3", "."):
        out = tmp_path / f"out_{len(storage)}"
        summary = convert([source / storage], out, pipeline())
        assert (summary.damage, summary.not_copied) == ([], {})
        (record,) = by_topic(out)["/mine"]
        assert record.kind == "my_msgs/msg/Mine"
        assert TYPESTORE.deserialize_cdr(record.data, "std_msgs/msg/String") == text("hello")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("sensor_msgs/msg/Image", "sensor_msgs/msg/Image"),
        ("sensor_msgs/Image", "sensor_msgs/msg/Image"),
        ("sensor_msgs::msg::dds_::Image_", "sensor_msgs/msg/Image"),
        ("foxglove.Log", "foxglove.Log"),
        ("", ""),
    ],
)
def test_a_type_has_one_name(said: str, name: str) -> None:
    assert full_name(said) == name


def test_messages_of_ros_1_in_an_mcap_are_read(tmp_path: Path) -> None:
    write_ros1(tmp_path / "in.bag", COUNT)
    source = tmp_path / "in.mcap"
    from depth_ros.bag.ros1 import Ros1File

    bag = Ros1File(tmp_path / "in.bag")
    with source.open("wb") as file:
        writer = Writer(file)
        writer.start("ros1")
        keys = {}
        for key, channel in bag.channels.items():
            schema = (channel.kind, "ros1msg", channel.definition.text.encode())
            keys[key] = writer.register_channel(
                channel.topic, "ros1", writer.register_schema(*schema)
            )
        for key, time_ns, data in bag.messages(list(keys), 0, 2**63 - 1):
            writer.add_message(keys[key], time_ns, data, time_ns)
        writer.finish()
    bag.close()
    assert by_topic(source) == by_topic(tmp_path / "in.bag")


# --- ROS 1


@pytest.mark.parametrize(
    ("kind", "definition", "md5", "data", "reason"),
    [
        ("std_msgs/msg/Int8", "", "27ffa0c9c4b8fb8492252bcad9e5c57b", b"\5", ""),
        ("std_msgs/msg/Empty", "", "d41d8cd98f00b204e9800998ecf8427e", b"", ""),
        ("std_msgs/msg/Int8", "", "*", b"\5", ""),
        ("std_msgs/msg/Int8", "", "0" * 32, b"\5", "it is empty"),
        ("lidar_msgs/msg/Packet", "", "*", b"\5", "it is empty"),
        ("lidar_msgs/msg/Packet", "", "1e4288e00b9222ea477b73350bf24f51", b"\5", "it is empty"),
        ("my/msg/Odd", "nothing of the kind ][", "0" * 32, b"\5", "cannot be used"),
        ("my/msg/Odd", "other_msgs/Thing t", "0" * 32, b"\5", "cannot be used"),
    ],
)
def test_a_topic_of_ros_1_that_is_defined_badly_costs_itself_only(
    tmp_path: Path, kind: str, definition: str, md5: str, data: bytes, reason: str
) -> None:
    source = tmp_path / "in.bag"
    write_ros1(source, COUNT)
    with Ros1Writer(tmp_path / "other.bag") as writer:
        one = writer.add_connection("/other", kind, msgdef=definition, md5sum=md5)
        writer.write(one, START_NS + 1, data)
    summary = convert([source, tmp_path / "other.bag"], tmp_path / "out", pipeline())
    assert summary.answered == {"camera": COUNT}
    assert summary.damage == []
    assert list(summary.not_copied) == (["/other"] if reason else [])
    assert reason in summary.not_copied.get("/other", "")
    assert ("/other" in by_topic(tmp_path / "out")) is not bool(reason)


def test_messages_that_do_not_fit_their_type_are_counted(tmp_path: Path) -> None:
    with Ros1Writer(tmp_path / "in.bag") as writer:
        one = writer.add_connection(
            "/number", "std_msgs/msg/Int64", typestore=get_typestore(Stores.ROS1_NOETIC)
        )
        for data in (b"\5" + bytes(7), b"\5", b"", b"\6" + bytes(7)):
            writer.write(one, START_NS, data)
    with Recording(tmp_path / "in.bag") as recording:
        assert recording.counts == {"/number": 4}
        assert [record.data[4] for record in recording.records()] == [5, 6]
        (damage,) = recording.damage
        assert damage.startswith("in.bag: 2 messages of /number cannot be read: ")


def test_a_bag_of_ros_1_that_was_not_ended_is_read(tmp_path: Path) -> None:
    write_ros1(tmp_path / "in.bag", COUNT)
    whole = by_topic(tmp_path / "in.bag")
    active = tmp_path / "in.bag.active"
    data = bytearray((tmp_path / "in.bag").read_bytes())
    at = data.index(b"index_pos=") + len(b"index_pos=")
    (index,) = struct.unpack_from("<Q", data, at)
    data[at : at + 8] = bytes(8)
    active.write_bytes(data[:index])
    with Recording(active) as recording:
        found = list(recording.records())
        assert [record.topic for record in found].count("/camera/image") == COUNT
        assert recording.damage == [
            f"in.bag.active: from byte {index}: there is no index: the recorder was interrupted"
        ]
    assert {topic: [r for r in found if r.topic == topic] for topic in whole} == whole


def test_chunks_of_ros_1_may_be_compressed(tmp_path: Path) -> None:
    write_ros1(tmp_path / "in.bag", COUNT)
    for kind in Ros1Writer.CompressionFormat:
        packed = Ros1Writer(tmp_path / f"{kind.name}.bag")
        packed.set_compression(kind)
        store = get_typestore(Stores.ROS1_NOETIC)
        with packed:
            one = packed.add_connection("/word", "std_msgs/msg/String", typestore=store)
            packed.write(one, START_NS, b"\2\0\0\0hi")
        ((topic, data),) = [(r.topic, r.data) for r in reader.records(packed.path)]
        assert (topic, data[4:10]) == ("/word", b"\3\0\0\0hi")


# --- recordings that were interrupted


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
def test_compressed_recordings_need_no_metadata(
    tmp_path: Path, storage: str, mode: CompressionMode
) -> None:
    source = write(tmp_path / "in", drive(COUNT), storage, mode)
    plain = write(tmp_path / "plain", drive(COUNT), storage)
    (source / "metadata.yaml").unlink()
    (file,) = source.iterdir()
    for path in (source, file):
        with Recording(path) as recording:
            assert list(recording.records()) == list(reader.records(plain))
            assert recording.damage == []
            assert len(recording.notes) == (path == source)


def test_a_recorder_that_died_while_it_compressed_left_both_files(tmp_path: Path) -> None:
    source = write(tmp_path / "in", drive(COUNT))
    (file,) = source.glob("*.mcap")
    packed = zstandard.compress(file.read_bytes())
    (source / f"{file.name}.zstd").write_bytes(packed[: len(packed) // 2])
    assert images(source) == COUNT
    change(source, lambda said: said.update(relative_file_paths=[f"{file.name}.zstd"]))
    assert images(source) == COUNT
    file.unlink()
    with pytest.raises(BagError, match=r"in.mcap.zstd: the file is empty"):
        Recording(source)


@pytest.mark.parametrize(
    "options",
    [
        {"index_types": IndexType.NONE},
        {"index_types": IndexType.MESSAGE, "use_statistics": False},
        {"repeat_channels": False},
        {"repeat_schemas": False},
        {"use_statistics": False},
        {"use_chunking": False},
        {"use_chunking": False, "use_statistics": False, "use_summary_offsets": False},
        {"compression": CompressionType.LZ4},
        {"compression": CompressionType.NONE, "index_types": IndexType.CHUNK},
    ],
)
def test_an_mcap_is_read_with_whatever_index_it_has(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    source = write(tmp_path / "in", drive(COUNT))
    whole = list(reader.records(source))
    stream = io.BytesIO()
    writer = Writer(stream, chunk_size=20_000, **options)
    writer.start("ros2")
    channels: dict[str, int] = {}
    with Recording(source) as recording:
        for name, topic in recording.topics.items():
            schema = (topic.kind, "ros2msg", topic.definition.text.encode())
            channels[name] = writer.register_channel(name, "cdr", writer.register_schema(*schema))
    for record in reversed(whole):
        writer.add_message(channels[record.topic], record.time_ns, record.data, 0)
    writer.finish()
    (tmp_path / "other.mcap").write_bytes(stream.getvalue())
    with Recording(tmp_path / "other.mcap") as recording:
        found = list(recording.records())
        assert (recording.start_ns, recording.end_ns) == (whole[0].time_ns, whole[-1].time_ns)
        assert recording.counts["/camera/image"] == COUNT
        assert recording.damage == []
    assert sorted(found) == sorted(whole)
    assert [r.time_ns for r in found] == [r.time_ns for r in whole]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_truncated_file_of_one_chunk_says_that_it_is_damaged(
    tmp_path: Path, share: float
) -> None:
    (file,) = write(tmp_path / "in", drive(20)).glob("*.mcap")
    os.truncate(file, int(file.stat().st_size * share))
    message = r"nothing can be read; in.mcap: from byte \d+: the file ends"
    with pytest.raises(BagError, match=message):
        convert([file], tmp_path / "out", pipeline())


def test_what_a_database_had_not_merged_yet_is_read(tmp_path: Path) -> None:
    source = write(tmp_path / "in", drive(COUNT), "sqlite3")
    (file,) = source.glob("*.db3")
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(
        "INSERT INTO messages(topic_id, timestamp, data) "
        f"SELECT topic_id, timestamp + {10 * STEP_NS}, data FROM messages"
    )
    database.commit()
    died = tmp_path / "died"
    shutil.copytree(source, died)  # with the log beside it
    database.close()
    assert (died / f"{file.name}-wal").exists()
    assert images(died) == 2 * COUNT


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_damaged_bytes_never_raise(tmp_path: Path, storage: str) -> None:
    """Wherever a byte is damaged: at most an error of one line, and mostly not even that."""
    source = write(tmp_path / "in", drive(2), storage)
    (file,) = (path for path in source.iterdir() if path.suffix != ".yaml")
    whole = file.read_bytes()
    for at in range(0, len(whole), len(whole) // 150):
        data = bytearray(whole)
        data[at] ^= 0xFF
        file.write_bytes(data)
        try:
            with Recording(file) as recording:
                list(recording.records())
                assert all("\n" not in message for message in recording.damage)
        except BagError as error:
            assert "\n" not in str(error)


def test_a_pipe_is_no_bag(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.mcap")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "metadata.yaml")
    os.mkfifo(tmp_path / "folder" / "in.mcap")
    with pytest.raises(BagError, match=r"in.mcap cannot be read: it is not a regular file"):
        Recording(tmp_path / "in.mcap")
    with pytest.raises(BagError, match="folder cannot be read"):
        Recording(tmp_path / "folder")


def test_a_compressed_file_that_becomes_huge_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "_MIN_LIMIT_BYTES", 1 << 20)
    bomb = tmp_path / "bomb.mcap.zstd"
    bomb.write_bytes(zstandard.ZstdCompressor().compress(bytes(20 << 20)))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(BagError, match="decompresses to more than 1048576 bytes"):
        reader.Recording(bomb)


PACKED: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "zstd": (zstandard.ZstdCompressor().compress, unpack.zstd),
    "zstd of unknown size": (
        zstandard.ZstdCompressor(write_content_size=False).compress,
        unpack.zstd,
    ),
    "lz4": (lz4.frame.compress, unpack.lz4_frame),
    "bz2": (bz2.compress, unpack.bz2),
}


@pytest.mark.parametrize("how", PACKED)
def test_chunks_and_messages_that_become_huge_are_damage(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack, unpacked = PACKED[how]
    words = b"word" * 1000
    assert unpacked(pack(words)) == words
    with pytest.raises(Exception, match=r"end|incomplete|did not decompress"):
        unpacked(pack(words)[:-9])
    monkeypatch.setattr(unpack, "_MIN_LIMIT_BYTES", 1 << 20)
    monkeypatch.setattr(unpack, "_MAX_RATIO", 10)
    with pytest.raises(Exception, match=r"to more than 1\d{6} bytes|did not decompress full"):
        unpacked(pack(bytes(20 << 20)))


def huge_mcap(path: Path) -> None:
    """Put all chunks of an mcap into one that ends in 20 MB of zeros."""
    with path.open("wb") as file, Recording(write(path.with_suffix(""), drive(COUNT))) as source:
        writer = Writer(file, compression=CompressionType.ZSTD, chunk_size=1 << 30)
        writer.start("ros2")
        for name, topic in source.topics.items():
            definition = topic.definition.text.encode()
            schema = writer.register_schema(topic.kind, "ros2msg", definition)
            key = writer.register_channel(name, "cdr", schema)
            for record in source.records([name]):
                writer.add_message(key, record.time_ns, record.data, record.time_ns)
        writer.add_message(key, START_NS, bytes(20 << 20), START_NS)
        writer.finish()


def test_a_chunk_that_becomes_huge_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge_mcap(tmp_path / "in.mcap")
    assert len(by_topic(tmp_path / "in.mcap")) > 1
    monkeypatch.setattr(unpack, "_MIN_LIMIT_BYTES", 1 << 20)
    monkeypatch.setattr(unpack, "_MAX_RATIO", 10)
    with Recording(tmp_path / "in.mcap") as recording:
        assert list(recording.records()) == []
        (damage,) = recording.damage
    assert "decompresses to more than" in damage
