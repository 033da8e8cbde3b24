"""The demonstration: render a drive, replay it to a real node over DDS, evaluate its depth."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from depth_ros import messages, models, node_process
from depth_ros.bag import reader
from depth_ros.bag import writer as bag
from depth_ros.errors import DepthError
from depth_ros.evaluation import metrics, picture
from depth_ros.output_paths import OutputFolder
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Drive, Robot, random_drive

IMAGE, INFO, TRUTH = "/camera/color/image_raw", "/camera/color/camera_info", "/camera/truth/image"
_ODOM, _GROUND, _BASE = "odom", "base_footprint", "base_link"
_AXLE_M = 0.1  # height of base_link above the ground
FRAME = "camera_color_optical_frame"
MIN_ANSWERED = 0.9
MAX_ABS_REL = 0.15
MIN_DELTA1 = 0.80
_START_NS = 1_700_000_000_000_000_000
_STEP_NS = 100_000_000
_ROWS = 4
_WRITTEN = ("drive", "recording", "preview.png", "node.log", "replay.json")


class Report(NamedTuple):
    """The results of the demonstration."""

    images: int
    answered: int
    expected: int
    median_ms: float
    p95_ms: float
    cpu_percent: float
    scores: metrics.Scores

    @property
    def passed(self) -> bool:
        """Whether the number of answers and the depth errors are within their limits."""
        enough = self.answered >= MIN_ANSWERED * self.expected
        good = self.scores.abs_rel <= MAX_ABS_REL and self.scores.delta1 >= MIN_DELTA1
        return enough and good

    def table(self) -> str:
        """Return the report for people to read."""
        rows = [
            ("images in", f"{self.images}"),
            (
                "depth images out",
                f"{self.answered} (at least {MIN_ANSWERED:.0%} of {self.expected})",
            ),
            ("not answered", f"{self.images - self.answered}"),
            ("latency, median", f"{self.median_ms:.1f} ms"),
            ("latency, p95", f"{self.p95_ms:.1f} ms"),
            ("CPU of the node", f"{self.cpu_percent:.0f} % of one core"),
            ("AbsRel", f"{self.scores.abs_rel:.3f} (at most {MAX_ABS_REL})"),
            ("delta1", f"{self.scores.delta1:.3f} (at least {MIN_DELTA1})"),
            ("RMSE", f"{self.scores.rmse_m:.3f} m"),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def run(out: Path, model: str, seconds: float, seed: int) -> Report:
    """Run the demonstration; write to a new or empty folder, or overwrite an earlier result.

    Writes drive/ (the input), recording/ (input and the node's output, as mcap), preview.png,
    node.log and replay.json.

    Raises:
        SettingError: the folder contains files that the demonstration did not write.
        DepthError: the model is unknown, or the node did not answer; node.log contains the reason.
    """
    models.find(model)  # raises early, not after the drive is rendered
    OutputFolder(out, "depth_ros demo", _WRITTEN).begin()
    write_drive(out / "drive", round(seconds * 1e9 / _STEP_NS), seed)
    with node_process.running(out / "node.log", _node_arguments(model)) as node:
        _replay(out)
        cpu_s = _cpu_s(node.pid)
    rows, scores = _judge(out / "recording")
    picture.save(picture.grid(rows), out / "preview.png")
    result = json.loads((out / "replay.json").read_text())
    return _report(result["images"], result["latencies_s"], cpu_s / seconds, scores)


def _report(images: int, latencies_s: list[float], load: float, scores: metrics.Scores) -> Report:
    median_s = statistics.median(latencies_s)
    p95_s = float(np.percentile(latencies_s, 95))
    # On a machine slower than the camera, a healthy node answers as fast as it can.
    expected = min(images, int(images * _STEP_NS / 1e9 / median_s))
    return Report(
        images, len(latencies_s), expected, 1e3 * median_s, 1e3 * p95_s, 100 * load, scores
    )


def write_drive(path: Path, steps: int, seed: int) -> None:
    """Render a drive at 10 Hz, 640x480, into a bag with camera_info, TF and true depth.

    TF follows REP 105 and REP 120: odom, base_footprint, base_link, camera, with true poses.
    """
    drive = random_drive(np.random.default_rng(seed), Robot(), 640, 480, steps)
    with bag.BagWriter(path) as out:
        axle = np.eye(4)
        axle[2, 3] = _AXLE_M
        mount = np.linalg.inv(axle) @ drive.poses[0].body_from_optical()
        for names, pose in (((_GROUND, _BASE), axle), ((_BASE, FRAME), mount)):
            out.write("/tf_static", bag.static_transform(*names, pose, _START_NS), _START_NS)
        for step in tqdm(range(steps), desc="render", unit="frame"):
            _write_frame(out, drive, step)


def _write_frame(out: bag.BagWriter, drive: Drive, step: int) -> None:
    stamp_ns = _START_NS + step * _STEP_NS
    frames = render_drive(Drive(drive.scene, drive.camera, [drive.poses[step]]), seed=step)
    pose = drive.poses[step]
    moved = pose.world_from_optical() @ np.linalg.inv(pose.body_from_optical())
    out.write("/tf", bag.static_transform(_ODOM, _GROUND, moved, stamp_ns), stamp_ns)
    truth_mm = np.round(frames.depth_m[0].numpy() * 1000).astype(np.uint16)
    out.write(INFO, bag.camera_info(drive.camera, stamp_ns, FRAME), stamp_ns)
    out.write(IMAGE, bag.image(frames.rgb[0].numpy(), "rgb8", stamp_ns, FRAME), stamp_ns)
    out.write(TRUTH, bag.image(truth_mm, "16UC1", stamp_ns, FRAME), stamp_ns)


def _node_arguments(model: str) -> list[str]:
    remaps = ["-r", f"image:={IMAGE}", "-r", f"camera_info:={INFO}"]
    return [*remaps, "-p", f"model:={model}", "-p", "stride:=2"]


def _replay(out: Path) -> None:
    """Play the drive to the node and record its answers, in a separate process."""
    command = [sys.executable, "-m", "depth_ros.ros.replay"]
    command += [str(out / "drive"), str(out / "recording"), "--image", IMAGE]
    if subprocess.run(command, env=node_process.environment(), check=False).returncode != 0:
        raise DepthError(f"the node did not answer, see {out / 'node.log'}")


def _cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used so far (Linux, proc(5))."""
    # The second field, the command's name, may contain spaces: count from its closing parenthesis.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _judge(recording: Path) -> tuple[list[picture.Row], metrics.Scores]:
    """Compare every recorded depth image with the true depth; keep some for the preview."""
    images, truths, depths, clouds = ({}, {}, {}, {})  # type: ignore[var-annotated]
    shelves = {IMAGE: images, TRUTH: truths, "/depth/image": depths, "/points": clouds}
    with reader.Recording(recording) as made:
        present = [topic for topic in shelves if made.counts.get(topic)]
    if "/depth/image" not in present:
        raise DepthError(f"no image was answered, see {recording.with_name('node.log')}")
    for topic, message in reader.messages(recording, *present):
        shelves[topic][messages.stamp_ns(message.header)] = message
    scores = [
        metrics.score(messages.depth_from_image(depth), messages.depth_from_image(truths[stamp]))
        for stamp, depth in depths.items()
    ]
    both = sorted(depths.keys() & clouds.keys()) or sorted(depths)
    chosen = [both[index] for index in np.linspace(0, len(both) - 1, _ROWS).round().astype(int)]
    rows = [
        picture.Row(
            messages.rgb_from_image(images[stamp]),
            messages.depth_from_image(depths[stamp]),
            messages.depth_from_image(truths[stamp]),
            messages.points_from_cloud(clouds[stamp])[0] if stamp in clouds else None,
        )
        for stamp in chosen
    ]
    return rows, metrics.mean(scores)
