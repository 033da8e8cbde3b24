"""Measure whole frames: the obvious way, this package, the network alone and copies, in turn.

Run as python -m benchmarks.whole. Time is split into stages; all but the network's is overhead,
which differs between ways.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks import machine
from benchmarks.command import in_one_line
from benchmarks.example import render
from benchmarks.mismatch import MismatchError
from benchmarks.network import millions
from benchmarks.predictor import predictor_of
from benchmarks.sizes import PUBLISHED, SIZES, Size
from benchmarks.stages import Nowhere
from benchmarks.stock import Stock
from benchmarks.timing import Series, Spread, Timer
from depth_ros import messages, runtimes
from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel
from depth_ros.pipeline import DepthFrame, Frame, NetworkPredictor, Pipeline
from depth_ros.profile import Lap, Profile, medians
from depth_ros.ros.publishers import Outputs

TORCH, ONNX = "depth_ros, torch", "depth_ros, onnxruntime"
STOCK = "transformers pipeline + NumPy"
NETWORK, COPIES = "the network alone, in torch", "memory copies"
MAX_SHARE, MIN_SPEED_UP = 0.05, 5.0
DEPTH_TOLERANCE = 0.02
"""Maximum median relative difference of two ways' depth."""
_WARM_UP = 1


class Case(NamedTuple):
    """A network, the size of the images, and their measurements.

    Attributes:
        label: description of both.
        series: milliseconds per round of every way.
        frames: for every way with stages, the laps of each round.
    """

    label: str
    series: dict[str, Series]
    frames: dict[str, list[list[Lap]]]

    def rest(self, way: str, *without: str) -> Series:
        """Return milliseconds per round of a way's stages, without those given."""
        return np.array(
            [sum(_ms(lap) for lap in laps if lap.stage not in without) for laps in self.frames[way]]
        )

    def overhead(self, way: str) -> Series:
        """Return milliseconds per round of all stages of a way except the network."""
        return self.rest(way, "network")

    def network(self, way: str) -> Series:
        """Return milliseconds per round of a way's network."""
        return self.rest(way) - self.overhead(way)

    @property
    def ours(self) -> list[str]:
        """This package's ways."""
        return [name for name in self.frames if name != STOCK]


class Ours:
    """A frame from Image to depth image and cloud, as in the node.

    Attributes:
        depth: of the last frame.
    """

    def __init__(self, model: DepthModel, camera: Camera, device: str) -> None:
        settings = Settings(device=device, focal_correction=False)
        executor = runtimes.create("auto", model.network, device, "float32", model.graphs)
        runtimes.prepare_process(device)
        self.pipeline = Pipeline(NetworkPredictor(model, executor), settings)
        self._camera, node = camera, Nowhere()
        self._outputs = Outputs(node, profile=self.pipeline.profile)
        for topic, publisher in node.publishers.items():
            publisher.is_heard = topic in ("depth/image", "points")

    def __call__(self, message: Any) -> None:
        """Process an image, with the default filters."""
        self.pipeline.profile.begin("decode")
        self.depth: DepthFrame = self.pipeline(
            Frame(messages.rgb_from_image(message), self._camera)
        )
        self._outputs.publish(self.pipeline, self.depth, message.header)


def measure(size: Size, width: int, height: int, device: str, repeats: int) -> Case:
    """Check that the ways agree, then time them in turn.

    Raises:
        MismatchError: the ways' depth differs.
    """
    camera, message = render(width, height)
    ways: dict[str, Any] = {TORCH: Ours(size.model, camera, device)}
    with tempfile.TemporaryDirectory() as folder:
        ways[ONNX] = Ours(size.exported(width, height, Path(folder)), camera, device)
    profiles = {name: way.pipeline.profile for name, way in ways.items()}
    used = predictor_of(ways[TORCH].pipeline).runtime
    profiles[STOCK] = Profile.on(used.device)
    ways[STOCK] = Stock(size, camera, str(used.device), profiles[STOCK])
    calls: dict[str, Callable[[], object]] = {
        name: partial(_framed, profiles[name], way, message) for name, way in ways.items()
    }
    for call in calls.values():
        call()
    _check(ways)
    rgb = torch.zeros(1, height, width, 3, dtype=torch.uint8, device=used.device)
    calls[NETWORK] = partial(used, size.model.preprocess(rgb))
    calls[COPIES] = _copies(width, height)
    series = _rounds(calls, used.device, repeats)
    frames = {name: profile.frames()[-repeats:] for name, profile in profiles.items()}
    label = f"{size.name}, {millions(size.model.network):.1f} M, {width}x{height} in"
    return Case(label, series, frames)


def _framed(profile: Profile, way: Callable[[Any], None], message: Any) -> None:
    with profile.frame():
        way(message)


def _check(ways: dict[str, Any]) -> None:
    theirs = ways[STOCK].depth
    for name, way in ways.items():
        mine = way.depth if name == STOCK else way.depth.depth_m.cpu().numpy()
        off = float(np.median(np.abs(mine - theirs) / theirs))
        if not off <= DEPTH_TOLERANCE:
            raise MismatchError(f"{name}: depth is {off:.1%} off, expected {DEPTH_TOLERANCE:.0%}")


def _copies(width: int, height: int) -> Callable[[], None]:
    """Return a function that copies as many bytes as a frame's input and outputs have."""
    pixels = np.ones(width * height * (3 + 4 + 16), np.uint8)
    return partial(np.copyto, np.empty_like(pixels), pixels)


@torch.inference_mode()
def _rounds(
    calls: dict[str, Callable[[], object]], device: torch.device, repeats: int
) -> dict[str, Series]:
    return Timer(device, repeats, _WARM_UP).measure(calls)


def _ms(lap: Lap) -> float:
    return lap.host_ms if lap.device_ms is None else lap.device_ms


def table(case: Case) -> str:
    """Return a case as text: every way, and the stages below each missed target."""
    lines = [case.label, f"{'milliseconds: median [quartiles]':<34}{'frame':>26}{'overhead':>26}"]
    for name, series in case.series.items():
        overhead = _spread(case.overhead(name)) if name in case.frames else ""
        lines.append(f"{name:<34}{_spread(series):>26}{overhead:>26}")
    for name in case.ours:
        lines += _judged(case, name)
    return "\n".join(lines)


def bars(case: Case, name: str) -> dict[str, tuple[float, bool]]:
    """Return the ratios of one of our ways, with their targets."""
    share = Spread.of(case.overhead(name) / case.series[NETWORK]).median
    obvious = case.overhead(STOCK)
    speed_up = Spread.of(obvious / case.overhead(name)).median
    alike = Spread.of(obvious / case.rest(name, "network", "edges")).median
    found = {
        f"overhead / network, at most {MAX_SHARE:g}": (share, share <= MAX_SHARE),
        f"obvious / our overhead, at least {MIN_SPEED_UP:g}": (speed_up, speed_up >= MIN_SPEED_UP),
        "the same without our edge filter, which it lacks": (alike, alike >= MIN_SPEED_UP),
    }
    if name != TORCH:
        ratio = Spread.of(case.network(name) / case.network(TORCH)).median
        found["its network / torch's, at most 1"] = (ratio, ratio <= 1)
    return found


def _judged(case: Case, name: str) -> list[str]:
    found = bars(case, name)
    lines = [
        f"{'reached' if reached else 'MISSED':<9}{name}: {bar}: {value:.3f}"
        for bar, (value, reached) in found.items()
    ]
    if not all(reached for _, reached in found.values()):
        for way in (name, STOCK):
            stages = ", ".join(f"{lap.stage} {lap.text()}" for lap in medians(case.frames[way]))
            lines.append(f"         {way}: {stages}")
    return lines


def _spread(series: Series) -> str:
    spread = Spread.of(series)
    return f"{spread.median:.2f} [{spread.low:.2f}, {spread.high:.2f}]"


def as_json(case: Case) -> dict[str, Any]:
    """Return a case for JSON."""
    return {
        "case": case.label,
        "frame_ms": {name: Spread.of(series)._asdict() for name, series in case.series.items()},
        "overhead_ms": {name: Spread.of(case.overhead(name))._asdict() for name in case.frames},
        "stages_ms": {
            name: {lap.stage: [lap.host_ms, lap.device_ms] for lap in medians(frames)}
            for name, frames in case.frames.items()
        },
        "bars": {name: bars(case, name) for name in case.ours},
    }


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure every case and report; the exit code is 0 even if targets are missed."""
    options = _parser().parse_args(arguments)
    cases = list(_cases(options))
    facts = machine.describe(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    content = {"machine": facts, "cases": [as_json(case) for case in cases]}
    machine.save(content, options.out)
    print(f"numbers: {options.out}")
    return 0


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    for name in options.networks:
        size = SIZES[name]()
        for image in options.images:
            width, height = (int(side) for side in image.split("x"))
            case = measure(size, width, height, options.device, options.repeats)
            print(f"{table(case)}\n", flush=True)
            yield case


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole", description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=list(SIZES), default=PUBLISHED)
    parser.add_argument("--images", nargs="+", default=["640x480", "1280x720"], help="sizes")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--repeats", type=int, default=10, help="rounds, one of warm-up aside")
    parser.add_argument("--out", type=Path, default=Path("out/bench/whole.json"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
