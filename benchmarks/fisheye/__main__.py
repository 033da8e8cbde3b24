"""Accuracy on wide lenses, raw and with undistort, on frames that are not used in training.

The same networks see the same rendered frames as they are, through a virtual pinhole
(undistort:=pinhole), and through three of them side by side. Run as python -m benchmarks.fisheye.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from benchmarks.command import in_one_line
from benchmarks.fisheye.checks import check
from benchmarks.fisheye.lenses import LENSES, PLACES, samples
from benchmarks.fisheye.several import merged
from depth_ros.arrays import ImageArray
from depth_ros.config import Settings
from depth_ros.evaluation import metrics, picture
from depth_ros.evaluation.datasets.sample import Sample
from depth_ros.evaluation.metrics import Scores
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.virtual_pinhole import VirtualView, virtual_pinhole
from depth_ros.pipeline import Pipeline

Depth = npt.NDArray[np.float32]


class Row(NamedTuple):
    """Mean scores of one way to undistort, over frames.

    Attributes:
        coverage: share of the pixels with true depth that have depth.
        raw, undistorted: scores over the pixels of both: without undistorting, and with it.
        jump: relative difference where pinholes side by side meet; NaN: there is one.
    """

    coverage: float
    raw: Scores
    undistorted: Scores
    jump: float = float("nan")


def compare(model: str, frames: list[Sample], several: bool) -> tuple[dict[str, Row], ImageArray]:
    """Return rows by name; and the first frame's image, depth raw and undistorted, and truth."""
    raw, pinhole = (
        Pipeline.from_settings(Settings(model=model, undistort=way)) for way in ("off", "pinhole")
    )
    raw_m = [_depth(raw, sample) for sample in frames]
    one_m = [_depth(pinhole, sample) for sample in frames]
    rows = {"pinhole": _row(frames, raw_m, one_m)}
    if several:
        found = [merged(raw, sample.frame) for sample in frames]
        row = _row(frames, raw_m, [each.depth_m for each in found])
        rows["three pinholes"] = row._replace(jump=float(np.mean([each.jump for each in found])))
    depths = [picture.coloured(each) for each in (raw_m[0], one_m[0], frames[0].truth_m)]
    return rows, np.hstack([picture.fit(frames[0].frame.rgb), *depths])


def milliseconds(lens: Camera, repeats: int = 20) -> float:
    """Return the median CPU time of undistorting a frame and bringing its depth back."""
    pinhole = virtual_pinhole(lens) or lens
    view = VirtualView(lens, pinhole, lambda values: values)
    rgb = torch.zeros(1, lens.height, lens.width, 3, dtype=torch.uint8)
    seen, taken_s = torch.ones(1, pinhole.height, pinhole.width), []
    for _ in range(repeats):
        start_s = time.process_time()
        view.image(rgb)
        view.values(seen)
        taken_s.append(time.process_time() - start_s)
    return 1e3 * float(np.median(taken_s))


def _depth(pipeline: Pipeline, sample: Sample) -> Depth:
    depth_m: Depth = pipeline(sample.frame).depth_m.cpu().numpy()
    return depth_m


def _row(frames: list[Sample], raw_m: list[Depth], undistorted_m: list[Depth]) -> Row:
    shares, scores = [], []
    for sample, raw, undistorted in zip(frames, raw_m, undistorted_m, strict=True):
        true, seen = (metrics.known(each) for each in (sample.truth_m, undistorted))
        shares.append(float(seen[true].mean()))
        scores.append((_score(raw, sample, seen), metrics.score(undistorted, sample.truth_m)))
    before, after = (metrics.mean(column) for column in zip(*scores, strict=True))
    return Row(float(np.mean(shares)), before, after)


def _score(depth_m: Depth, sample: Sample, counted: metrics.Mask) -> Scores:
    return metrics.score(np.where(counted, depth_m, np.nan), sample.truth_m)


_COLUMNS = ("covers", "AbsRel raw", "undistorted", "gain", "delta1 raw", "undistorted", "jump")


def heading() -> str:
    """Return the titles of the columns."""
    return f"{'':<18}" + "".join(f"{title:>13}" for title in _COLUMNS)


def text(rows: dict[str, Row]) -> str:
    """Return the rows of one lens, place and model as lines of the table."""
    lines = []
    for name, (coverage, raw, undistorted, jump) in rows.items():
        gain = 1 - undistorted.abs_rel / raw.abs_rel
        values = f"{coverage:>13.0%}{raw.abs_rel:>13.3f}{undistorted.abs_rel:>13.3f}{gain:>13.0%}"
        deltas = f"{raw.delta1:>13.3f}{undistorted.delta1:>13.3f}"
        lines.append(f"    {name:<14}{values}{deltas}{'' if np.isnan(jump) else f'{jump:>13.0%}'}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fisheye", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["zoedepth-lite", "zoedepth-tiny"])
    parser.add_argument("--frames", type=int, default=16, help="of each lens and place")
    parser.add_argument("--out", type=Path, default=Path("out/fisheye.png"), help="picture")
    return parser


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Check, measure, print and draw."""
    options = _parser().parse_args(arguments)
    check()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(heading())
    drawn: list[ImageArray] = []
    for lens, camera in LENSES.items():
        print(f"{lens}: undistorting takes {milliseconds(camera):.1f} ms of CPU time")
        for place in PLACES:
            frames = list(samples(place, camera, options.frames))
            for model in options.models:
                fisheye = camera.lens == "equidistant"
                rows, first = compare(model, frames, several=fisheye)
                print(f"{model}, {lens}, {place}\n{text(rows)}", flush=True)
                if model == options.models[0] and place == PLACES[0]:
                    drawn.append(first)
    picture.save(np.vstack(drawn), options.out)
    print(f"picture of image, depth raw and undistorted, truth: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
