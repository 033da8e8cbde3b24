"""Commands remove and overwrite only their own files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from depth_ros import cli
from depth_ros.errors import SettingError
from depth_ros.evaluation import rendered
from depth_ros.output_paths import MARKER, OutputFolder, check_file
from test.bag.recordings import drive, write

NAMES = ("bag", "page.html")


def folder(path: Path, command: str = "depth_ros demo") -> OutputFolder:
    return OutputFolder(path, command, NAMES)


def fill(path: Path) -> None:
    """Begin a folder, and write the given content."""
    folder(path).begin()
    (path / "bag").mkdir()
    (path / "bag" / "0.mcap").write_text("bag")
    (path / "page.html").write_text("page")


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_is_filled_again_by_the_command_that_made_it(tmp_path: Path, exists: bool) -> None:
    out = tmp_path / "new" / "out"
    if exists:
        out.mkdir(parents=True)
    fill(out)
    folder(out).begin()
    assert [path.name for path in out.iterdir()] == [MARKER]


def test_files_of_others_stay(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "0.mcap").write_text("precious")
    folder(tmp_path).begin()
    assert (tmp_path / "mine" / "0.mcap").read_text() == "precious"
    assert not (tmp_path / "bag").exists()


def test_kept_files_still_belong_to_the_command(tmp_path: Path) -> None:
    fill(tmp_path)
    OutputFolder(tmp_path, "depth_ros demo", ("page.html", "other"), keep=True).begin()
    assert (tmp_path / "bag" / "0.mcap").read_text() == "bag"
    assert not (tmp_path / "page.html").exists()
    folder(tmp_path).begin()
    assert [path.name for path in tmp_path.iterdir()] == [MARKER]


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(SettingError, match=r"was not made by depth_ros demo.*choose another"):
        folder(tmp_path).begin()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_of_another_command_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(SettingError, match="was not made by depth_ros evaluate"):
        folder(tmp_path, "depth_ros evaluate").begin()
    assert (tmp_path / "bag" / "0.mcap").exists()


def test_a_name_that_a_newer_version_writes_and_the_user_took_is_refused(tmp_path: Path) -> None:
    OutputFolder(tmp_path, "depth_ros demo", ("page.html",)).begin()
    (tmp_path / "bag").write_text("precious")
    with pytest.raises(SettingError, match=r"bag was not made by depth_ros demo"):
        folder(tmp_path).begin()
    assert (tmp_path / "bag").read_text() == "precious"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"command": "depth_ros demo"}',
        '{"command": "depth_ros demo", "names": ["../mine"]}',
        '{"command": "depth_ros demo", "names": [7]}',
    ],
)
def test_a_marker_cannot_name_files_outside_the_folder(tmp_path: Path, content: str) -> None:
    (tmp_path / "mine").write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / MARKER).write_text(content)
    (out / "bag").write_text("precious")
    with pytest.raises(SettingError):
        folder(out).begin()
    assert (tmp_path / "mine").read_text() == (out / "bag").read_text() == "precious"


def test_a_link_in_the_folder_is_removed_and_not_followed(tmp_path: Path) -> None:
    mine, out = tmp_path / "mine", tmp_path / "out"
    mine.mkdir()
    (mine / "0.mcap").write_text("precious")
    folder(out).begin()
    (out / "bag").symlink_to(mine)
    folder(out).begin()
    assert (mine / "0.mcap").read_text() == "precious"


@pytest.mark.parametrize("name", ["file", "file/out", "file/deep/out"])
def test_a_file_is_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(SettingError, match=r"folder"):
        folder(tmp_path / name).begin()


def test_an_existing_file_is_replaced_only_with_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert check_file(path) == path
    path.write_text("precious")
    with pytest.raises(SettingError, match="already exists, expected another name, or --overwrite"):
        check_file(path)
    assert check_file(path, overwrite=True) == path


@pytest.mark.parametrize("name", ["", "folder", "file/a.png"])
def test_what_cannot_be_a_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="folder"):
        check_file(Path(name) if not name else tmp_path / name, overwrite=True)


# --- the commands -------------------------------------------------------------------------------


def demonstrate(out: Path) -> list[str]:
    return ["demo", "--out", str(out), "--seconds", "1"]


def evaluate(out: Path) -> list[str]:
    return ["evaluate", "--out", str(out), "--limit", "1", "--device", "cpu"]


@pytest.mark.parametrize("command", [demonstrate, evaluate])
def test_a_users_folder_is_refused_in_one_line(
    command: Callable[[Path], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "0.mcap").write_text("precious")
    assert cli.main(command(tmp_path)) != 0
    error = capsys.readouterr().err
    assert f"{tmp_path} was not made by" in error
    assert error.count("\n") == 1
    assert (tmp_path / "recording" / "0.mcap").read_text() == "precious"
    assert os.listdir(tmp_path) == ["recording"]


@pytest.mark.slow
def test_the_evaluation_runs_twice_into_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendered, "FRAMES_PER_DRIVE", 1)
    for _ in range(2):
        assert cli.main(evaluate(tmp_path / "out")) == 0
        assert json.loads((tmp_path / "out" / "scores.json").read_text())["models"]


@pytest.mark.parametrize("verb", ["profile", "view", "view --rerun", "convert", "export"])
def test_a_users_file_is_refused_before_the_work(
    verb: str, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, model = write(tmp_path / "bag", drive(2)), str(checkpoint)
    file = tmp_path / ("a.onnx" if verb == "export" else "a.png")
    file.write_text("precious")
    command = {
        "profile": ["profile", "--model", model, "--out", str(file)],
        "view": ["view", str(source), "--preview", str(file)],
        "view --rerun": ["view", str(source), "--rerun", str(file)],
        "convert": ["convert", str(source), str(tmp_path / "out"), "--preview", str(file)],
        "export": ["export", model, str(file)],
    }[verb]
    assert cli.main(command) != 0
    error = capsys.readouterr().err
    assert f"{file} already exists, expected another name, or --overwrite" in error
    assert error.count("\n") == 1
    assert file.read_text() == "precious"
    assert not (tmp_path / "out").exists()


def test_a_picture_is_replaced_with_overwrite(tmp_path: Path, checkpoint: Path) -> None:
    picture = tmp_path / "a.png"
    command = ["profile", "--model", str(checkpoint), "--size", "64x48", "--frames", "1"]
    command += ["--device", "cpu", "--out", str(picture), "--overwrite"]
    for _ in range(2):
        assert cli.main(command) == 0
    assert picture.stat().st_size
