"""depth_ros convert, as it is words on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_ros import cli
from depth_ros.bag import reader
from depth_ros.bag.options import ConvertOptions
from depth_ros.cli import convert as verb
from depth_ros.cli.given_settings import check_anchors, given
from depth_ros.config import Settings
from depth_ros.errors import SettingError
from depth_ros.messages import depth_from_image, points_from_cloud
from test.bag.recordings import CAMERA, Message, by_topic, drive, read, write


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in", drive(4))


def words(source: Path, out: Path, checkpoint: Path, *more: str) -> list[str]:
    model = ["--set", f"model={checkpoint}", "--set", "device=cpu"]
    return ["convert", str(source), str(out), *model, *more]


def test_a_bag_is_converted(
    source: Path, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    more = ["--with", "points", "scan", "--storage", "sqlite3", "--batch", "2", "--prefix", "/net"]
    more += ["--set", "depth_encoding=16UC1", "--scan-rows", "5", "--scan-frame", "laser"]
    assert cli.main(words(source, out, checkpoint, *more)) == 0
    assert "camera: 4 of 4 frames answered" in capsys.readouterr().out
    assert len(list(out.glob("*.db3"))) == 1
    assert {m.encoding for m in read(out, "/net/depth/image")} == {"16UC1"}
    assert {m.header.frame_id for m in read(out, "/net/scan")} == {"laser"}
    assert len(by_topic(out)["/net/points"]) == 4


def test_a_damaged_bag_is_converted_in_part_and_says_so(
    source: Path, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in" / "metadata.yaml").unlink()
    whole = (tmp_path / "in" / "in.mcap").read_bytes()
    (tmp_path / "in" / "more.mcap").write_bytes(whole[: len(whole) // 2])
    assert cli.main(words(source, tmp_path / "out", checkpoint, "--every", "4")) == 3
    errors = capsys.readouterr().err
    assert "depth_ros: damaged: more.mcap: from byte" in errors


def test_an_error_is_one_line(
    source: Path, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = words(source, tmp_path / "out", checkpoint, "--image", "/nothing")
    assert cli.main(arguments) == 2
    assert "depth_ros: /nothing is not in the bag" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_frame_that_is_answered_is_a_failure(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def without_k() -> Iterator[Message]:
        for topic, message, time_ns in drive(2):
            if topic.endswith("camera_info"):
                message.k[:] = 0
            yield topic, message, time_ns

    source = write(tmp_path / "in", without_k())
    assert cli.main(words(source, tmp_path / "out", checkpoint)) == 1
    printed = capsys.readouterr()
    assert "camera: 0 of 2 frames answered" in printed.out
    assert "2 frames skipped, CameraError: camera_info has an all-zero k" in printed.err
    assert "depth_ros: no frame was answered" in printed.err


def test_a_part_without_images_is_a_failure_that_says_so(
    source: Path, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = ["--start", "0.11", "--end", "0.15"]
    assert cli.main(words(source, tmp_path / "out", checkpoint, *part)) == 1
    assert "depth_ros: there is no image in that part of the bag" in capsys.readouterr().err


def test_a_camera_that_hangs_upside_down_is_answered_as_one_that_does_not(
    tmp_path: Path, checkpoint: Path
) -> None:
    """A whole recording turned by 180 degrees gives the same depth and points, turned alike."""
    hung_camera = CAMERA.turned(2)

    def hung() -> Iterator[Message]:
        for topic, message, time_ns in drive(2):
            if topic.endswith("image"):
                message.data = message.data.reshape(CAMERA.height, -1, 3)[::-1, ::-1].reshape(-1)
            elif topic.endswith("camera_info"):
                message.k = hung_camera.matrix.reshape(-1)
            yield topic, message, time_ns

    more = ["--with", "points", "--only-depth"]
    more += [f"--set={words}" for words in ("points.organised=true", "edges.filter=off")]
    upright, turned, wrong = (tmp_path / name for name in ("upright", "turned", "wrong"))
    assert cli.main(words(write(tmp_path / "a", drive(2)), upright, checkpoint, *more)) == 0
    source = write(tmp_path / "b", hung())
    assert cli.main(words(source, wrong, checkpoint, *more)) == 0
    assert cli.main(words(source, turned, checkpoint, *more, "--rotate", "180")) == 0

    def depths(out: Path) -> Any:
        return np.stack([depth_from_image(message) for message in read(out, "/depth/image")])

    def points(out: Path) -> Any:
        shape = (2, CAMERA.height, CAMERA.width, 3)
        return np.stack([points_from_cloud(m).xyz for m in read(out, "/points")]).reshape(shape)

    expected = depths(upright)[:, ::-1, ::-1]
    np.testing.assert_allclose(depths(turned), expected, rtol=1e-5)
    assert np.abs(depths(wrong) - expected).max() > 1e-3  # the network is not blind to it
    there = points(upright)[:, ::-1, ::-1] * (-1, -1, 1)
    np.testing.assert_allclose(points(turned), there, rtol=1e-4, atol=1e-5)


def test_what_a_flag_says_of_the_camera_beats_the_settings(tmp_path: Path) -> None:
    words = ["convert", "in", "out", "--set", "rotate=180", "--set", "fov_deg=60"]
    options = cli.parser().parse_args([*words, "--rotate", "0"])
    settings = given(None, options.set).with_values(**verb._camera(options))
    assert (settings.rotate, settings.fov_deg) == (0, 60.0)


def test_interrupted_and_resumed(source: Path, tmp_path: Path, checkpoint: Path) -> None:
    for _ in range(2):
        arguments = words(source, tmp_path / "out", checkpoint, "--resume", "--only-depth")
        assert cli.main(arguments) == 0
    assert len(list(reader.records(tmp_path / "out"))) == 9


def test_settings_come_from_a_file_and_from_words_over_it(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    lines = ["use_sim_time: true", "stride: 4", "flip: true"]
    file.write_text("\n    ".join(["/robot/depth:\n  ros__parameters:", *lines]))
    words = ["stride=2", "min_depth_m=0.5", "flip=False", "anchors.pose=[1,2,3,0,0,-1.5]"]
    words += ["cameras=[front, left]"]
    settings = given(file, words)
    expected: dict[str, Any] = {
        "stride": 2,
        "min_depth_m": 0.5,
        "anchors_pose": (1.0, 2.0, 3.0, 0.0, 0.0, -1.5),
        "cameras": ("front", "left"),
    }
    assert settings == Settings().with_values(**expected)
    assert given(file, []).stride == 4


@pytest.mark.parametrize(
    ("word", "output"),
    [
        ("stride", "expected NAME=VALUE"),
        ("strid=2", "did you mean stride"),
        ("stride=two", "stride is 'two', expected an integer of 1 to 64"),
        ("anchors.pose=a", "anchors.pose is 'a', expected 6 numbers of -1000"),
        ("stride=0", "expected 1 to 64"),
        ("flip=maybe", "expected true or false"),
        ("anchors.pose=1,2", "expected 6 numbers"),
        ("beyond_range=true", "beyond_range is True, expected one of drop, max"),
    ],
)
def test_a_wrong_setting_is_refused(word: str, output: str) -> None:
    with pytest.raises(SettingError, match=output):
        given(None, [word])


def test_anchors_that_the_settings_do_not_use_are_refused() -> None:
    check_anchors(Settings(), "--anchors", "")
    check_anchors(Settings(scale_mode="anchors"), "--anchors", "/points")
    with pytest.raises(SettingError, match=r"--anchors is '/points' and scale.mode 'model'"):
        check_anchors(Settings(), "--anchors", "/points")


def test_off_may_be_said_as_yaml_reads_it() -> None:
    for word in ("off", "false", "False"):
        assert given(None, [f"edges.filter={word}"]).edges_filter == "off"


@pytest.mark.parametrize("text", ["", "a: 1", "node:\n  ros__parameters: [", "node: {}"])
def test_a_file_that_has_no_parameters_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    for path in (tmp_path / "params.yaml", tmp_path / "missing.yaml"):
        with pytest.raises(SettingError, match="not a parameter file"):
            given(path, [])


def test_a_preview_is_drawn_on_the_way(source: Path, tmp_path: Path, checkpoint: Path) -> None:
    pytest.importorskip("depth_ros.viz.preview")
    picture = tmp_path / "preview.png"
    assert cli.main(words(source, tmp_path / "out", checkpoint, "--preview", str(picture))) == 0
    assert picture.stat().st_size > 1000


def test_the_plan_of_a_fleet_is_that_of_the_command_line() -> None:
    words = ["--image=/a", "--image=/b", "--with", "scan", "points", "--set=stride=2", "--every=3"]
    words += ["--only-depth", "--end=2.5", "--scan-frame=-odd", "--rotate=180"]
    plan = verb._plan(cli.parser().parse_args(["convert", "in", "out", *words]))
    assert plan.settings == Settings(stride=2, rotate=180)
    assert plan.options == ConvertOptions(
        images=("/a", "/b"),
        extras=("scan", "points"),
        only_depth=True,
        end_s=2.5,
        every=3,
        scan_frame="-odd",
    )
