"""Existing bags, shown to watchers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_ros import cli
from depth_ros.bag import writer
from depth_ros.bag.losses import Losses
from depth_ros.bag.reader import Recording
from depth_ros.config import Settings
from depth_ros.errors import BagError
from depth_ros.geometry.camera import Camera
from depth_ros.viz.view import Topics, find_topics, view
from test.messages.depth_files import inverse, packed
from test.viz.scene import CAMERA, START_NS, STEP_NS, shot

IMAGE, INFO, DEPTH = "/front/color/image_raw", "/front/color/camera_info", "/depth/image"
FRAMES = 4


class Seen:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.closed = False

    def add(
        self,
        name: str,
        stamp_ns: int,
        rgb: npt.NDArray[np.uint8],
        depth_m: npt.NDArray[np.float32],
        camera: Camera,
        confidence: npt.NDArray[np.float32] | None = None,
    ) -> None:
        assert not self.closed
        self.frames.append((name, stamp_ns, rgb, depth_m, camera))

    def close(self) -> None:
        self.closed = True

    @property
    def stamps(self) -> list[int]:
        return [(frame[1] - START_NS) // STEP_NS for frame in self.frames]


def compressed(rgb: npt.NDArray[np.uint8], stamp_ns: int) -> Any:
    png = cv2.imencode(".png", rgb[..., ::-1])[1].ravel()
    kind = writer.TYPESTORE.types["sensor_msgs/msg/CompressedImage"]
    return kind(writer.header(stamp_ns, "optical"), "rgb8; png compressed bgr8", png)


class Bag:
    """A bag in the making; the time a message is written at is its place in the bag."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._out = writer.BagWriter(path)
        self._out.__enter__()
        self._time_ns = START_NS

    def write(self, topic: str, message: Any) -> None:
        self._time_ns += 1
        self._out.write(topic, message, self._time_ns)

    def image(self, number: int, topic: str = IMAGE, late_ns: int = 0) -> None:
        stamp_ns, rgb, _, _ = shot(number)
        self.write(topic, writer.image(rgb, "rgb8", stamp_ns + late_ns, "optical"))

    def info(self, number: int, topic: str = INFO, camera: Camera = CAMERA) -> None:
        self.write(topic, writer.camera_info(camera, shot(number).stamp_ns, "optical"))

    def depth(self, number: int, topic: str = DEPTH, encoding: str = "32FC1") -> None:
        stamp_ns, _, depth_m, _ = shot(number)
        if encoding == "16UC1":
            depth_m = np.nan_to_num(depth_m * 1000, posinf=0).astype(np.uint16)
        self.write(topic, writer.image(depth_m, encoding, stamp_ns, "optical"))

    def close(self) -> Path:
        self._out.__exit__(None, None, None)
        return self.path


@pytest.fixture
def bag(tmp_path: Path) -> Bag:
    return Bag(tmp_path / "bag")


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1"])
def test_every_depth_image_is_shown_with_the_image_of_its_stamp(bag: Bag, encoding: str) -> None:
    for number in range(FRAMES):
        bag.info(number)
        bag.image(number)
        if number >= 2:  # answers come late
            bag.depth(number - 2, encoding=encoding)
    seen = Seen()
    assert view(bag.close(), [seen]) == FRAMES - 2
    assert seen.closed
    assert seen.stamps == [0, 1]
    for number, (name, stamp_ns, rgb, depth_m, camera) in enumerate(seen.frames):
        expected = shot(number)
        assert (name, stamp_ns, camera) == ("front/color", expected.stamp_ns, CAMERA)
        assert np.array_equal(rgb, expected.rgb)
        finite = np.isfinite(expected.depth_m)
        assert np.allclose(depth_m[finite], expected.depth_m[finite], atol=1e-3)
        assert not np.isfinite(depth_m[~finite]).any()


def test_depth_that_comes_before_its_image_waits_for_it(bag: Bag) -> None:
    bag.info(0)
    for number in range(FRAMES):
        bag.depth(number)
        bag.image(number, late_ns=3_000_000)
    seen = Seen()
    view(bag.close(), [seen])
    assert seen.stamps == list(range(FRAMES))
    assert all(np.array_equal(f[2], shot(n).rgb) for n, f in enumerate(seen.frames))


def test_depth_without_an_image_of_its_moment_is_left_out(bag: Bag) -> None:
    bag.info(0)
    for number in range(FRAMES):
        bag.depth(number)
        if number != 1:
            bag.image(number)
    seen = Seen()
    assert view(bag.close(), [seen]) == FRAMES - 1
    assert seen.stamps == [0, 2, 3]


def test_a_compressed_image_of_another_size_is_shown_in_the_size_of_the_depth(bag: Bag) -> None:
    double = CAMERA.scale(2 * CAMERA.width, 2 * CAMERA.height)
    bag.info(0, camera=double)
    stamp_ns, rgb, _, _ = shot(0, double)
    bag.write(f"{IMAGE}/compressed", compressed(rgb, stamp_ns))
    bag.depth(0)
    seen = Seen()
    view(bag.close(), [seen])
    name, _, rgb, depth_m, camera = seen.frames[0]
    assert name == "front/color"
    assert rgb.shape[:2] == depth_m.shape == (CAMERA.height, CAMERA.width)
    assert np.allclose(camera.matrix, CAMERA.matrix)


def test_images_of_no_stated_order_are_shown_as_the_settings_say(bag: Bag) -> None:
    bag.info(0)
    stamp_ns, rgb, _, _ = shot(0)
    bag.write(IMAGE, writer.image(rgb, "8UC3", stamp_ns, "optical"))
    bag.depth(0)
    path, seen = bag.close(), Seen()
    view(path, [seen], settings=Settings(untyped_order="bgr"))
    assert np.array_equal(seen.frames[0][2], rgb[..., ::-1])
    with pytest.raises(BagError, match="untyped_order"):
        view(path, [Seen()])


def test_compressed_depth_is_shown_and_a_broken_one_left_out(bag: Bag) -> None:
    bag.info(0)
    kind = writer.TYPESTORE.types["sensor_msgs/msg/CompressedImage"]
    for number in range(2):
        bag.image(number)
        stamp_ns, _, depth_m, _ = shot(number)
        said = packed(*inverse(depth_m)[:1], "32FC1", "png", *inverse(depth_m)[1:])
        data = np.frombuffer(said.data, np.uint8)[: None if number else 40]
        message = kind(writer.header(stamp_ns, "optical"), said.format, data)
        bag.write(f"{DEPTH}/compressedDepth", message)
    path, seen, losses = bag.close(), Seen(), Losses()
    assert view(path, [seen], losses=losses) == 1
    expected = shot(1).depth_m
    shown = np.isfinite(seen.frames[0][3])
    assert shown.mean() > 0.5
    assert np.allclose(seen.frames[0][3][shown], expected[shown], rtol=0.02)
    assert "1 messages of /depth/image/compressedDepth left out" in losses.lines()[0]


def test_the_nodes_own_pictures_are_not_mistaken_for_images(bag: Bag) -> None:
    bag.info(0)
    bag.info(0, topic="/depth/camera_info")
    bag.image(0)
    bag.image(0, topic="/depth/color")
    bag.depth(0)
    bag.depth(0, topic="/depth/relative")
    bag.depth(0, topic="/front/truth/image_raw")
    path = bag.close()
    truth = "/front/truth/image_raw"
    with Recording(path) as recording:
        found = find_topics(path, recording, None, None, Settings())
        assert found == Topics(IMAGE, DEPTH, "/depth/camera_info")
        found = find_topics(path, recording, None, truth, Settings())
        assert found == Topics(IMAGE, truth, INFO)


def test_several_candidates_are_listed(bag: Bag) -> None:
    bag.info(0)
    bag.image(0)
    bag.image(0, topic="/rear/image_raw")
    bag.depth(0)
    path, seen = bag.close(), Seen()
    with pytest.raises(BagError, match=r"/front/color/image_raw, /rear/image_raw.*--image"):
        view(path, [seen])
    assert seen.closed
    assert view(path, [Seen()], image=IMAGE) == 1


def test_what_is_missing_is_named(bag: Bag) -> None:
    bag.image(0)
    bag.depth(0)
    path = bag.close()
    with pytest.raises(BagError, match=r"no camera_info for /depth/image or /front/color"):
        view(path, [])
    with pytest.raises(BagError, match=r"no topic .*/nothing.*it has .*/depth/image"):
        view(path, [], image="/nothing")


@pytest.mark.parametrize("given", ["image", "depth"])
def test_a_topic_of_another_type_is_refused(bag: Bag, given: str) -> None:
    topics: dict[str, Any] = {given: INFO}
    bag.info(0)
    bag.image(0)
    bag.depth(0)
    with pytest.raises(BagError, match=r"is sensor_msgs/msg/CameraInfo, expected .*: /.*image"):
        view(bag.close(), [], **topics)


def test_a_bag_without_depth_is_named(bag: Bag) -> None:
    bag.info(0)
    bag.image(0)
    with pytest.raises(BagError, match=r"depth topics none, expected one"):
        view(bag.close(), [])


def test_images_of_other_moments_are_one_error(bag: Bag) -> None:
    bag.info(0)
    bag.image(3)
    bag.depth(0)
    with pytest.raises(BagError, match="no image within 50 ms"):
        view(bag.close(), [])


def test_the_command_line_draws_and_says_what(
    bag: Bag, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag.info(0)
    for number in range(FRAMES):
        bag.image(number)
        bag.depth(number)
    path, out = bag.close(), tmp_path / "preview.png"
    assert cli.main(["view", str(path), "--preview", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 4 frames\n"
    assert out.is_file()
    assert cli.main(["view", str(tmp_path / "nothing")]) == 2
    assert "nothing does not exist" in capsys.readouterr().err
