"""The demonstration, short: a real node in its own process, over real DDS."""

import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from depth_ros import cli, demo, messages, node_process
from depth_ros.bag import reader
from depth_ros.bag.reader import Recording
from depth_ros.bag.references import BagReferences
from depth_ros.bag.transforms import Transforms
from depth_ros.config import Settings
from depth_ros.evaluation.metrics import Scores
from depth_ros.output_paths import MARKER
from depth_ros.pipeline import Frame
from depth_ros.scale.ground import Mount
from depth_ros.training.scenes import Robot, random_drive

pytest.importorskip("rclpy")

pytestmark = [pytest.mark.dds, pytest.mark.slow]

MODELS = ("zoedepth-tiny", "grin-tiny")
GOOD = demo.Report(100, 95, 100, 40.0, 60.0, 80.0, Scores(0.1, 0.9, 0.5))


def test_the_bars_are_answers_and_quality() -> None:
    assert GOOD.passed
    assert not GOOD._replace(answered=89).passed
    assert not GOOD._replace(scores=Scores(0.16, 0.9, 0.5)).passed
    assert not GOOD._replace(scores=Scores(0.1, 0.79, 0.5)).passed
    assert not GOOD._replace(scores=Scores(float("nan"), 0.9, 0.5)).passed
    assert GOOD._replace(answered=50, expected=55).passed, "a slow machine is not a sick node"


class Run(NamedTuple):
    """What a demonstration said, and a copy of the folder that it wrote."""

    report: demo.Report
    folder: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The demonstration of each model, into one folder."""
    base, found = tmp_path_factory.mktemp("demo"), {}
    for model in MODELS:
        report = demo.run(base / "out", model, seconds=1.5, seed=3)
        found[model] = Run(report, Path(shutil.copytree(base / "out", base / model)))
    return found


def test_the_demonstration_declares_its_files(runs: dict[str, Run]) -> None:
    for _, folder in runs.values():  # the second one replaces what the first one wrote
        names = json.loads((folder / MARKER).read_text())["names"]
        assert sorted(os.listdir(folder)) == sorted([MARKER, *names])


@pytest.mark.parametrize("model", MODELS)
def test_a_drive_becomes_a_depth_recording_and_a_picture(model: str, runs: dict[str, Run]) -> None:
    report, folder = runs[model]
    assert report.images == 15
    assert 1 <= report.answered <= 15
    assert report.median_ms > 0
    assert report.cpu_percent > 0
    recorded = list(reader.records(folder / "recording"))
    topics = {record.topic for record in recorded}
    outputs = {"/depth/image", "/depth/camera_info", "/depth/color", "/points", "/diagnostics"}
    assert outputs <= topics
    assert {demo.IMAGE, demo.INFO, demo.TRUTH, "/tf", "/tf_static"} <= topics, (
        "what was played, too"
    )
    picture = cv2.imread(str(folder / "preview.png"))
    assert picture is not None
    assert picture.shape[1] == 4 * 320
    assert json.loads((folder / "replay.json").read_text())["images"] == 15


def test_the_drive_has_a_robots_tf_and_the_ground_is_found_by_it(tmp_path: Path) -> None:
    demo.write_drive(tmp_path / "drive", steps=3, seed=1)
    drive = random_drive(np.random.default_rng(1), Robot(), 640, 480, 3)
    settings = Settings(scale_mode="ground")
    with Recording(tmp_path / "drive") as recording:
        static, moving = (recording.records([name]) for name in ("/tf_static", "/tf"))
        tf = Transforms(static, moving)
        for record in recording.records([demo.IMAGE]):
            at = (record.time_ns, record.time_ns)
            step = round((record.time_ns - demo._START_NS) / demo._STEP_NS)
            pose = drive.poses[step]
            camera = tf.look_up("odom", demo.FRAME, *at)
            assert camera == pytest.approx(pose.world_from_optical(), abs=1e-6)
            height = tf.look_up("base_link", demo.FRAME, *at)[2, 3]
            assert height == pytest.approx(pose.z - 0.1)
        first = next(iter(recording.records([demo.IMAGE])))
        frame = Frame(np.zeros((480, 640, 3), np.uint8), drive.camera, first.time_ns, demo.FRAME)
        mount = BagReferences(recording, settings).of(frame, first.time_ns)
    assert isinstance(mount, Mount)
    assert mount.height_m == pytest.approx(drive.poses[0].z)


def test_recorded_depth_answers_the_image_of_its_stamp(tmp_path: Path) -> None:
    demo.write_drive(tmp_path / "drive", steps=3, seed=1)
    played = list(reader.messages(tmp_path / "drive", demo.IMAGE, demo.INFO, demo.TRUTH))
    assert len(played) == 9
    stamps = [messages.stamp_ns(message.header) for _, message in played]
    assert stamps == sorted(stamps)
    info = next(message for topic, message in played if topic == demo.INFO)
    assert (info.width, info.height) == (640, 480)


def test_a_node_that_answers_no_image_is_a_failure_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = SimpleNamespace(pid=os.getpid())
    monkeypatch.setattr(node_process, "running", lambda log, arguments: nullcontext(silent))
    write_drive = demo.write_drive
    monkeypatch.setattr(demo, "write_drive", lambda path, steps, seed: write_drive(path, 1, seed))
    # What is recorded is what was played, and nothing else.
    monkeypatch.setattr(
        demo, "_replay", lambda out: shutil.copytree(out / "drive", out / "recording")
    )
    out = tmp_path / "demo"
    assert cli.main(["demo", "--seconds", "1", "--out", str(out)]) == 1
    *_, told = capsys.readouterr().err.splitlines()
    assert told == f"depth_ros: no image was answered, see {out / 'node.log'}"


@pytest.mark.parametrize("verb", ["evaluate", "demo"])
def test_a_model_that_does_not_exist_is_one_line_and_exit_code_2(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([verb, "--model", "nonsense", "--out", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("depth_ros: model 'nonsense' is unknown")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
