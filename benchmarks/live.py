"""Measure the running node over DDS: latency by stage, lost frames, CPU, memory.

Run as python -m benchmarks.live; with --cameras 3, compare one node of three cameras with three
nodes. Cameras, nodes and the consumer are separate processes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks import machine
from benchmarks.command import in_one_line
from depth_ros import transport
from depth_ros.errors import DepthError

MAX_DRIFT_MB = 20.0
_SETTLE_S = 2.5  # for the answers to the last images
_STOP_S = 60.0
_SAMPLE_S = 1.0
_NAMES = ("front", "left", "right", "rear", "up", "down")


class Sample(NamedTuple):
    """Processor time so far and resident memory of processes."""

    cpu_s: float
    rss_mb: float


class Result(NamedTuple):
    """One run, summed over its cameras.

    Attributes:
        label: name of the run.
        seconds: from the first image to the last.
        sent: number of images.
        received: number of images that nodes received.
        replaced: number of these that a newer one replaced while the network was busy.
        answered: number of images whose results nodes published.
        arrived: number of clouds that the consumer received.
        split_ms: the median latency from the camera to the consumer, and its parts.
        latencies_ms: each camera's median.
        cpu_ms: processor time of the nodes for each answer.
        drift_mb: resident memory at the end, over that after the first third.
    """

    label: str
    seconds: float
    sent: int
    received: int
    replaced: int
    answered: int
    arrived: int
    split_ms: dict[str, float]
    latencies_ms: list[float]
    cpu_ms: float
    drift_mb: float

    @property
    def lost_in(self) -> int:
        """Images that no node received, including those overwritten in its queue of one."""
        return self.sent - self.received

    @property
    def lost_out(self) -> int:
        """Clouds that the consumer did not receive."""
        return self.answered - self.arrived

    @property
    def per_second(self) -> float:
        """Answers."""
        return self.arrived / self.seconds

    def text(self) -> str:
        """Return the run as text."""
        split = ", ".join(f"{name} {ms:.1f}" for name, ms in self.split_ms.items())
        latencies = ", ".join(f"{ms:.0f}" for ms in self.latencies_ms)
        verdicts = {
            f"lost over DDS {self.lost_in} in, {self.lost_out} out, wanted 0": (
                self.lost_in == self.lost_out == 0
            ),
            f"memory {self.drift_mb:+.1f} MB, wanted less than {MAX_DRIFT_MB:g} in 10 minutes": (
                self.drift_mb < MAX_DRIFT_MB
            ),
        }
        return "\n".join(
            [
                f"{self.label}: {self.sent} images in {self.seconds:.0f} s, {self.replaced} "
                f"replaced by newer ones, {self.arrived} answered ({self.per_second:.1f}/s)",
                f"  latency by camera, median ms: {latencies}; CPU {self.cpu_ms:.1f} ms a frame",
                f"  split, median ms: {split}",
                *(f"  {'reached' if ok else 'MISSED'}  {text}" for text, ok in verdicts.items()),
            ]
        )


class Setup(NamedTuple):
    """Setup of a run: the cameras' names, and each node's ROS arguments."""

    label: str
    names: list[str]
    nodes: list[list[str]]


def one_camera() -> Setup:
    """Return a node of one camera."""
    return Setup("one camera", [""], [[]])


def one_node(count: int) -> Setup:
    """Return one node of several cameras."""
    names = list(_NAMES[:count])
    return Setup(f"one node, {count} cameras", names, [["-p", f"cameras:=[{','.join(names)}]"]])


def many_nodes(count: int) -> Setup:
    """Return a node for each of several cameras, with the same topics."""
    names = list(_NAMES[:count])
    return Setup(f"{count} nodes", names, [["-r", f"__ns:=/{name}"] for name in names])


def run(setup: Setup, model: str, hz: float, seconds: float) -> Result:
    """Run nodes, cameras and a consumer for some time.

    Raises:
        DepthError: a process failed.
    """
    count = max(2, round(hz * seconds))
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder, "noted.json")
        peers = [sys.executable, "-m", "benchmarks.live_peers"]
        names = ["--names", *setup.names]
        consumer = [*peers, "consumer", *names, "--out", str(noted)]
        sending = [*peers, "cameras", *names, "--hz", str(hz), "--count", str(count)]
        commands = [_node(model, more) for more in setup.nodes]
        with _running(*commands) as nodes, _running(consumer):
            samples = _watch(sending, [node.pid for node in nodes])
        if not noted.exists():
            raise DepthError("the consumer noted nothing")
        return summarise(f"{setup.label}, {hz:g} Hz", count, json.loads(noted.read_text()), samples)


def summarise(label: str, count: int, noted: dict[str, Any], samples: list[Sample]) -> Result:
    """Return the result of a run from its records.

    Args:
        label: name of the run.
        count: number of images sent by each camera.
        noted: arrivals as (stamp, time) in ns by camera and topic; the last diagnostics by status.
        samples: of the nodes, over the run.

    Raises:
        DepthError: nothing was answered.
    """
    cameras, statuses = noted["arrivals"], list(noted["statuses"].values())
    clouds = [arrivals.get("points", []) for arrivals in cameras.values()]
    if not all(clouds) or not statuses:
        raise DepthError(f"{label}: no answer came, expected a cloud of every camera")
    totals = {
        name: sum(int(status[name]) for status in statuses)
        for name in ("images", "answered", "replaced by a newer image")
    }
    stamps = [stamp for arrivals in cameras.values() for stamp, _ in arrivals["image"]]
    settled = samples[len(samples) // 3]
    return Result(
        label,
        seconds=(max(stamps) - min(stamps)) / 1e9,
        sent=count * len(cameras),
        received=totals["images"],
        replaced=totals["replaced by a newer image"],
        answered=totals["answered"],
        arrived=sum(map(len, clouds)),
        split_ms=_split(cameras, statuses),
        latencies_ms=[_late_ms(cloud) for cloud in clouds],
        cpu_ms=1e3 * (samples[-1].cpu_s - samples[0].cpu_s) / max(1, totals["answered"]),
        drift_mb=samples[-1].rss_mb - settled.rss_mb,
    )


def _split(cameras: dict[str, Any], statuses: list[dict[str, str]]) -> dict[str, float]:
    """Return the parts of the latency; the outgoing transport is the remainder."""
    whole = _late_ms([each for arrivals in cameras.values() for each in arrivals["points"]])
    wire_in = _late_ms([each for arrivals in cameras.values() for each in arrivals["image"]])
    inside = float(np.median([float(status["latency median [ms]"]) for status in statuses]))
    stages = {
        key.removeprefix("stage ").removesuffix(" [ms]"): float(value.split()[0])
        for key, value in statuses[0].items()
        if key.startswith("stage ")
    }
    ends = {"whole": whole, "wire in": wire_in}
    return ends | stages | {"wire out": whole - wire_in - inside}


def _late_ms(arrivals: list[tuple[int, int]]) -> float:
    return float(np.median([time_ns - stamp_ns for stamp_ns, time_ns in arrivals])) / 1e6


def _node(model: str, more: list[str]) -> list[str]:
    arguments = ["-p", f"model:={model}", "-p", "stale_after_s:=3600.0", *more]
    return [sys.executable, "-m", "depth_ros.ros.main", "--ros-args", *arguments]


def environment() -> dict[str, str]:
    """Return the environment of the processes: this machine only, with their own domain."""
    # Above 101, Linux may use a domain's ports for other sockets.
    domain = os.environ.get("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    alone = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": domain}
    return {**os.environ, **transport.environment(), **alone}


@contextmanager
def _running(*commands: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run processes, and interrupt them at the end."""
    processes = [subprocess.Popen(command, env=environment()) for command in commands]
    try:
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _watch(sending: list[str], pids: list[int]) -> list[Sample]:
    """Return samples of processes from the first image until the end."""
    samples = []
    with subprocess.Popen(sending, env=environment(), stdout=subprocess.PIPE) as cameras:
        assert cameras.stdout is not None
        cameras.stdout.readline()  # comes when everybody listens, or never
        while cameras.poll() is None:
            samples.append(_sample(pids))
            time.sleep(_SAMPLE_S)
    if cameras.returncode:
        raise DepthError("the cameras have no subscribers, expected the nodes")
    time.sleep(_SETTLE_S)
    return [*samples, _sample(pids)]


def _sample(pids: list[int]) -> Sample:
    """Return total processor time and memory of processes (Linux, proc(5))."""
    cpu_s = rss_mb = 0.0
    for pid in pids:
        # The second field, the command's name, may contain spaces: count from its closing bracket.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu_s += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        rss_mb += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return Sample(cpu_s, rss_mb)


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Run the chosen setups and report; the exit code is 0 even if targets are missed."""
    options = _parser().parse_args(arguments)
    setups = [one_camera()]
    if options.cameras > 1:
        setups = [one_node(options.cameras), many_nodes(options.cameras)]
    results = []
    for setup in setups:
        for hz in options.hz:
            results.append(run(setup, options.model, hz, options.seconds))
            print(f"{results[-1].text()}\n", flush=True)
    for one, many in zip(results[: len(options.hz)], results[len(options.hz) :], strict=False):
        ratio = one.per_second / many.per_second
        print(f"{one.label} / {many.label}: {ratio:.2f} times the answers")
    facts = machine.describe(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    content = {"machine": facts, "runs": [result._asdict() for result in results]}
    machine.save(content, options.out)
    print(f"numbers: {options.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--model", default="zoedepth-lite", help="name, folder or hub id")
    parser.add_argument("--hz", nargs="+", type=float, default=[10.0, 15.0, 30.0])
    parser.add_argument("--seconds", type=float, default=20.0, help="600 for the memory's bar")
    parser.add_argument("--cameras", type=int, choices=range(1, 7), default=1)
    parser.add_argument("--out", type=Path, default=Path("out/bench/live.json"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
