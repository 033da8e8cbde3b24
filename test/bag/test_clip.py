"""Recordings through a model that sees them whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros import cli
from depth_ros.bag import clip
from depth_ros.bag import writer as bag
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from depth_ros.config import Settings
from depth_ros.errors import BagError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.virtual_pinhole import virtual_pinhole
from depth_ros.messages import depth_from_image, stamp_ns
from depth_ros.models import ClipModel, ModelEntry, Output
from test.bag.recordings import START_NS, STEP_NS, WHITE_M, drive, picture, read, scene, write
from test.models import clip_checkpoints

SCALE, SHIFT = 3.0, 0.07
FRAMES = 6
ANCHORED: dict[str, Any] = {
    "scale_mode": "anchors",
    "anchors_type": "depth",
    "extrinsics": "parameters",
}


class OneLine(ClipModel):
    """Says inverse depth, read out of the images' brightness, scaled and shifted for all alike."""

    entry = ModelEntry("one-line", "test", "", Output.AFFINE_INVERSE_DEPTH, "Apache-2.0", True)

    def predict_clip(
        self,
        frames: Callable[[int], npt.NDArray[np.uint8]],
        count: int,
        seed: int = 42,
        progress: Callable[[float], None] | None = None,
    ) -> Iterator[npt.NDArray[np.float32]]:
        for index in range(count):
            depth_m = frames(index)[..., 0].astype(np.float32) / 255 * WHITE_M
            if progress:
                progress((index + 1) / count)
            yield ((1 / depth_m - SHIFT) / SCALE).astype(np.float32)


def with_truth(frames: tuple[int, ...] = tuple(range(FRAMES))) -> Iterator[Any]:
    """A drive with true depth of some frames, as another sensor may see it."""
    yield from drive(FRAMES)
    for index in frames:
        stamp = START_NS + index * STEP_NS
        truth = bag.image(scene(index), "32FC1", stamp, "camera_optical_frame")
        yield "/camera/truth", truth, stamp + 4_000_000


def source(tmp_path: Path, messages: Iterator[Any]) -> Path:
    return write(tmp_path / "in", sorted(messages, key=lambda message: message[2]))


def converted(
    tmp_path: Path, recording: Path, options: ConvertOptions | None = None, **settings: Any
) -> list[Any]:
    chosen, options = Settings().with_values(**settings), options or OPTIONS
    pipeline = clip.prepare([recording], OneLine(), chosen, options, tmp_path)
    convert([recording], tmp_path / "out", pipeline, options)
    return read(tmp_path / "out", "/depth/image" if pipeline.metric else "/depth/relative")


OPTIONS = ConvertOptions(
    images=("/camera/image",), anchors="/camera/truth", anchors_info="/camera/camera_info"
)


def test_one_scale_and_shift_make_a_whole_recording_metric(tmp_path: Path) -> None:
    recording = source(tmp_path, with_truth())
    depths = converted(tmp_path, recording, **ANCHORED)
    assert [stamp_ns(each.header) for each in depths] == [
        START_NS + i * STEP_NS for i in range(FRAMES)
    ]
    for index, depth in enumerate(depths):
        np.testing.assert_allclose(depth_from_image(depth), scene(index), rtol=1e-3)


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_a_clip_is_seen_upright_and_its_depth_is_on_the_images_own_pixels(
    tmp_path: Path, rotate: int
) -> None:
    recording = source(tmp_path, with_truth())
    shapes = []

    class Upright(OneLine):
        def predict_clip(
            self,
            frames: Callable[[int], npt.NDArray[np.uint8]],
            count: int,
            seed: int = 42,
            progress: Callable[[float], None] | None = None,
        ) -> Iterator[npt.NDArray[np.float32]]:
            def seen(index: int) -> npt.NDArray[np.uint8]:
                rgb = frames(index)
                shapes.append(rgb.shape)
                assert np.array_equal(rgb, np.rot90(picture(scene(index)), -rotate // 90))
                return rgb

            yield from super().predict_clip(seen, count, seed, progress)

    settings = Settings().with_values(**ANCHORED, rotate=rotate)
    pipeline = clip.prepare([recording], Upright(), settings, OPTIONS, tmp_path)
    convert([recording], tmp_path / "out", pipeline, OPTIONS)
    assert len(shapes) == FRAMES
    for index, depth in enumerate(read(tmp_path / "out", "/depth/image")):
        np.testing.assert_allclose(depth_from_image(depth), scene(index), rtol=1e-3)


def test_a_clip_of_a_fisheye_is_undistorted(tmp_path: Path) -> None:
    height, width = scene(0).shape
    fisheye = Camera(
        width, height, 0.5 * width, 0.5 * width, width / 2, height / 2, "equidistant", (0.0,) * 4
    )
    pinhole = virtual_pinhole(fisheye)
    assert pinhole is not None
    shapes = []

    class Seeing(OneLine):
        def predict_clip(
            self, frames: Callable[[int], npt.NDArray[np.uint8]], *given: Any, **named: Any
        ) -> Iterator[npt.NDArray[np.float32]]:
            def seen(index: int) -> npt.NDArray[np.uint8]:
                rgb = frames(index)
                shapes.append(rgb.shape)
                return rgb

            yield from super().predict_clip(seen, *given, **named)

    def messages() -> Iterator[Any]:
        for topic, message, time_ns in with_truth():
            if topic == "/camera/camera_info":
                message = bag.camera_info(fisheye, stamp_ns(message.header), "camera_optical_frame")
            yield topic, message, time_ns

    recording = source(tmp_path, messages())
    pipeline = clip.prepare([recording], Seeing(), Settings(**ANCHORED), OPTIONS, tmp_path)
    convert([recording], tmp_path / "out", pipeline, OPTIONS)
    assert shapes == [(pinhole.height, pinhole.width, 3)] * FRAMES
    for index, depth in enumerate(read(tmp_path / "out", "/depth/image")):
        found = depth_from_image(depth)
        known = np.isfinite(found)
        assert 0.5 < known.mean() < 1
        np.testing.assert_allclose(found[known], scene(index)[known], rtol=0.03)


def test_frames_without_anchors_have_the_recordings_scale(tmp_path: Path) -> None:
    recording = source(tmp_path, with_truth((0, 5)))
    depths = converted(tmp_path, recording, **ANCHORED, anchors_max_age_s=0.01)
    assert len(depths) == FRAMES
    for index, depth in enumerate(depths):
        np.testing.assert_allclose(depth_from_image(depth), scene(index), rtol=1e-3)


def test_a_part_and_every_second_frame_are_converted_alone(tmp_path: Path) -> None:
    recording = source(tmp_path, with_truth())
    options = ConvertOptions(
        images=OPTIONS.images,
        anchors=OPTIONS.anchors,
        anchors_info=OPTIONS.anchors_info,
        every=2,
        end_s=0.45,
    )
    depths = converted(tmp_path, recording, options, **ANCHORED)
    assert [stamp_ns(each.header) for each in depths] == [START_NS + i * STEP_NS for i in (0, 2, 4)]


def test_without_a_reference_values_are_relative(tmp_path: Path) -> None:
    recording = source(tmp_path, drive(FRAMES))
    values = converted(tmp_path, recording)
    expected = (1 / scene(2) - SHIFT) / SCALE
    found = np.frombuffer(values[2].data, np.float32).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_recording_that_tells_no_scale_is_refused(tmp_path: Path) -> None:
    recording = source(tmp_path, with_truth((0,)))
    far = {**ANCHORED, "anchors_max_age_s": 0.0}
    options = ConvertOptions(
        images=OPTIONS.images,
        anchors=OPTIONS.anchors,
        anchors_info=OPTIONS.anchors_info,
        start_s=0.2,
    )
    with pytest.raises(ScaleError, match="nothing is known of any frame"):
        converted(tmp_path, recording, options, **far)


def test_several_cameras_are_refused(tmp_path: Path) -> None:
    both = [*drive(2, "/left"), *drive(2, "/right")]
    recording = source(tmp_path, iter(both))
    with pytest.raises(BagError, match="expected one"):
        converted(tmp_path, recording, ConvertOptions(images=("/left/image", "/right/image")))


def test_a_recording_without_a_usable_image_is_refused(tmp_path: Path) -> None:
    broken = [(t, m, at) for t, m, at in drive(2) if not t.endswith("camera_info")]
    broken += [(t, m, at) for t, m, at in drive(1, "/other") if t.endswith("camera_info")]
    info = "/other/camera_info"
    recording = source(tmp_path, iter(broken))
    for message in broken:
        if message[0] == "/camera/image":
            message[1].data = message[1].data[:-5]
    recording = write(tmp_path / "cut", sorted(broken, key=lambda message: message[2]))
    with pytest.raises(BagError, match="no image of the recording can be used"):
        converted(tmp_path, recording, ConvertOptions(images=("/camera/image",), infos=(info,)))


@pytest.mark.slow
def test_a_checkpoint_of_depthcrafter_converts_a_recording(tmp_path: Path) -> None:
    weights = clip_checkpoints.build(tmp_path / "weights")
    recording = source(tmp_path, drive(3))
    out = tmp_path / "out"
    command = ["convert", str(recording), str(out), "--set", "model=depthcrafter"]
    command += ["--set", f"weights={weights}", "--set", "device=cpu"]
    assert cli.main(command) == 0
    values = read(out, "/depth/relative")
    assert len(values) == 3
    assert np.isfinite(np.frombuffer(values[0].data, np.float32)).all()


def test_images_that_share_stamps_are_refused(tmp_path: Path) -> None:
    messages = list(drive(3))
    for topic, message, _ in messages:
        if topic == "/camera/image":
            message.header.stamp.sec, message.header.stamp.nanosec = 0, 0
    with pytest.raises(BagError, match="same stamp"):
        converted(tmp_path, source(tmp_path, iter(messages)))


def test_what_would_be_refused_in_the_end_is_refused_before_the_network_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: Any, **keywords: Any) -> Any:
        raise AssertionError("the network ran")

    monkeypatch.setattr(OneLine, "predict_clip", run)
    taken = [
        ("/depth/relative" if topic == "/chatter" else topic, message, at)
        for topic, message, at in drive(2)
    ]
    with pytest.raises(BagError, match="already has /depth/relative"):
        converted(tmp_path, source(tmp_path, iter(taken)))
