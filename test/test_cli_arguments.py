"""Arguments that are wrong: one line, the exit code of a wrong argument, and nothing written."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from depth_ros import cli, models
from depth_ros.cli import arguments, exit_codes

# FILE, FOLDER and NOWHERE stand for paths; BAG for a file that is there.
COMMANDS = {
    "demo": ["demo", "--out", "NOWHERE"],
    "evaluate": ["evaluate", "--out", "NOWHERE"],
    "convert": ["convert", "FOLDER", "NOWHERE"],
    "infer": ["infer", "camera:0", "--set=fov_deg=60", "--out", "NOWHERE"],
    "view": ["view", "FOLDER"],
    "play": ["play", "FOLDER"],
    "record": ["record", "NOWHERE", "--topics", "/image"],
    "models": ["models"],
    "profile": ["profile"],
    "export": ["export", "zoedepth-tiny", "NOWHERE"],
    "settings": ["settings"],
}
HUGE, NEGATIVE = "1" + 30 * "0", "-1"
NUMBERS = ["", "x", "nan", "inf", "-inf", HUGE, NEGATIVE, "1e400"]
OPTIONS = {
    "demo": {"--seconds": [*NUMBERS, "0", "3601"], "--seed": NUMBERS},
    "evaluate": {
        "--limit": [*NUMBERS, "0", "1.5"],
        "--far-m": [*NUMBERS, "0"],
        "--data": ["", "NOWHERE"],
        "--protocol": ["", "nyuu"],
        "--device": ["", "gpu", "cuda:-1", "cuda:" + HUGE],
        "--out": ["", "FILE", "FILE/below"],
        "--model": ["", "zoedepth-nyuu"],
    },
    "convert": {
        "--every": [*NUMBERS, "0"],
        "--batch": [*NUMBERS, "0"],
        "--jobs": [*NUMBERS, "0"],
        "--split": [*NUMBERS, "0"],
        "--scan-rows": [*NUMBERS, "0"],
        "--start": ["", "x", "nan", "inf", NEGATIVE],
        "--end": ["", "x", "nan", NEGATIVE],
        "--set": ["", "max_depth_m", "=", "max_dept=3", "stride=x", "stride=-1", "stride=" + HUGE],
        "--params": ["", "NOWHERE", "FOLDER", "FILE"],
        "--preview": ["", "FOLDER", "FILE", "a.txt", "FILE/a.png"],
        "--rerun": ["", "FOLDER", "FILE", "a.txt", "FILE/a.rrd"],
        "--ray-gpus": ["", "x", "nan", NEGATIVE],
        "--prefix": ["9", "a b", "//"],
        "--anchors": ["/points"],
        "--anchors-info": ["/camera_info"],
        "--camera-calibration": ["NOWHERE", "FOLDER", "FILE"],
    },
    "infer": {
        "--camera": ["", "NOWHERE", "FOLDER"],
        "--fov-deg": [*NUMBERS, "0", "180"],
        "--format": ["", "exr"],
        "--cloud": ["", "las"],
        "--frames": [*NUMBERS, "0", "1.5"],
        "--set": ["", "max_depth_m", "=", "max_dept=3", "stride=x", "stride=-1"],
        "--params": ["", "NOWHERE", "FOLDER", "FILE"],
        "--device": ["", "gpu", "cuda:-1"],
        "--out": ["", "FILE", "FILE/below"],
        "--model": ["", "zoedepth-nyuu"],
    },
    "view": {
        "--preview": ["", "FOLDER", "FILE", "a.txt", "FILE/a.png"],
        "--rerun": ["", "FOLDER", "FILE", "a.txt", "FILE/a.rrd"],
    },
    "play": {
        "--rate": [*NUMBERS, "0"],
        "--clock": NUMBERS,
        "--start": NUMBERS,
        "--topics": [""],
    },
    "record": {"--seconds": [*NUMBERS, "0"], "--topics": [""]},
    "models": {"--weights": ["", "NOWHERE", "FILE"], "": ["", "zoedepth-nyuu"]},
    "profile": {
        "--size": ["", "640", "0x9", "-1x9", f"{HUGE}x9", "9x9x9", "axb"],
        "--frames": [*NUMBERS, "0"],
        "--dtype": ["", "float64"],
        "--device": ["", "gpu"],
        "--model": ["", "zoedepth-nyuu"],
        "--weights": ["", "NOWHERE", "FILE"],
        "--out": ["", "FOLDER", "FILE", "a.txt", "FILE/a.png"],
    },
    "export": {
        "--size": ["", "640", "0x9", "-1x9", f"{HUGE}x9", "9x9x9", "axb"],
        "--tolerance": NUMBERS,
        "--calibrate": ["", "NOWHERE"],
        "--weights": ["", "NOWHERE", "FILE"],
    },
    "settings": {"--nonsense": [""]},
}
CASES = [
    (verb, option, value)
    for verb, options in OPTIONS.items()
    for option, values in options.items()
    for value in values
]
POSITIONAL = [
    ("convert", "", "NOWHERE"),
    ("convert", "NOWHERE", "NOWHERE"),
    ("convert", "FOLDER", "FOLDER"),
    ("convert", "FOLDER", "FILE"),
    ("convert", "FOLDER", "FILE/below"),
    ("infer", "", None),
    ("infer", "NOWHERE", None),
    ("infer", "FOLDER", None),
    ("view", "", None),
    ("view", "NOWHERE", None),
    ("play", "", None),
    ("play", "NOWHERE", None),
    ("export", "", "a.onnx"),
    ("export", "zoedepth-nyuu", "a.onnx"),
    ("export", "FOLDER", "a.onnx"),
    ("export", "zoedepth-tiny", ""),
    ("export", "zoedepth-tiny", "FOLDER"),
    ("export", "zoedepth-tiny", "a.txt"),
    ("export", "zoedepth-tiny", "NOWHERE/a.onnx"),
]


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in, with a FILE and a FOLDER."""
    (tmp_path / "FOLDER").mkdir()
    (tmp_path / "FILE").write_text("precious")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("what is wrong was accepted"))
    return tmp_path


def is_refused(command: list[str], there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command) == exit_codes.WRONG
    captured = capsys.readouterr()
    assert captured.err.startswith("depth_ros: ")
    assert captured.err.count("\n") == 1, captured.err
    assert len(captured.err) < 400
    assert captured.out == ""
    assert sorted(os.listdir(there)) == ["FILE", "FOLDER"]
    assert (there / "FILE").read_text() == "precious"


@pytest.mark.parametrize(("verb", "option", "value"), CASES)
def test_a_wrong_value_is_refused(
    verb: str, option: str, value: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [f"{option}={value}"] if option else [value]
    # Of --topics there may be several, and a value follows.
    command = COMMANDS[verb][:2] if option == "--topics" else COMMANDS[verb]
    is_refused([*command, *([option, value] if option == "--topics" else said)], there, capsys)


@pytest.mark.parametrize(("verb", "first", "second"), POSITIONAL)
def test_a_wrong_path_or_name_is_refused(
    verb: str,
    first: str,
    second: str | None,
    there: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    is_refused([verb, first, *([] if second is None else [second])], there, capsys)


@pytest.mark.parametrize(
    "command", [[], ["nonsense"], [""], ["--nonsense"], ["convert"], ["infer"], ["view"]]
)
def test_a_command_that_is_incomplete_or_unknown_is_refused(
    command: list[str], there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    is_refused(command, there, capsys)


@pytest.mark.parametrize("verb", ["convert", "view", "evaluate"])
def test_a_file_that_is_no_bag_fails_in_one_line(
    verb: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ["--protocol", "bag", "--data", "FILE"] if verb == "evaluate" else ["FILE"]
    assert cli.main([verb, *said, *(["out"] if verb == "convert" else [])]) == exit_codes.FAILED
    error = capsys.readouterr().err
    assert error.startswith("depth_ros: FILE")
    assert error.count("\n") == 1


def test_a_folder_that_cannot_be_written_fails_in_one_line(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "out")

    monkeypatch.setattr("depth_ros.output_paths.OutputFolder.begin", full)
    assert cli.main(["demo", "--out", "out"]) == exit_codes.FAILED
    assert capsys.readouterr().err == "depth_ros: [Errno 28] No space left on device: 'out'\n"


@pytest.mark.parametrize("verb", cli.VERBS, ids=cli.name)
def test_help_says_every_default_and_fits_a_terminal(
    verb: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = cli.name(verb)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80 or "{" in text


def test_the_models_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models"]) == exit_codes.DONE
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines[1 : 1 + len(models.MODELS)]} == set(models.MODELS)
    assert cli.main(["models", "zoedepth-nyu"]) == exit_codes.DONE
    facts = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert facts["licence"].strip() == "MIT"
    assert facts["range"].strip() == "10 m"


def test_numbers_are_within_their_bounds() -> None:
    assert arguments.number(0, 1)("1") == 1
    assert arguments.whole(0, 9)("9") == 9
    for text in ("1.01", "-0.01", "nan", "", "one"):
        with pytest.raises(argparse.ArgumentTypeError, match=r"expected 0 to 1 m$"):
            arguments.number(0, 1, "m")(text)


def test_the_exit_codes_are_different_ones() -> None:
    codes = [value for key, value in vars(exit_codes).items() if key.isupper()]
    assert len(set(codes)) == len(codes) == 5
    for code in codes[:-1]:
        assert f"{code} " in (exit_codes.__doc__ or "")
