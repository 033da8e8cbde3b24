"""Conversions that are cut short: killed, interrupted, out of disk; and gone on with."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ruamel.yaml import YAML

from depth_ros.bag import reader, resume
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.splits import SplitBag
from depth_ros.bag.types import RELIABLE, standard
from depth_ros.errors import BagError, ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import CameraState
from depth_ros.scale.fit import Fit
from depth_ros.scale.scaler import Scaler
from test.bag.recordings import CAMERA, Brightness, drive, pipeline, write

pytestmark = pytest.mark.slow

REPO = Path(__file__).parents[2]
COUNT = 20


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("source") / "in", drive(COUNT))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> list[reader.Record]:
    """What a conversion writes that nothing interrupts."""
    path = tmp_path_factory.mktemp("whole") / "out"
    convert([source], path, pipeline())
    return list(reader.records(path))


BEGUN = 8
"""The frames after which a conversion waits to be ended: two files are done then."""

WAITING = f"""
import signal, sys, threading
from pathlib import Path
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from recordings import pipeline

going_on = threading.Event()

def interrupted(*_):
    going_on.set()
    raise KeyboardInterrupt

# What a shell starts in the background, a run of the tests say, ignores it.
signal.signal(signal.SIGINT, interrupted)

class Waiting:
    left = {BEGUN}
    def add(self, *frame):
        self.left -= 1
        if not self.left:
            print("begun", flush=True)
            going_on.wait()
    def close(self): print("closed", flush=True)

convert([Path(sys.argv[1])], Path(sys.argv[2]), pipeline(), ConvertOptions(split=3), [Waiting()])
"""


def begin(source: Path, out: Path) -> subprocess.Popen[str]:
    """Convert in a process of its own, and return when it waits with a few files done."""
    # Not as test.bag: outside of pytest that is a part of Python's own library.
    environment = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'test' / 'bag'}"}
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(source), str(out)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "begun\n", process.communicate()
    assert (out / "out_1.mcap").exists()
    return process


def test_a_killed_conversion_leaves_a_whole_bag_and_goes_on(
    source: Path, out: Path, whole: list[reader.Record]
) -> None:
    process = begin(source, out)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = list(reader.records(out))
    assert 0 < len(left) < len(whole)
    assert left == whole[: len(left)]
    summary = convert([source], out, pipeline(), ConvertOptions(split=3, resume=True))
    assert list(reader.records(out)) == whole
    assert summary.frames == summary.answered == {"camera": COUNT}


def test_an_interrupted_conversion_keeps_all_it_has_done(
    source: Path, out: Path, whole: list[reader.Record]
) -> None:
    process = begin(source, out)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate()
    assert "KeyboardInterrupt" in errors
    assert "closed" in printed
    left = list(reader.records(out))
    assert left == whole[: len(left)]
    assert not (out / ".unfinished").exists()
    convert([source], out, pipeline(), ConvertOptions(split=3, resume=True))
    assert list(reader.records(out)) == whole


class Failing(Brightness):
    """Fails at its n-th run."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def network_f_px(self, camera: Camera) -> float:
        return camera.f_px

    def preprocess(self, rgb: Any) -> Any:
        if len(self.batches_seen) == self._at:
            raise ModelError("out of memory")
        return super().preprocess(rgb)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("at", [0, 1, 7, 19])
def test_wherever_the_network_fails_the_rest_is_whole_and_goes_on(
    source: Path, out: Path, whole: list[reader.Record], at: int, storage: str
) -> None:
    with pytest.raises(ModelError, match="out of memory"):
        convert([source], out, pipeline(Failing(at)), ConvertOptions(storage=storage, split=5))
    left = list(reader.records(out))
    assert left == whole[: len(left)]
    assert sum(record.topic == "/depth/image" for record in left) == at
    convert([source], out, pipeline(), ConvertOptions(storage=storage, split=5, resume=True))
    assert list(reader.records(out)) == whole


class Wobbling(Failing):
    """Scales every image anew: by what its first pixel says."""

    def preprocess(self, rgb: Any) -> Any:
        pixels = super().preprocess(rgb)
        return pixels * (0.8 + 0.1 * (1000 * pixels[:, :1, :1, :1]).sin())


@pytest.mark.parametrize("at", [1, 2, 7, 19])
def test_a_flicker_filter_continues_identically_after_resume(
    source: Path, out: Path, tmp_path: Path, at: int
) -> None:
    for name, seconds in (("plain", 0.0), ("whole", 0.5)):
        convert([source], tmp_path / name, pipeline(Wobbling(-1), scale_steady_s=seconds))
    expected = list(reader.records(tmp_path / "whole"))
    assert expected != list(reader.records(tmp_path / "plain"))
    with pytest.raises(ModelError, match="out of memory"):
        convert([source], out, pipeline(Wobbling(at), scale_steady_s=0.5), ConvertOptions(split=5))
    resumed = pipeline(Wobbling(-1), scale_steady_s=0.5)
    convert([source], out, resumed, ConvertOptions(split=5, resume=True))
    assert list(reader.records(out)) == expected


def test_the_count_of_every_nth_continues(source: Path, out: Path, tmp_path: Path) -> None:
    options = ConvertOptions(every=3, batch=2, split=2)
    straight = tmp_path / "straight"
    convert([source], straight, pipeline(), options)
    with pytest.raises(ModelError):
        convert([source], out, pipeline(Failing(2)), options)
    summary = convert([source], out, pipeline(), replace(options, resume=True))
    assert list(reader.records(out)) == list(reader.records(straight))
    assert summary.frames == {"camera": 7}


def test_the_state_of_the_scale_continues(source: Path, out: Path, tmp_path: Path) -> None:
    """The network's share of the truth changes at each frame: a filter forgets slowly."""

    class Wavering(Failing):
        def postprocess(self, raw: Any, height: int, width: int) -> Any:
            share = 1 + 0.05 * np.sin(float(raw.mean()))
            return super().postprocess(raw * share, height, width)

    from test.bag.test_references import above_ground

    ground = write(tmp_path / "ground", above_ground(COUNT))
    straight = tmp_path / "straight"
    settings = {"scale_mode": "ground", "extrinsics": "parameters", "camera_height_m": 0.5}
    convert([ground], straight, pipeline(Wavering(-1), **settings))
    expected = list(reader.records(straight))
    with pytest.raises(ModelError):
        convert([ground], out, pipeline(Wavering(11), **settings), ConvertOptions(split=4))
    convert([ground], out, pipeline(Wavering(-1), **settings), ConvertOptions(split=4, resume=True))
    assert list(reader.records(out)) == expected


def test_a_finished_conversion_is_not_done_again(source: Path, out: Path) -> None:
    convert([source], out, pipeline())
    before = (out / "metadata.yaml").stat().st_mtime_ns
    model = Brightness()
    summary = convert([source], out, pipeline(model), ConvertOptions(resume=True))
    assert model.batches_seen == []
    assert summary.answered == {"camera": COUNT}
    assert (out / "metadata.yaml").stat().st_mtime_ns == before


def test_resume_without_an_earlier_conversion_starts_one(source: Path, out: Path) -> None:
    summary = convert([source], out, pipeline(), ConvertOptions(resume=True))
    assert summary.answered == {"camera": COUNT}


@pytest.mark.parametrize("left", [[], ["metadata.yaml.tmp"], [".unfinished/out_0/out_0.mcap"]])
def test_a_conversion_that_was_killed_before_it_began_begins(
    source: Path, out: Path, left: list[str]
) -> None:
    out.mkdir()
    for name in left:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    summary = convert([source], out, pipeline(), ConvertOptions(resume=True))
    assert summary.answered == {"camera": COUNT}
    assert not (out / ".unfinished").exists()


def test_only_the_same_command_can_continue(source: Path, out: Path) -> None:
    with pytest.raises(ModelError):
        convert([source], out, pipeline(Failing(7)))
    for changed, output in [
        ((pipeline(), ConvertOptions(every=2, resume=True)), "options"),
        ((pipeline(min_depth_m=1.0), ConvertOptions(resume=True)), "min_depth_m"),
    ]:
        with pytest.raises(BagError, match=f"same command.*{output}"):
            convert([source], out, *changed)
    convert([source], out, pipeline(), ConvertOptions(jobs=1, resume=True))


def test_a_bag_that_no_conversion_wrote_is_refused(source: Path) -> None:
    before = list(reader.records(source))
    with pytest.raises(BagError, match="not written by a conversion"):
        convert([source], source, pipeline(), ConvertOptions(resume=True))
    assert list(reader.records(source)) == before


# --- a full disk


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_full_disk_is_an_error_that_says_so(
    source: Path, out: Path, checkpoint: Path, storage: str
) -> None:
    # A process of its own: this one's log must grow on.
    command = [sys.executable, "-m", "depth_ros.cli", "convert", str(source), str(out)]
    command += ["--with", "points", "color", "--storage", storage]
    command += ["--set", f"model={checkpoint}", "--set", "device=cpu"]
    run = subprocess.run(
        command, preexec_fn=allow_small_files_only, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 1
    assert re.search("depth_ros: .*cannot be written: .*--resume", run.stderr)
    assert list(reader.records(out)) == []
    assert [path.name for path in out.iterdir()] == ["metadata.yaml"]


def allow_small_files_only() -> None:
    """Let no file grow beyond 40 kB, as if the disk were full; Python ignores the signal."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


def test_what_was_written_before_the_disk_was_full_is_whole_and_goes_on(
    source: Path, out: Path, whole: list[reader.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, written = SplitBag.write, []

    def write_until_full(self: SplitBag, *message: Any) -> None:
        written.append(message)
        if len(written) > 50:
            raise OSError(28, "No space left on device")
        straight(self, *message)

    monkeypatch.setattr(SplitBag, "write", write_until_full)
    with pytest.raises(BagError, match="No space left on device"):
        convert([source], out, pipeline(), ConvertOptions(split=3))
    monkeypatch.undo()
    left = list(reader.records(out))
    assert 0 < len(left) <= 50
    assert left == whole[: len(left)]
    convert([source], out, pipeline(), ConvertOptions(split=3, resume=True))
    assert list(reader.records(out)) == whole


def test_a_watcher_that_fails_costs_no_frame(
    source: Path, out: Path, whole: list[reader.Record]
) -> None:
    class Broken:
        def add(self, *frame: Any) -> None:
            raise ValueError("no ink")

        def close(self) -> None:
            pass

    with pytest.raises(ValueError, match="no ink"):
        convert([source], out, pipeline(), watchers=[Broken()])
    left = list(reader.records(out))
    assert left == whole[: len(left)]
    convert([source], out, pipeline(), ConvertOptions(resume=True))
    assert list(reader.records(out)) == whole


def test_a_disk_that_is_full_from_the_start_is_an_error_of_one_line(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SplitBag, "finish", full)
    with pytest.raises(BagError, match=r"out cannot be written: No space left on device$"):
        convert([source], out, pipeline())


# --- two at once


HOLDING = """
import signal, sys
from pathlib import Path
from depth_ros.bag.splits import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    signal.pause()
"""


def test_a_second_conversion_into_a_folder_is_refused(source: Path, out: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(out)]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "locked\n"
        with pytest.raises(BagError, match=r"another conversion is writing to .*out$"):
            convert([source], out, pipeline(), ConvertOptions(resume=True))
        process.kill()
    # What held the lock is dead, and nothing of it is left.
    summary = convert([source], out, pipeline(), ConvertOptions(resume=True))
    assert summary.answered == {"camera": COUNT}
    assert {path.suffix for path in out.iterdir()} == {".mcap", ".yaml"}


# --- the parts


def scaled(*stamps_ns: int) -> Scaler:
    """A scale that has seen a fit at each stamp, the last an outlier that it holds back."""
    scaler = Scaler()
    for scale, stamp_ns in zip((2.0, 2.1, 40.0), stamps_ns, strict=False):
        scaler._filter.update(Fit(scale, 0.1, np.diag([0.0016, 1e-4]), 1.0), stamp_ns)
    scaler.refuse("too dark")
    return scaler


@pytest.mark.parametrize("stamps_ns", [(), (10**9,), (10**9, 2 * 10**9, 3 * 10**9)])
def test_a_scale_is_frozen_and_thawed(stamps_ns: tuple[int, ...]) -> None:
    scaler, again = scaled(*stamps_ns), Scaler()
    text = json.dumps(resume.freeze(CAMERA, CameraState(scaler)), allow_nan=False)
    state = json.loads(text)
    assert resume.thaw(state, lambda camera: CameraState(again)) == CAMERA
    assert again.as_dict() == scaler.as_dict()
    assert again.refused == "too dark"
    if stamps_ns:
        assert again.at(4 * 10**9, 10.0) == scaler.at(4 * 10**9, 10.0)


def crafted(value: Any, *keys: str) -> dict[str, Any]:
    """A frozen scale with another value somewhere in it."""
    state = resume.freeze(CAMERA, CameraState(scaled(10**9, 2 * 10**9, 3 * 10**9)))
    part: Any = state
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    return state


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"camera": {}, "scale": {}},
        crafted(-1, "camera", "width"),
        crafted("../..", "camera", "lens"),
        crafted(None, "camera", "coefficients"),
        crafted([1e300, 0.0], "scale", "filter", "state"),
        crafted(-1.0, "scale", "filter", "variance"),
        crafted([[0.0, float("nan"), 1.0, 1.0, 1]], "scale", "filter", "held_back"),
        crafted([1, 2, 3], "scale", "filter", "times_ns"),
        crafted(0.0, "scale", "reach_m"),
        crafted([], "scale"),
        crafted([], "steady"),
        crafted([0.0], "steady", "state"),
        crafted([10**9, 10**9], "steady", "shape"),
    ],
)
def test_nothing_but_a_scale_is_thawed(state: dict[str, Any]) -> None:
    with pytest.raises(BagError, match="stored scale cannot be read"):
        resume.thaw(state, lambda camera: CameraState())


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 100_000,
        "[1]",
        '{"command": {}}',
        '{"command": {}, "complete": true, "records": -1}',
        # What 0.1.0 noted: a pickle.
        '{"command": {}, "scales": {"camera": "gASVEAAAAAAAAACMBXBvc2l4lIwFbWtkaXKUk5Qu"}}',
    ],
)
def test_a_crafted_note_is_an_error_of_one_line(source: Path, out: Path, text: str) -> None:
    with pytest.raises(ModelError):
        convert([source], out, pipeline(Failing(7)))
    yaml = YAML(typ="safe")
    metadata = yaml.load(out / "metadata.yaml")
    metadata["rosbag2_bagfile_information"]["custom_data"] = {"depth_ros": text}
    yaml.dump(metadata, out / "metadata.yaml")
    with pytest.raises(BagError) as caught:
        convert([source], out, pipeline(), ConvertOptions(resume=True))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("files", None),
        ("message_count", "many"),
        ("topics_with_message_count", [1]),
        ("starting_time", {}),
        ("custom_data", {"depth_ros": 5}),
        ("custom_data", 5),
    ],
)
def test_a_crafted_description_is_an_error_of_one_line(
    source: Path, out: Path, name: str, value: Any
) -> None:
    with pytest.raises(ModelError):
        convert([source], out, pipeline(Failing(7)))
    yaml = YAML(typ="safe")
    metadata = yaml.load(out / "metadata.yaml")
    metadata["rosbag2_bagfile_information"][name] = value
    yaml.dump(metadata, out / "metadata.yaml")
    with pytest.raises(BagError):
        convert([source], out, pipeline(), ConvertOptions(resume=True))


def test_the_package_reads_no_pickle() -> None:
    for path in (REPO / "depth_ros").rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"import (pickle|dill|joblib|shelve|marshal)|allow_pickle=True", text)
        assert all("weights_only=True" in call for call in re.findall(r"torch\.load\(.*\)", text))


def test_a_bag_goes_on_in_its_own_storage_only(tmp_path: Path) -> None:
    SplitBag(tmp_path / "bag", "sqlite3")
    with pytest.raises(BagError, match="sqlite3, expected mcap"):
        SplitBag(tmp_path / "bag", "mcap")


def test_a_file_that_is_discarded_leaves_no_trace(tmp_path: Path) -> None:
    bag = SplitBag(tmp_path / "bag")
    topic = standard("/word", "std_msgs/msg/String", RELIABLE)
    data: npt.NDArray[np.uint8] = np.frombuffer(b"\0\1\0\0\3\0\0\0hi\0", np.uint8)
    bag.write(topic, 5, data.tobytes())
    bag.finish({"at": 1})
    bag.write(topic, 6, data.tobytes())
    bag.discard()
    again = SplitBag(tmp_path / "bag")
    assert again.note == {"at": 1}
    again.write(topic, 7, data.tobytes())
    again.finish({"at": 2})
    assert [record.time_ns for record in reader.records(tmp_path / "bag")] == [5, 7]


def test_another_recording_of_the_same_name_is_not_gone_on_with(
    source: Path, out: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError):
        convert([source], out, pipeline(Failing(7)))
    other = write(tmp_path / "day2" / source.name, drive(COUNT, offset_ns=86_400_000_000_000))
    with pytest.raises(BagError, match=r"same command.*recording"):
        convert([other], out, pipeline(), ConvertOptions(resume=True))
