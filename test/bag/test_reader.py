"""Damaged recordings are read as far as possible, and damage is reported with its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rosbags.rosbag2 import CompressionMode

from depth_ros.bag import reader
from depth_ros.bag.convert import convert
from depth_ros.bag.reader import Recording
from depth_ros.errors import BagError
from test.bag.recordings import by_topic, drive, pipeline, write
from test.bag.test_convert import write_ros1

COUNT = 400
"""Frames that fill a few chunks of a megabyte."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("sound") / "in", drive(COUNT))


def copied(source: Path, tmp_path: Path) -> Path:
    """The one file of a copy of a bag."""
    shutil.copytree(source, tmp_path / "in")
    (file,) = (path for path in (tmp_path / "in").iterdir() if path.suffix != ".yaml")
    return file


def images(path: Path) -> tuple[int, list[str]]:
    """The number of readable images, and the damage."""
    with Recording(path) as recording:
        found = list(recording.records(["/camera/image"]))
        times = [record.time_ns for record in found]
        assert times == sorted(times)
        return len(found), recording.damage


def test_a_sound_recording_has_no_damage(sound: Path) -> None:
    assert images(sound) == (COUNT, [])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("folder", [False, True])
def test_a_file_that_was_cut_off_is_read_up_to_there(
    sound: Path, tmp_path: Path, share: float, folder: bool
) -> None:
    file = copied(sound, tmp_path)
    size = int(file.stat().st_size * share)
    with file.open("r+b") as stream:
        stream.truncate(size)
    count, damage = images(file.parent if folder else file)
    assert (share - 0.3) * COUNT < count <= share * COUNT
    (message,) = damage
    assert message.startswith(f"{file.name}: from byte ")
    assert size - 2_000_000 < int(message.split()[3].rstrip(":")) <= size


def test_a_chunk_that_is_damaged_costs_that_chunk_only(tmp_path: Path) -> None:
    packed = write(tmp_path / "packed", drive(COUNT), "mcap", CompressionMode.STORAGE)
    (file,) = packed.glob("*.mcap")
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 40] = bytes(40)
    file.write_bytes(whole)
    count, damage = images(packed)
    assert 0.3 * COUNT < count < COUNT
    assert len(damage) == 1
    assert 0 < int(damage[0].split()[3].rstrip(":")) < middle


def test_a_file_without_chunks_is_read_up_to_where_it_was_cut(tmp_path: Path) -> None:
    mcap = pytest.importorskip("mcap.writer")
    file = tmp_path / "plain.mcap"
    with Recording(write(tmp_path / "in", drive(10))) as recording, file.open("wb") as stream:
        writer = mcap.Writer(stream, use_chunking=False)
        writer.start("ros2")
        channels = {}
        for name, topic in recording.topics.items():
            about = (topic.kind, "ros2msg", topic.definition.text.encode())
            channels[name] = writer.register_channel(name, "cdr", writer.register_schema(*about))
        for record in recording.records():
            writer.add_message(channels[record.topic], record.time_ns, record.data, record.time_ns)
        writer.finish()
    assert images(file) == (10, [])
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)
    count, damage = images(file)
    assert 3 <= count <= 5
    assert len(damage) == 1


def test_a_recorder_that_died_left_no_metadata(sound: Path, tmp_path: Path) -> None:
    file = copied(sound, tmp_path)
    (file.parent / "metadata.yaml").unlink()
    assert images(file.parent) == (COUNT, [])
    with Recording(file.parent) as recording:
        assert recording.notes == [f"in has no metadata.yaml: read by its files, {file.name}"]


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_database_that_was_cut_off_is_read_up_to_there(tmp_path: Path, share: float) -> None:
    source = write(tmp_path / "in", drive(100), "sqlite3")
    (file,) = source.glob("*.db3")
    with file.open("r+b") as stream:
        stream.truncate(int(file.stat().st_size * share))
    count, damage = images(file)
    assert (share - 0.2) * 100 < count <= share * 100
    assert damage[0].startswith(f"{file.name}: ")


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_bag_of_ros_1_that_was_cut_off_is_read_up_to_there(tmp_path: Path, share: float) -> None:
    file = tmp_path / "in.bag"
    write_ros1(file, 400)
    with file.open("r+b") as stream:
        stream.truncate(int(file.stat().st_size * share))
    count, damage = images(file)
    assert (share - 0.25) * 400 < count <= share * 400
    assert damage[0].startswith("in.bag: from byte ")


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.mcap").write_bytes(b"nothing of the kind")
    (tmp_path / "in.bag").write_bytes(b"nothing of the kind")
    (tmp_path / "in.txt").touch()
    (tmp_path / "empty").mkdir()
    for name in ("in.mcap", "in.bag", "in.txt", "empty", "missing"):
        with pytest.raises(BagError, match=f"{name} cannot be read"):
            Recording(tmp_path / name)


def test_a_damaged_recording_is_converted_as_far_as_it_goes(sound: Path, tmp_path: Path) -> None:
    file = copied(sound, tmp_path)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)
    summary = convert([file.parent], tmp_path / "out", pipeline())
    assert len(summary.damage) == 1
    after = by_topic(tmp_path / "out")
    assert summary.answered == {"camera": len(after["/depth/image"])}
    assert 0.2 * COUNT < len(after["/depth/image"]) <= 0.5 * COUNT
    assert after["/camera/image"] == by_topic(sound)["/camera/image"][: len(after["/depth/image"])]


def test_reading_records_of_a_damaged_bag_ends_with_an_error(sound: Path, tmp_path: Path) -> None:
    file = copied(sound, tmp_path)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)
    read: list[reader.Record] = []
    with pytest.raises(BagError, match=r"damaged.*from byte"):
        read.extend(reader.records(file))
    assert len(read) == 0 or read[0].topic == "/tf_static"


def test_two_topics_of_one_name_and_different_types_are_refused(tmp_path: Path) -> None:
    from test.bag.recordings import START_NS, text

    first = write(tmp_path / "first", drive(1))
    second = write(tmp_path / "second", [("/camera/image", text("hello"), START_NS)])
    with pytest.raises(BagError, match=r"/camera/image is .*Image and .*String"):
        Recording(first, second)
