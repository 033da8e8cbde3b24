"""The stages of a frame: their times, and no waiting for the device."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from depth_ros import cli
from depth_ros import profile as module
from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.profile import FrameProfile, Lap, Profile, medians
from depth_ros.viz import flame


class Device:
    """A device that has done a given part of its work, and counts queries."""

    def __init__(self) -> None:
        self.marks: list[DeviceEvent] = []
        self.done = 0

    def event(self) -> "DeviceEvent":
        return DeviceEvent(self)


class DeviceEvent:
    """The n-th mark, n * n milliseconds after the first."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._device.marks.append(self)
        self.number = len(self._device.marks)

    def query(self) -> bool:
        return self.number <= self._device.done

    def elapsed_time(self, end_event: Any) -> float:
        assert end_event.query(), "it would have to be waited for"
        return float(end_event.number**2 - self.number**2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock.now_s))
    return clock


def stages(profile: Profile) -> list[list[str]]:
    return [[lap.stage for lap in laps] for laps in profile.frames()]


def test_a_stage_lasts_until_the_next_one_begins(clock: SimpleNamespace) -> None:
    profile = Profile()
    with profile.frame():
        for stage, taken_s in (("decode", 0.001), ("network", 0.02), ("post", 0.003)):
            profile.begin(stage)
            clock.now_s += taken_s
    (laps,) = profile.frames()
    assert [lap.stage for lap in laps] == ["decode", "network", "post"]
    assert [lap.host_ms for lap in laps] == pytest.approx([1, 20, 3])
    assert all(lap.device_ms is None for lap in laps)


def test_the_wait_before_a_frame_is_a_stage_of_it(clock: SimpleNamespace) -> None:
    profile = Profile()
    with profile.frame(waited_s=0.25):
        profile.begin("decode")
    assert profile.frames()[0][0] == Lap("wait", 250.0)


def test_a_stage_that_begins_again_goes_on() -> None:
    profile = Profile()
    with profile.frame():
        for stage in ("post", "post", "points", "post"):
            profile.begin(stage)
    assert stages(profile) == [["post", "points", "post"]]


def test_outside_of_a_frame_nothing_is_kept() -> None:
    profile = Profile(pytest.fail)
    for _ in range(3):
        profile.begin("network")
    assert profile.frames() == []


def test_a_failed_frame_is_not_kept() -> None:
    profile = Profile()
    with pytest.raises(RuntimeError), profile.frame():
        profile.begin("decode")
        raise RuntimeError("out of memory")
    profile.begin("decode")
    with profile.frame(waited_s=1.0):
        pass  # nobody listened
    assert profile.frames() == []


def test_only_the_last_frames_are_kept() -> None:
    profile = Profile(frames=3)
    for number in range(10):
        with profile.frame():
            profile.begin(str(number))
    assert stages(profile) == [["7"], ["8"], ["9"]]


def test_a_device_is_queried_and_never_waited_for() -> None:
    device = Device()
    profile = Profile(device.event)
    for _ in range(2):
        with profile.frame():
            profile.begin("network")
            profile.begin("post")
    assert profile.frames() == []
    device.done = 3  # the first frame's marks
    (laps,) = profile.frames()
    assert [lap.device_ms for lap in laps] == [2**2 - 1, 3**2 - 2**2]
    device.done = 6
    assert len(profile.frames()) == 2


def test_a_device_that_hangs_does_not_make_memory_grow() -> None:
    device = Device()
    profile = Profile(device.event, frames=3)
    for _ in range(10):
        with profile.frame():
            profile.begin("network")
    device.done = len(device.marks)
    assert len(profile.frames()) == 3


def handed_over(profile: Profile) -> FrameProfile:
    with profile.frame(waited_s=0.5):
        profile.begin("network")
        return profile.hand_over("land")


def test_a_frame_that_continues_in_another_thread_remains_one_frame(clock: SimpleNamespace) -> None:
    profile = Profile()
    left: list[FrameProfile] = []

    def publish() -> None:
        with profile.resumed(left[0]):
            assert profile.stage_of(threading.get_ident()) == "land"
            clock.now_s += 0.02
            profile.begin("publish")
            clock.now_s += 0.003
        assert profile.stage_of(threading.get_ident()) == ""

    left.append(handed_over(profile))
    assert profile.stage_of(threading.get_ident()) == ""
    profile.begin("lost")  # outside of a frame
    assert profile.frames() == []
    thread = threading.Thread(target=publish)
    thread.start()
    thread.join()
    (laps,) = profile.frames()
    assert [lap.stage for lap in laps] == ["wait", "network", "land", "publish"]
    assert [lap.host_ms for lap in laps] == pytest.approx([500, 0, 20, 3])


def test_two_threads_may_be_at_a_frame_each() -> None:
    profile = Profile()
    first = handed_over(profile)
    with profile.frame():
        profile.begin("decode")
        thread = threading.Thread(target=lambda: finish(profile, first))
        thread.start()
        thread.join()
        profile.begin("network")
    assert stages(profile) == [["wait", "network", "land", "publish"], ["decode", "network"]]


def finish(profile: Profile, begun: FrameProfile) -> None:
    with profile.resumed(begun):
        profile.begin("publish")


def test_stages_after_a_hand_over_have_no_device_time() -> None:
    device = Device()
    profile = Profile(device.event)
    begun = handed_over(profile)
    assert len(device.marks) == 2  # network, land
    finish(profile, begun)
    assert len(device.marks) == 2
    assert profile.frames() == []  # the device is still at it
    device.done = 2
    (laps,) = profile.frames()
    assert [lap.device_ms for lap in laps] == [None, 3.0, None, None]


def test_a_frame_that_fails_after_its_hand_over_is_not_kept() -> None:
    profile = Profile()
    with pytest.raises(RuntimeError), profile.resumed(handed_over(profile)):
        raise RuntimeError("device lost")
    assert profile.frames() == []
    with profile.frame():
        profile.begin("decode")
    assert stages(profile) == [["decode"]]


def test_a_median_is_over_the_frames_that_had_the_stage() -> None:
    frames = [
        [Lap("decode", 1.0), Lap("network", 10.0)],
        [Lap("decode", 3.0), Lap("network", 30.0), Lap("points", 5.0)],
        [Lap("decode", 2.0), Lap("network", 90.0)],
    ]
    assert medians(frames) == [Lap("decode", 2.0), Lap("network", 30.0), Lap("points", 5.0)]
    assert medians([]) == []


def test_repeated_stages_are_added_up() -> None:
    laps = [Lap("decode", 1.0, 0.5), Lap("network", 9.0, 8.0), Lap("decode", 2.0, 0.25)]
    assert medians([laps]) == [Lap("decode", 3.0, 0.75), Lap("network", 9.0, 8.0)]


def test_another_thread_may_read_meanwhile() -> None:
    profile, closing = Profile(frames=10), threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        try:
            while not closing.is_set():
                profile.medians()
        except Exception as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(2000):
        with profile.frame():
            profile.begin("decode")
    closing.set()
    reader.join()
    assert not failures


def test_a_pipeline_reports_the_stage_of_a_frame(checkpoint: Path) -> None:
    pipeline = Pipeline.from_settings(Settings(model=str(checkpoint), device="cpu"))
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    frame = Frame(rgb, Camera.from_fov(64, 48, 60.0))
    with pipeline.profile.frame():
        depth = pipeline(frame)
        pipeline.points(depth)
        pipeline.colours(depth)
    model = ["upload", "preprocess", "network", "post"]
    assert stages(pipeline.profile) == [[*model, "edges", "points", "colours"]]
    assert pipeline.fork().profile is pipeline.profile


def test_a_flame_is_as_wide_as_its_stage_is_long() -> None:
    drawn = flame.draw([Lap("network", 30.0), Lap("points", 10.0)], "title")
    row = drawn[flame._TOP + 2]
    widths = [(row == colour).all(-1).sum() for colour in flame._COLOURS[:2]]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.02)
    both = flame.draw([Lap("network", 3.0, 30.0)], "title")
    assert len(both) > len(flame.draw([Lap("network", 3.0)], "title"))


def test_every_stage_has_a_colour_of_its_own() -> None:
    stages = [f"stage {number}" for number in range(len(flame._COLOURS))]
    drawn = flame.draw([Lap(stage, 1.0) for stage in stages], "title")
    legend = drawn[:, flame._LEFT + 6].reshape(-1, 3)[flame._TOP + flame._BAR + flame._GAP :]
    assert len(set(flame._COLOURS)) == len(stages) >= 16
    assert {tuple(map(int, colour)) for colour in legend} >= set(flame._COLOURS)


def test_the_verb_prints_a_table_and_draws_a_picture(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "new" / "profile.png"
    arguments = ["--model", str(checkpoint), "--size", "80x60", "--frames", "2", "--device", "cpu"]
    assert cli.main(["profile", *arguments, "--out", str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for stage in ("upload", "preprocess", "network", "post", "points", "copy", "sum"):
        assert any(line.startswith(stage) for line in lines), stage
    assert cv2.imread(str(picture)) is not None


@pytest.mark.parametrize("more", [["--size", "640"], ["--size", "0x9"], ["--frames", "0"]])
def test_the_verb_refuses_what_it_cannot_do(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["profile", *more]) == 2
    assert f"argument {more[0]}: {more[1]!r} is not allowed, expected" in capsys.readouterr().err
