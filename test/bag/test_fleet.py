"""Many bags on a Ray cluster, of which workers die."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depth_ros.bag import fleet
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.plan import Plan
from depth_ros.bag.reader import Recording
from depth_ros.cli.worker import convert_one
from depth_ros.config import Settings
from depth_ros.errors import BagError, SettingError
from test.bag import recordings

pytestmark = pytest.mark.slow


@pytest.fixture
def bags(tmp_path: Path) -> Path:
    """A folder with four bags, as files."""
    for name in "abcd":
        (tmp_path / f"{name}.mcap").write_text(name)
    return tmp_path


@pytest.fixture
def convert(tmp_path: Path) -> fleet.Convert:
    """Writes a source in capitals, in two steps, and what it was asked for."""

    def convert(source: str, out: str, arguments: Any) -> str:
        # Defined here, so that Ray sends it as it is: workers cannot import this file.
        from depth_ros.errors import BagError

        with Path(f"{out}.attempts").open("a") as attempts:
            attempts.write("x")
        first = Path(f"{out}.attempts").read_text() == "x"
        Path(out).mkdir(exist_ok=True)
        if "kill" in arguments and first and Path(source).stem == "b":
            os.kill(os.getpid(), signal.SIGKILL)
        if "stumble" in arguments and first and Path(source).stem == "b":
            raise OSError("the network is down")
        if "hang" in arguments and Path(source).stem == "b":
            raise OSError("the disk is full")
        if "refuse" in arguments and Path(source).stem == "c":
            raise BagError("c is no bag")
        Path(out, "bag").write_text(Path(source).read_text().upper())
        return "whole"

    return convert


Run = Callable[..., fleet.FleetSummary]


@pytest.fixture
def run(convert: fleet.Convert, bags: Path) -> Run:
    pytest.importorskip("ray")

    def run(*arguments: str) -> fleet.FleetSummary:
        pattern = str(bags / "*.mcap")
        return fleet.run("local", [pattern], bags / "out", list(arguments), convert, workers=2)

    return run


def states(summary: fleet.FleetSummary) -> dict[str, str]:
    return {Path(one.source).stem: one.state for one in summary.outcomes}


def converted(bags: Path) -> dict[str, str]:
    return {file.parent.name: file.read_text() for file in sorted((bags / "out").glob("*/bag"))}


def attempts(bags: Path) -> dict[str, int]:
    files = sorted((bags / "out").glob("*.attempts"))
    return {file.stem: len(file.read_text()) for file in files}


EVERYTHING = {"a": "A", "b": "B", "c": "C", "d": "D"}


def test_a_killed_worker_costs_an_attempt_and_a_second_run_costs_nothing(
    run: Run, bags: Path
) -> None:
    summary = run("kill")
    assert states(summary) == dict.fromkeys("abcd", "converted")
    assert [one.note for one in summary.outcomes] == ["whole"] * 4
    assert converted(bags) == EVERYTHING
    assert attempts(bags) == {"a": 1, "b": 2, "c": 1, "d": 1}

    (bags / "out" / "d.done").unlink()
    assert states(run("kill")) == {**dict.fromkeys("abc", "skipped"), "d": "converted"}
    assert attempts(bags) == {"a": 1, "b": 2, "c": 1, "d": 2}


def test_temporary_errors_are_retried_and_permanent_ones_are_not(run: Run, bags: Path) -> None:
    summary = run("stumble", "refuse")
    assert states(summary) == {"a": "converted", "b": "converted", "c": "failed", "d": "converted"}
    assert attempts(bags) == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert summary.failed == 1
    assert "failed     c is no bag" in summary.table()
    assert summary.table().endswith("4 bags, 1 failed")
    assert not (bags / "out" / "c.done").exists()


def test_what_fails_every_time_is_given_up_and_other_arguments_are_no_repetition(
    run: Run, bags: Path
) -> None:
    summary = run("hang")
    assert states(summary) == {"a": "converted", "b": "failed", "c": "converted", "d": "converted"}
    assert attempts(bags)["b"] == 3
    assert "the disk is full" in summary.outcomes[1].note

    again = run("other")
    assert states(again) == {"a": "failed", "b": "converted", "c": "failed", "d": "failed"}
    assert "a.done is of" in again.outcomes[0].note
    assert "other settings and options" in again.outcomes[0].note


def test_two_bags_of_one_name_are_refused(bags: Path, convert: fleet.Convert) -> None:
    (bags / "more").mkdir()
    (bags / "more" / "a.mcap").touch()
    patterns = [str(bags / "*.mcap"), str(bags / "more" / "*.mcap")]
    with pytest.raises(BagError, match="same name"):
        fleet.run("local", patterns, bags / "out", (), convert)


def test_patterns_without_a_bag_are_refused(bags: Path, convert: fleet.Convert) -> None:
    with pytest.raises(BagError, match=r"no bag matches .*\.db3"):
        fleet.run("local", [str(bags / "*.db3")], bags / "out", (), convert)


def test_a_cluster_that_is_not_there_is_one_error(bags: Path, convert: fleet.Convert) -> None:
    pytest.importorskip("ray")
    with pytest.raises(SettingError, match=r"nonsense.* cannot be reached"):
        fleet.run("nonsense://nowhere", [str(bags / "*.mcap")], bags / "out", (), convert)


def test_a_missing_ray_says_what_to_install(
    bags: Path, convert: fleet.Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match=r"pip install ray"):
        fleet.run("local", [str(bags / "*.mcap")], bags / "out", (), convert)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A recording of six images."""
    recordings.write(tmp_path / "drive", recordings.drive())
    return tmp_path / "drive"


def plan(**options: Any) -> dict[str, Any]:
    return Plan(Settings(device="cpu"), ConvertOptions(**options)).as_dict()


def test_a_plan_is_data_of_json() -> None:
    chosen = Plan(Settings(max_depth_m=8.0), ConvertOptions(images=("/a", "/b"), end_s=1.0), True)
    assert Plan.from_dict(json.loads(json.dumps(chosen.as_dict()))) == chosen


def test_a_worker_converts_and_resumes_what_was_begun(tmp_path: Path, drive: Path) -> None:
    out = tmp_path / "out"
    assert convert_one(str(drive), str(out), plan(end_s=0.2, only_depth=True)) == ""
    counted = dict(Recording(out).counts)
    assert counted["/depth/image"] == 2
    assert convert_one(str(drive), str(out), plan(end_s=0.2, only_depth=True)) == ""
    assert dict(Recording(out).counts) == counted


def damaged(messages: Iterator[recordings.Message], spoilt: int) -> Iterator[recordings.Message]:
    """Messages, of whose compressed images the first ones are cut off."""
    for topic, message, time_ns in messages:
        if hasattr(message, "format") and spoilt:
            spoilt -= 1
            message.data = message.data[:-20]
        yield topic, message, time_ns


@pytest.mark.parametrize(("spoilt", "fails"), [(1, False), (2, True)])
def test_a_worker_reports_skipped_frames_and_fails_without_any_depth(
    tmp_path: Path, spoilt: int, fails: bool
) -> None:
    drive = recordings.drive(count=2, packed=True)
    bag = recordings.write(tmp_path / "drive", damaged(drive, spoilt))
    text = f"warning: {spoilt} frames skipped, MessageError"
    if not fails:
        assert text in convert_one(str(bag), str(tmp_path / "out"), plan(only_depth=True))
        return
    with pytest.raises(BagError, match=f"no frame was answered; {text}"):
        convert_one(str(bag), str(tmp_path / "out"), plan(only_depth=True))
