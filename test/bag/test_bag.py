"""Bags written here, read back here and by another library."""

from pathlib import Path

import numpy as np
import pytest

from depth_ros import messages
from depth_ros.bag import reader
from depth_ros.bag import writer as bag
from depth_ros.errors import BagError
from depth_ros.geometry.camera import Camera

STAMP_NS = 1_700_000_000_123_456_789
CAMERA = Camera(20, 12, 15.0, 16.0, 9.1, 5.2, "plumb_bob", (0.1, 0.01, 0.001, 0.002, 0.0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (12, 20, 3)).astype(np.uint8)
    with bag.BagWriter(tmp_path / "bag") as out:
        out.write("/image", bag.image(rgb, "rgb8", STAMP_NS, "optical"), STAMP_NS)
        out.write("/info", bag.camera_info(CAMERA, STAMP_NS, "optical"), STAMP_NS + 1)
        depth_mm = np.arange(240, dtype=np.uint16).reshape(12, 20)
        out.write("/depth", bag.image(depth_mm, "16UC1", STAMP_NS, "optical"), STAMP_NS + 2)
    return tmp_path / "bag"


def test_what_is_written_is_read_back(path: Path) -> None:
    read = dict(reader.messages(path, "/image", "/info", "/depth"))
    assert messages.stamp_ns(read["/image"].header) == STAMP_NS
    assert messages.rgb_from_image(read["/image"]).shape == (12, 20, 3)
    assert messages.camera_from_info(read["/info"]) == CAMERA
    depth_m = messages.depth_from_image(read["/depth"])
    assert depth_m[11, 19] == pytest.approx(0.239)


def test_another_library_reads_the_same_messages(path: Path) -> None:
    mcap = pytest.importorskip("mcap.reader")
    decoder = pytest.importorskip("mcap_ros2.decoder")
    (file,) = path.glob("*.mcap")
    with file.open("rb") as stream:
        opened = mcap.make_reader(stream, decoder_factories=[decoder.DecoderFactory()])
        read = {channel.topic: msg for _, channel, _, msg in opened.iter_decoded_messages()}
    assert read["/image"].encoding == "rgb8"
    assert read["/info"].k[0] == 15.0
    assert bytes(read["/depth"].data)[:4] == bytes([0, 0, 1, 0])


def test_an_existing_bag_is_not_overwritten(path: Path) -> None:
    with pytest.raises(BagError, match="exists"):
        bag.BagWriter(path)


def test_a_missing_topic_lists_the_present_ones(path: Path) -> None:
    with pytest.raises(BagError, match=r"/scan.*/depth.*/image"):
        list(reader.records(path, ("/scan",)))


def test_a_path_without_a_bag_is_a_bag_error(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="cannot be read"):
        list(reader.records(tmp_path / "nothing"))


@pytest.mark.parametrize("seed", range(20))
def test_a_quaternion_turns_as_its_matrix_does(seed: int) -> None:
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    turn = rotation.random(random_state=seed)
    x, y, z, w = bag.quaternion(turn.as_matrix())
    assert np.hypot(np.hypot(x, y), np.hypot(z, w)) == pytest.approx(1)
    assert np.allclose(rotation.from_quat([x, y, z, w]).as_matrix(), turn.as_matrix())
