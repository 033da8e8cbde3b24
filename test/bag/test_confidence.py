"""Confidence of a model that says it, in a converted recording."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from depth_ros import cli
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from depth_ros.config import Settings
from depth_ros.errors import BagError
from depth_ros.evaluation.picture import WIDTH
from depth_ros.messages import depth_from_image, stamp_ns
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.viz.panel import grey
from depth_ros.viz.preview import Preview
from test.bag.recordings import CAMERA, by_topic, drive, pipeline, read, write
from test.models.checkpoints import build

TOPIC = "/depth/confidence"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in", drive(3))


@pytest.fixture
def grin(tmp_path: Path) -> Path:
    (tmp_path / "grin").mkdir()
    return build("grin", tmp_path / "grin")


def confident(grin: Path, samples: int = 3) -> Pipeline:
    torch.set_num_threads(1)
    return Pipeline.from_settings(Settings(str(grin), device="cpu", grin_samples=samples))


def test_every_images_confidence_is_written_beside_its_depth(
    source: Path, grin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    convert([source], out, confident(grin), ConvertOptions(extras=("confidence",)))
    assert set(by_topic(out)) - set(by_topic(source)) == {
        TOPIC,
        "/depth/image",
        "/depth/camera_info",
    }
    images, found = read(out, "/camera/image"), read(out, TOPIC)
    assert [each.header for each in found] == [each.header for each in images]
    again = confident(grin)
    for image, message in zip(images, found, strict=True):
        assert (message.encoding, message.width, message.height) == ("32FC1", 64, 48)
        rgb = np.reshape(image.data, (48, 64, 3))
        expected = again(Frame(rgb, CAMERA, stamp_ns(image.header))).confidence
        assert expected is not None
        values = np.frombuffer(message.data.tobytes(), np.float32).reshape(48, 64)
        np.testing.assert_allclose(values, expected.numpy(), rtol=1e-4)
        assert values.min() >= 0
        assert values.max() <= 1
        assert values.std() > 0.01


def test_a_preview_shows_it_where_it_is_written(source: Path, grin: Path, tmp_path: Path) -> None:
    for extras, parts in (((), 3), (("confidence",), 4)):
        out = tmp_path / f"{parts}"
        preview = Preview(out.with_suffix(".png"))
        convert([source], out, confident(grin), ConvertOptions(extras=extras), [preview])
        sheet = cv2.imread(str(out.with_suffix(".png")))
        assert sheet is not None
        assert sheet.shape[1] == parts * WIDTH
        assert sheet[:, -WIDTH:].std() > 1


def test_a_frames_confidence_is_grey() -> None:
    share = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    assert grey(share)[0, :, 0].tolist() == [0, 128, 255, 0]


def test_it_is_written_only_when_it_is_asked_for(source: Path, grin: Path, tmp_path: Path) -> None:
    convert([source], tmp_path / "out", confident(grin))
    assert TOPIC not in by_topic(tmp_path / "out")


def test_a_model_without_confidence_is_refused_before_anything_is_written(
    source: Path, grin: Path, tmp_path: Path
) -> None:
    options = ConvertOptions(extras=("confidence",))
    for unsure in (confident(grin, samples=1), pipeline()):
        with pytest.raises(BagError, match="gives no confidence"):
            convert([source], tmp_path / "out", unsure, options)


def test_the_verb_writes_confidence(source: Path, grin: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = ["--set", f"model={grin}", "--set", "device=cpu", "--set", "grin.samples=2"]
    assert cli.main(["convert", str(source), str(out), *said, "--with", "confidence"]) == 0
    assert len(read(out, TOPIC)) == 3


def test_carried_frames_of_a_recording_follow_each_other(
    source: Path, grin: Path, tmp_path: Path
) -> None:
    said = Settings(str(grin), device="cpu", grin_carry=True, edges_filter="off")
    convert([source], tmp_path / "out", Pipeline.from_settings(said), ConvertOptions(batch=2))
    again = Pipeline.from_settings(said)
    images = read(tmp_path / "out", "/camera/image")
    for image, message in zip(images, read(tmp_path / "out", "/depth/image"), strict=True):
        rgb = np.reshape(image.data, (48, 64, 3))
        expected = again(Frame(rgb, CAMERA, stamp_ns(image.header), image.header.frame_id))
        found = depth_from_image(message)
        np.testing.assert_allclose(found, expected.depth_m.numpy(), rtol=1e-4)
