"""Flicker of a model's scale from frame to frame, without and with scale.steady_s.

It uses rendered drives at 10 Hz with known poses, and recordings with true depth. Run as
python -m benchmarks.flicker.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from benchmarks.command import in_one_line
from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.config import Settings
from depth_ros.evaluation import metrics
from depth_ros.evaluation.datasets import bag
from depth_ros.evaluation.datasets.sample import Sample
from depth_ros.evaluation.metrics import known, mean_known
from depth_ros.evaluation.picture import save
from depth_ros.evaluation.temporal import View, temporal_alignment_error
from depth_ros.pipeline import DepthFrame, Estimate, Frame, Pipeline
from depth_ros.scale.ground import Mount
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Robot, random_drive

PLAIN, STEADY = "as it is", "steadied"
_SEED = (20240, 7, 3)  # a triple, which no training run has
_STEP_NS = 100_000_000
_WIDTH, _HEIGHT = 640, 480
_PANEL, _MARGIN = (800, 200), 40
_COLOURS = {PLAIN: (230, 150, 60), STEADY: (80, 200, 120)}


@dataclass
class Clip:
    """Scores of one way on a clip, frame by frame."""

    log_errors: list[float] = field(default_factory=list)
    taes: list[float] = field(default_factory=list)
    abs_rels: list[float] = field(default_factory=list)
    before: View | None = None

    def add(self, sample: Sample, depth: DepthFrame) -> None:
        """Compare a frame with its truth, and with the frame before if poses are known."""
        depth_m = depth.depth_m.cpu().numpy()
        self.log_errors.append(log_scale_error(depth_m, sample.truth_m))
        self.abs_rels.append(metrics.score(depth_m, sample.truth_m).abs_rel)
        if sample.pose is None:
            return
        now = View(depth_m, sample.frame.camera, sample.pose)
        if self.before is not None:
            self.taes.append(temporal_alignment_error(self.before, now))
        self.before = now


def log_scale_error(depth_m: DepthArray, truth_m: DepthArray) -> float:
    """Return the median of log(depth / truth) of a frame, both (H, W); NaN if none is valid."""
    both = known(depth_m) & known(truth_m)
    if not both.any():
        return float("nan")
    return float(np.median(np.log(depth_m[both]) - np.log(truth_m[both])))


def scale_flicker(log_errors: Sequence[float]) -> float:
    """Return the flicker of a clip's scale [%]: standard deviation of its frame-to-frame changes.

    It needs no poses, because real motion changes depth and truth equally.

    Args:
        log_errors: log_scale_error() of the frames in order; NaN is left out.
    """
    return 100 * float(np.nanstd(np.diff(log_errors)))


def drive(index: int, steps: int) -> Iterator[Sample]:
    """Render a drive."""
    path = random_drive(np.random.default_rng((*_SEED, index)), Robot(), _WIDTH, _HEIGHT, steps)
    rendered = render_drive(path, seed=index)
    frames = zip(rendered.rgb.numpy(), rendered.depth_m.numpy(), path.poses, strict=True)
    for step, (rgb, truth_m, pose) in enumerate(frames):
        frame = Frame(rgb, path.camera, (1 + step) * _STEP_NS, "camera")
        mount = Mount.from_transform(pose.body_from_optical())
        place = pose.world_from_optical()
        yield Sample(frame, truth_m, f"{step}", f"drive {index}", place, mount)


def measure(
    pipeline: Pipeline, samples: Iterator[Sample], settings: Settings, wobble: float
) -> dict[str, Clip]:
    """Return the scores of a clip both ways; the network runs once per frame.

    Args:
        pipeline: of a metric model.
        samples: the clip's.
        settings: the pipeline's, with scale.steady_s.
        wobble: every frame is multiplied by a random factor of 1 +- this.
    """
    ways = {PLAIN: pipeline.fork(), STEADY: pipeline.fork()}
    ways[STEADY].settings = settings
    clips, rng = {name: Clip() for name in ways}, np.random.default_rng(0)
    for sample in tqdm(samples, desc="frame", unit="frame", leave=False):
        estimate = _scaled(pipeline.predict(sample.frame), rng.uniform(1 - wobble, 1 + wobble))
        for name, way in ways.items():
            clips[name].add(sample, way.measure(estimate))
    return clips


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    values = estimate.prediction.values * factor
    return replace(estimate, prediction=replace(estimate.prediction, values=values))


def table(found: dict[str, dict[str, Clip]]) -> str:
    """Return a line for each clip and way."""
    lines = [f"{'clip':<16}{'scale':<10}{'jumps':>8}{'TAE':>8}{'AbsRel':>9}{'frames':>8}"]
    for name, clips in found.items():
        for way, clip in clips.items():
            tae = f"{np.mean(clip.taes):.2f}%" if clip.taes else "-"
            lines.append(
                f"{name:<16}{way:<10}{scale_flicker(clip.log_errors):>7.2f}%{tae:>8}"
                f"{mean_known(clip.abs_rels):>9.3f}{len(clip.log_errors):>8}"
            )
    return "\n".join(lines)


def draw(found: dict[str, dict[str, Clip]]) -> ImageArray:
    """Draw the scale over the frames of each clip, relative to its median without the filter."""
    return np.vstack([_panel(name, clips) for name, clips in found.items()])


def _panel(name: str, clips: dict[str, Clip]) -> ImageArray:
    width, height = _PANEL
    panel = np.full((height, width, 3), 24, np.uint8)
    for percent in (-30, 0, 30):
        y = _y(np.log1p(percent / 100))
        cv2.line(panel, (_MARGIN, y), (width, y), (60, 60, 60), 1)
        _text(panel, f"{percent}%", (2, y + 4))
    _text(panel, f"{name}: scale over truth, from frame to frame", (_MARGIN + 4, 14))
    middle = float(np.nanmedian(next(iter(clips.values())).log_errors))
    for index, (way, clip) in enumerate(clips.items()):
        _curve(panel, np.array(clip.log_errors) - middle, _COLOURS[way])
        _text(panel, way, (width - 160 + 80 * index, 14), _COLOURS[way])
    return panel


def _curve(panel: ImageArray, log_errors: npt.NDArray[np.float64], colour: Sequence[int]) -> None:
    x = np.linspace(_MARGIN, panel.shape[1] - 1, len(log_errors))
    points = np.array([(a, _y(e)) for a, e in zip(x, log_errors, strict=True) if np.isfinite(e)])
    cv2.polylines(panel, [np.int32(points)], False, tuple(colour), 1, cv2.LINE_AA)


def _y(log_error: float) -> int:
    height = _PANEL[1]
    return round(height * (0.55 - 1.1 * float(np.clip(log_error, -0.36, 0.36))))


def _text(
    panel: ImageArray, text: str, at: tuple[int, int], colour: Sequence[int] = (230, 230, 230)
) -> None:
    cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, tuple(colour), 1, cv2.LINE_AA)


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure, print and draw."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads or torch.get_num_threads())
    pipeline = Pipeline.from_settings(Settings(model=options.model, device=options.device))
    settings = pipeline.settings.with_values(scale_steady_s=options.seconds)
    clips = {f"drive {i}": drive(i, options.steps) for i in range(options.drives)}
    clips |= {path.name: iter(bag.samples(path)) for path in options.data}
    found = {
        name: measure(pipeline, samples, settings, options.wobble)
        for name, samples in clips.items()
    }
    save(draw(found), options.out)
    print(f"{table(found)}\npicture: {options.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flicker", description=__doc__)
    parser.add_argument("--model", default="zoedepth-tiny", help="of metres: name, folder, hub id")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="bags with true depth")
    parser.add_argument("--seconds", type=float, default=0.5, help="scale.steady_s")
    parser.add_argument("--wobble", type=float, default=0.0, help="planted: 0.1 for +-10 percent")
    parser.add_argument("--drives", type=int, default=3, help="rendered ones")
    parser.add_argument("--steps", type=int, default=60, help="frames of each drive")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--out", type=Path, default=Path("out/flicker.png"), help="picture")
    return parser


if __name__ == "__main__":
    sys.exit(main())
