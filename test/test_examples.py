"""The scripts of examples/, run as a user would run them, on what takes little time."""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_ros import cli
from depth_ros.cli import exit_codes
from depth_ros.demo import write_drive

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *said: object) -> Any:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]([str(word) for word in said])


def run_script(name: str, *said: object) -> int:
    """Run a script as from a shell, and return its exit code."""
    with patch.object(sys, "argv", [name, *map(str, said)]), pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    if isinstance(ended.value.code, str):  # Python prints it, and exits with 1
        print(ended.value.code, file=sys.stderr)
        return 1
    return int(ended.value.code or 0)


def write_video(path: Path, images: Iterable[npt.NDArray[np.uint8]]) -> Path:
    code = cv2.VideoWriter.fourcc(*"MJPG")
    film = cv2.VideoWriter(str(path), code, 10.0, (64, 48))
    for image in images:
        film.write(image)
    film.release()
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames, which stand for a webcam."""
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), np.uint8)
    return write_video(tmp_path_factory.mktemp("video") / "camera.avi", images)


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag with images, depth, and a robot's TF."""
    path = tmp_path_factory.mktemp("bag") / "drive"
    write_drive(path, 6, seed=0)
    return path


def read_ply(path: Path) -> npt.NDArray[np.void]:
    head, _, body = path.read_bytes().partition(b"end_header\n")
    kinds = {"float": "<f4", "uchar": "u1"}
    rows = re.findall(r"property (\w+) (\w+)", head.decode())
    return np.frombuffer(body, np.dtype([(name, kinds[kind]) for kind, name in rows]))


def test_every_script_is_named_and_tested() -> None:
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == set(re.findall(r"\((\w+\.py)\)", (EXAMPLES / "README.md").read_text()))
    assert scripts == {
        f"{name}.py" for name in re.findall(r'run\("(\w+)"', Path(__file__).read_text())
    }


def test_a_video_becomes_a_cloud(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("webcam_to_cloud", video, "--fov-deg", 70, "--frames", 2, "--out", tmp_path / "cloud.ply")
    assert capsys.readouterr().out.count("Depth(64x48") == 2
    points = read_ply(tmp_path / "cloud.ply")
    assert 0 < len(points) <= 64 * 48
    assert np.isfinite(points["z"]).all() and (points["z"] > 0).all()


def test_two_cameras_share_a_network(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("two_cameras", video, video, "--fov-deg", 70, 110)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for line in lines:
        near, far = (float(text) for text in re.findall(r"([\d.]+) m", line))
        # The same image through a wider lens is nearer: the focal length is half as long.
        assert far < near


def test_a_recording_becomes_a_map_in_the_fixed_frame(drive: Path, tmp_path: Path) -> None:
    run("bag_to_map", drive, tmp_path / "map.ply", "--every", 2)
    points = read_ply(tmp_path / "map.ply")
    assert len(points) > 1000
    # odom is on the floor, z up: rooms are above it, and most of what a robot sees is below 2 m.
    assert -0.5 < np.median(points["z"]) < 2.0
    assert (points["z"] > -0.5).mean() > 0.95


@pytest.mark.slow
def test_a_recording_fine_tunes_the_embedded_network(
    drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the training itself scores at its end takes longer than all else.
    monkeypatch.setattr("depth_ros.cli.evaluate.score_rendered", lambda *_: None)
    weights, report = tmp_path / "weights", tmp_path / "scores"
    parts = ["--train", "0:4", "--score", "4:6", "--steps", 1, "--rooms", 2, "--report", report]
    assert run("finetune", drive, weights, *parts) == 0
    rows = json.loads((report / "scores.json").read_text())
    assert {"zoedepth-lite", str(weights)} <= set(re.findall(r'"([^"]+)"', json.dumps(rows)))
    assert cli.main(["models", str(weights), "--check"]) == 0


@pytest.mark.parametrize(
    ("name", "said", "code", "expected"),
    [
        ("bag_to_map", ["missing", "map.ply"], exit_codes.FAILED, "missing cannot be read"),
        ("two_cameras", ["a.mp4", "b.mp4", "--fov-deg", 70, 70], exit_codes.FAILED, "no image"),
        ("webcam_to_cloud", ["a.mp4", "--fov-deg", 70], exit_codes.FAILED, "no image"),
        ("webcam_to_cloud", ["a.mp4", "--fov-deg", 70, "--model", "x"], exit_codes.WRONG, "'x'"),
        ("finetune", ["missing", "weights"], exit_codes.WRONG, "missing does not exist"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    name: str, said: list[object], code: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script(name, *said) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
