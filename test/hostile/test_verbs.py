"""Odd files in the place of every kind of input and output: one line each, at once, and no harm."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros import cli, models
from depth_ros.cli import exit_codes
from depth_ros.evaluation import picture
from depth_ros.evaluation.datasets import files
from depth_ros.training.rendered import FILE
from depth_ros.training.run_folder import run_folder
from depth_ros.training.train import CHECKPOINT
from test.bag.recordings import drive, write

TOO_LONG_S = 60
"""A pipe is waited for without end; nothing here takes more than a few seconds."""


@pytest.fixture(autouse=True)
def hurried() -> Iterator[None]:
    """Fail what hangs."""

    def late(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(TOO_LONG_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def ring(path: Path) -> None:
    path.symlink_to(path)


def nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def junk(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(4000))


def empty(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


ODD: tuple[Callable[[Path], None], ...] = (pipe, device, ring, nowhere, junk, empty, folder)


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bag") / "in", drive(2))


def refused(arguments: list[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail, and return its last line."""
    code = cli.main([str(word) for word in arguments])
    errors = capsys.readouterr().err
    assert code in (exit_codes.FAILED, exit_codes.WRONG), errors
    assert "unexpected" not in errors
    line = errors.splitlines()[-1]
    assert line.startswith("depth_ros: ")
    return line


INPUTS: dict[str, tuple[str, list[str]]] = {
    "bag": ("a.mcap", ["convert", "ODD", "OUT"]),
    "bag of ROS 1": ("a.bag", ["convert", "ODD", "OUT"]),
    "bag to look at": ("a.mcap", ["view", "ODD", "--preview", "OUT.png"]),
    "bag to score": ("a.mcap", ["evaluate", "zoedepth-tiny", "--data", "ODD", "--out", "OUT"]),
    "bag to learn": ("a.mcap", ["train", "--data", "ODD", "--out", "OUT", *["--steps", "1"]]),
    "bag to measure": ("a.mcap", ["export", "zoedepth-tiny", "OUT.onnx", "--int8", "--calibrate"]),
    "exported model": ("a.onnx", ["models", "ODD", "--check"]),
    "model": ("a", ["infer", "PICTURE", "--fov-deg", "60", "--model", "ODD", "--out", "OUT"]),
    "parameters": ("a.yaml", ["convert", "BAG", "OUT", "--params", "ODD"]),
    "calibration": ("a.yaml", ["convert", "BAG", "OUT", "--camera-calibration", "ODD"]),
    "camera": ("a.yaml", ["infer", "PICTURE", "--camera", "ODD", "--out", "OUT"]),
    "picture": ("a.png", ["infer", "ODD", "--fov-deg", "60", "--out", "OUT"]),
    "video": ("a.mp4", ["infer", "ODD", "--fov-deg", "60", "--out", "OUT"]),
}
"""By what it is: the name of the odd file, and the command."""


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.__name__)
@pytest.mark.parametrize("kind", INPUTS)
def test_an_odd_file_is_refused_in_one_line(
    kind: str,
    odd: Callable[[Path], None],
    bag: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, words = INPUTS[kind]
    odd(tmp_path / name)
    picture, out = tmp_path / "good.png", tmp_path / "out"
    cv2.imwrite(str(picture), np.zeros((8, 8, 3), np.uint8))
    places = {"ODD": tmp_path / name, "OUT": out, "BAG": bag, "PICTURE": picture}
    places |= {"OUT.png": out.with_suffix(".png"), "OUT.onnx": out.with_suffix(".onnx")}
    arguments = [places.get(word, word) for word in words]
    if words[-1] == "--calibrate":
        arguments.append(tmp_path / name)
    assert str(tmp_path / name) in refused(arguments, capsys)


OUTPUTS: dict[str, list[str]] = {
    "convert": ["BAG", "ODD"],
    "infer": ["PICTURE", "--fov-deg", "60", "--out", "ODD"],
    "evaluate": ["zoedepth-tiny", "--limit", "1", "--out", "ODD"],
    "demo": ["--out", "ODD"],
    "train": ["--steps", "1", "--init", "zoedepth-lite", "--data", "BAG", "--out", "ODD"],
    "view": ["BAG", "--preview", "ODD.png"],
    "profile": ["--frames", "1", "--out", "ODD.png"],
    "export": ["zoedepth-tiny", "ODD.onnx"],
    "models": ["zoedepth-nyu", "--convert", "ODD"],
}


@pytest.mark.parametrize("odd", [pipe, device, ring, nowhere, junk], ids=lambda odd: odd.__name__)
@pytest.mark.parametrize("verb", OUTPUTS)
def test_an_odd_output_is_refused_and_left_as_it_is(
    verb: str,
    odd: Callable[[Path], None],
    bag: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ending = OUTPUTS[verb][-1].removeprefix("ODD")
    path = tmp_path / f"odd{ending}"
    odd(path)
    before = path.lstat()
    picture = tmp_path / "good.png"
    cv2.imwrite(str(picture), np.zeros((8, 8, 3), np.uint8))
    places = {f"ODD{ending}": path, "BAG": bag, "PICTURE": picture}
    arguments = [verb, *(places.get(word, word) for word in OUTPUTS[verb])]
    assert str(path) in refused(arguments, capsys)
    after = path.lstat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.__name__)
def test_an_odd_file_of_a_checkpoint_is_refused(
    odd: Callable[[Path], None], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "checkpoint"
    shutil.copytree(models.MODELS["zoedepth-tiny"].source, checkpoint)
    (checkpoint / name).unlink()
    odd(checkpoint / name)
    assert str(checkpoint) in refused(["models", checkpoint, "--check"], capsys)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.__name__)
@pytest.mark.parametrize(
    "name", ["camera.json", "rgb/0.png", "depth/0.png", "depth/0.npy", "poses.txt"]
)
def test_an_odd_file_of_a_folder_of_rgbd_is_named(
    name: str, odd: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = rgbd(tmp_path / "rgbd")
    (root / "rgb" / "1.png").unlink()
    (root / name).unlink(missing_ok=True)
    odd(root / name)
    arguments: list[str | Path] = [
        "evaluate",
        "zoedepth-tiny",
        "--data",
        root,
        "--out",
        tmp_path / "o",
    ]
    if odd in (ring, nowhere) and name in ("depth/0.npy", "poses.txt"):
        pytest.skip("what leads nowhere is as if it were not there, and it need not be")
    assert str(root) in refused(arguments, capsys)


def test_an_image_that_is_none_costs_only_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = rgbd(tmp_path / "rgbd")
    junk(root / "rgb" / "0.png")
    code = cli.main(
        ["evaluate", "zoedepth-tiny", "--data", str(root), "--out", str(tmp_path / "out")]
    )
    assert code == exit_codes.DONE
    assert f"1 images left out: {root / 'rgb' / '0.png'}" in capsys.readouterr().err
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert [image["name"] for image in scores["models"][0]["images"]] == ["1"]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"fx": "a", "fy": 1, "cx": 2, "cy": 3}',
        '{"fx": NaN, "fy": 1, "cx": 2, "cy": 3}',
        '{"fx": 60, "fy": 60, "cx": 2, "cy": 3, "lens": "x"}',
        '{"fx": 60, "fy": 60, "cx": 2, "cy": 3, "coefficients": 7}',
        "[" * 100_000,
    ],
    ids=["list", "text", "nan", "lens", "coefficients", "deep"],
)
def test_a_camera_that_is_none_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = rgbd(tmp_path / "rgbd")
    (root / "camera.json").write_text(text)
    refused(["evaluate", "zoedepth-tiny", "--data", root, "--out", tmp_path / "out"], capsys)


def rgbd(root: Path) -> Path:
    """Write a folder of two images with depth."""
    rng = np.random.default_rng(0)
    for name in ("rgb", "depth"):
        (root / name).mkdir(parents=True)
    for number in range(2):
        depth_mm = rng.integers(500, 5000, (24, 32)).astype(np.uint16)
        cv2.imwrite(str(root / "depth" / f"{number}.png"), depth_mm)
        rgb = rng.integers(0, 256, (24, 32, 3), np.uint8)
        cv2.imwrite(str(root / "rgb" / f"{number}.png"), rgb)
    camera = {"fx": 30, "fy": 30, "cx": 15.5, "cy": 11.5}
    (root / "camera.json").write_text(json.dumps(camera))
    return root


@pytest.mark.parametrize("odd", [pipe, device, junk, folder], ids=lambda odd: odd.__name__)
@pytest.mark.parametrize("name", [CHECKPOINT, FILE])
def test_an_odd_file_of_a_run_to_go_on_with_is_refused(
    name: str,
    odd: Callable[[Path], None],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_folder(tmp_path).begin()
    odd(tmp_path / name)
    data = rgbd(tmp_path_factory.mktemp("data") / "rgbd")
    arguments: list[str | Path] = [
        "train",
        "--out",
        tmp_path,
        "--steps",
        "1",
        "--init",
        "zoedepth-lite",
    ]
    of_folder: list[str | Path] = ["--data", data, "--protocol", "rgbd-folder"]
    arguments += of_folder if name == CHECKPOINT else ["--rendered-frames", "1"]
    assert str(tmp_path / name) in refused(arguments, capsys)


@pytest.mark.parametrize("name", [CHECKPOINT, FILE])
def test_training_leaves_a_folder_alone_that_it_did_not_make(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junk(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    line = refused(["train", "--out", tmp_path, "--steps", "1"], capsys)
    assert f"{tmp_path} was not made by depth_ros train" in line
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        "--data BAG=nan",
        "--data BAG=-1",
        "--data BAG=0",
        "--data BAG=x",
        "--size 1x1",
        "--batch 1000000000",
        "--rendered-frames 1000000000",
        "--labels 0",
        "--learning-rate nan",
        "--model zoedepth-tiny --camera-height-m nan 1",
        "--model zoedepth-tiny --camera-height-m 5 1",
        "--model zoedepth-tiny --camera-height-m -5 -1",
        "--model zoedepth-tiny --affine-weight nan",
    ],
)
def test_no_number_makes_training_fail_half_way(
    words: str, bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [word.replace("BAG", str(bag)) for word in words.split()]
    refused(["train", "--out", tmp_path / "out", "--steps", "1", *arguments], capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["record", "OUT", "--topics", "a b"],
        ["record", "OUT", "--topics", "/1a"],
        ["record", "OUT", "--topics", "/caf\u00e9"],
        ["convert", "BAG", "OUT", "--prefix", "a b"],
        ["convert", "BAG", "OUT", "--prefix", "//"],
        ["convert", "BAG", "OUT", "--rerun", "/proc/nowhere.rrd", "--set", "model=zoedepth-tiny"],
    ],
    ids=lambda arguments: " ".join(arguments[2:]),
)
def test_no_name_is_taken_that_cannot_be_one(
    arguments: list[str], bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--rerun" in arguments:
        pytest.importorskip("rerun")
    places = {"BAG": str(bag), "OUT": str(tmp_path / "out")}
    assert arguments[-1 if "--set" not in arguments else 4] in refused(
        [places.get(word, word) for word in arguments], capsys
    )


def test_what_nobody_expected_is_one_line_with_the_way_to_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise ZeroDivisionError("one\npixel")

    monkeypatch.setattr(cli.settings, "run", run)
    assert cli.main(["settings"]) == exit_codes.FAILED
    errors = (
        "depth_ros: unexpected ZeroDivisionError: one pixel; DEPTH_ROS_TRACEBACK=1 shows where\n"
    )
    assert capsys.readouterr().err == errors
    monkeypatch.setenv("DEPTH_ROS_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["settings"])


# --- names that are not UTF-8, as disks of other systems have them

FOREIGN = "k\udcfcche"
"""A name in Latin-1, as Python reads it from a disk."""


@pytest.mark.parametrize("verb", ["view", "profile", "export"])
def test_an_output_whose_name_is_not_utf8_is_refused(
    verb: str, bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"{FOREIGN}{OUTPUTS[verb][-1].removeprefix('ODD')}"
    places = {OUTPUTS[verb][-1]: path, "BAG": bag}
    arguments = [verb, *(places.get(word, word) for word in OUTPUTS[verb])]
    assert "expected UTF-8" in refused(arguments, capsys)


def test_images_whose_names_are_not_utf8_are_read_and_written(tmp_path: Path) -> None:
    image = tmp_path / f"{FOREIGN}.png"
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    picture.save(pixels, image)
    assert (files.read_rgb(image) == pixels).all()


def test_a_folder_of_names_that_are_not_utf8_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    pixels = np.full((48, 64, 3), 100, np.uint8)
    picture.save(pixels, tmp_path / "in" / f"{FOREIGN}.png")
    (tmp_path / "in" / f"{FOREIGN}.mp4").write_bytes(b"a video")
    out = tmp_path / FOREIGN
    words = ["infer", str(tmp_path / "in"), "--fov-deg", "60", "--out", str(out)]
    assert cli.main([*words, "--model", "zoedepth-tiny", "--device", "cpu"]) == exit_codes.DAMAGED
    assert len(list(out.glob(f"{FOREIGN}*.png"))) > 0
    assert "cannot be opened, expected a name in UTF-8" in capsys.readouterr().err


def test_a_name_that_is_not_utf8_is_printed(
    tmp_path: Path, bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", printed)
    out = tmp_path / FOREIGN
    assert cli.main(["convert", str(bag), str(out), "--set", "model=zoedepth-tiny"]) == 0
    assert b"k\\udcfcche" in printed.buffer.getvalue()
