"""What depth is worth to visual odometry, from features and, if it is installed, Open3D's.

On a recording with true depth, whose own odometry is the reference, and on rendered drives, whose
poses are known. Open3D is no dependency of this package: pip install open3d. Run as
python -m benchmarks.odometry --data BAG.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from benchmarks import anchors, flicker
from benchmarks.command import in_one_line
from benchmarks.visual_odometry import Depth, Odometry, Track, installed
from depth_ros.arrays import ImageArray
from depth_ros.config import Settings
from depth_ros.errors import ScaleError
from depth_ros.evaluation.datasets import bag
from depth_ros.evaluation.datasets.sample import Sample
from depth_ros.evaluation.picture import save
from depth_ros.pipeline import Estimate, Pipeline
from depth_ros.scale.scaler import Reference

TRUTH, MODEL, STEADY = "true depth", "model", "model, steadied"
GROUND, ANCHORS = "ground", "300 anchors"
BARS = {STEADY: 0.25, ANCHORS: 0.10}
"""Error of the path's length in a recording, at most."""
DRIVE_BAR = 0.10
"""The same in rendered drives."""

_ANCHORS = 300
_PANEL_PX = 420
_LEGEND_PX = 130
_REFERENCE = "reference"
_COLOURS = {
    _REFERENCE: (235, 235, 235),
    TRUTH: (150, 150, 150),
    MODEL: (230, 120, 60),
    STEADY: (240, 200, 70),
    GROUND: (190, 120, 230),
    ANCHORS: (80, 200, 120),
}

Tracks = dict[str, Track]
"""The trajectory that each kind of depth gives."""


def measure(
    model: str, samples: Iterable[Sample], steady_s: float, mounted: bool
) -> dict[str, Tracks]:
    """Return the trajectories of every odometry; the network runs once on a frame.

    Args:
        model: of metres, by name.
        samples: the frames, in order.
        steady_s: scale.steady_s of the steadied model.
        mounted: whether the samples know their camera's mount, for the scale of the ground.
    """
    plain = Pipeline.from_settings(Settings(model=model, edges_filter="image"))
    changes: dict[str, dict[str, Any]] = {
        MODEL: {},
        STEADY: {"scale_steady_s": steady_s},
        **({GROUND: {"scale_mode": "ground"}} if mounted else {}),
        ANCHORS: {"scale_mode": "anchors"},
    }
    pipelines = {way: plain.fork() for way in changes}
    for way, pipeline in pipelines.items():
        pipeline.settings = plain.settings.with_values(**changes[way])
    found: dict[str, dict[str, Odometry]] = {
        name: {way: kind() for way in (TRUTH, *changes)} for name, kind in installed().items()
    }
    rng = np.random.default_rng(0)
    for sample in samples:
        frame, estimate = sample.frame, plain.predict(sample.frame)
        picked = anchors.pick(sample.truth_m, _ANCHORS, rng)
        references = {GROUND: sample.reference, ANCHORS: picked}
        depths = {TRUTH: sample.truth_m}
        for way, pipeline in pipelines.items():
            depths[way] = _depth_m(pipeline, estimate, references.get(way))
        for ways in found.values():
            for way, depth_m in depths.items():
                ways[way].add(frame.rgb, depth_m, frame.camera)
    return {name: {way: each.track for way, each in ways.items()} for name, ways in found.items()}


def _depth_m(pipeline: Pipeline, estimate: Estimate, reference: Reference | None) -> Depth:
    """Return the depth of a frame; all NaN if it has no scale."""
    try:
        depth_m: Depth = pipeline.measure(estimate, reference).depth_m.numpy()
    except ScaleError:
        return np.full(estimate.frame.rgb.shape[:2], np.nan, np.float32)
    return depth_m


def drift_m(track: Track, truth: Track) -> float:
    """Return the root mean square distance of positions (ATE), both from the same start."""
    pairs = zip(track.poses, truth.poses, strict=True)
    squares = [np.sum((a[:3, 3] - b[:3, 3]) ** 2) for a, b in pairs]
    return float(np.sqrt(np.mean(squares)))


def table(name: str, tracks: Tracks, truth: Track, recorded: bool) -> str:
    """Return a line for each kind of depth, with its bar."""
    lines, bars = [], BARS if recorded else dict.fromkeys((*BARS, GROUND), DRIVE_BAR)
    for way, track in tracks.items():
        error = track.length_m / truth.length_m - 1
        bar = bars.get(way)
        told = ""
        if bar is not None:
            reached = abs(error) <= bar and not track.lost
            told = f"within {bar:.0%}, none lost: {'reached' if reached else 'MISSED'}"
        lines.append(
            f"{name:<24}{way:<18}{track.length_m:>7.2f} m{error:>+8.0%}"
            f"{drift_m(track, truth):>8.3f} m{track.lost:>6}   {told}".rstrip()
        )
    return "\n".join(lines)


def draw(name: str, tracks: Tracks, truth: Track) -> ImageArray:
    """Draw the trajectories from above."""
    panel = np.full((_PANEL_PX, _PANEL_PX + _LEGEND_PX, 3), 24, np.uint8)
    shown = {_REFERENCE: truth, **{way: t for way, t in tracks.items() if t is not truth}}
    plane = {way: np.array([pose[[0, 2], 3] for pose in t.poses]) for way, t in shown.items()}
    points = np.concatenate(list(plane.values()))
    low, span = points.min(0), float(np.ptp(points, axis=0).max()) or 1.0
    spare = (1 - np.ptp(points, axis=0) / span) / 2  # centres the narrower side
    cv2.putText(panel, f"{name}, {span:.1f} m across", (8, 16), 0, 0.42, (230,) * 3, 1, cv2.LINE_AA)
    for index, (way, places) in enumerate(plane.items()):
        at = 30 + ((places - low) / span + spare) * (_PANEL_PX - 60)
        at[:, 0] += _LEGEND_PX
        at[:, 1] = _PANEL_PX - at[:, 1]
        colour, place = _COLOURS[way], (8, 40 + 18 * index)
        cv2.polylines(panel, [np.int32(at)], False, colour, 2, cv2.LINE_AA)
        cv2.putText(panel, way, place, 0, 0.42, colour, 1, cv2.LINE_AA)
    return panel


def known(samples: list[Sample]) -> Track:
    """Return the true trajectory of frames with poses, from the first one's place."""
    poses = [sample.pose for sample in samples if sample.pose is not None]
    start = np.linalg.inv(poses[0])
    return Track([start @ pose for pose in poses])


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure, print and draw."""
    options = _parser().parse_args(arguments)
    print(f"{'clip, odometry':<24}{'depth':<18}{'path':>9}{'error':>8}{'ATE':>10}{'lost':>6}")
    panels: dict[str, list[ImageArray]] = {how: [] for how in installed()}
    for path in options.data:
        samples = islice(bag.samples(path), options.frames)
        bar = tqdm(samples, desc=path.name)
        found = measure(options.model, bar, options.seconds, mounted=False)
        for how, tracks in found.items():
            panels[how].append(_told(path.name, how, tracks, None))
    for index in range(options.drives):
        drive = list(flicker.drive(index, options.steps))
        bar = tqdm(drive, desc=f"drive {index}")
        found = measure(options.model, bar, options.seconds, mounted=True)
        for how, tracks in found.items():
            panels[how].append(_told(f"drive {index}", how, tracks, known(drive)))
    save(np.vstack([np.hstack(row) for row in panels.values()]), options.out)
    print(f"picture: {options.out}")
    return 0


def _told(clip: str, method: str, tracks: Tracks, truth: Track | None) -> ImageArray:
    """Print the trajectories of one odometry; return their picture. truth: None, if unknown."""
    name, reference = f"{clip}, {method}", truth or tracks[TRUTH]
    print(table(name, tracks, reference, recorded=truth is None), flush=True)
    return draw(name, tracks, reference)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.odometry", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="bags with true depth")
    parser.add_argument("--model", default="zoedepth-lite", help="of metres: name, folder, hub id")
    parser.add_argument("--seconds", type=float, default=0.5, help="scale.steady_s")
    parser.add_argument("--frames", type=int, default=120, help="of each bag at most")
    parser.add_argument("--drives", type=int, default=2, help="rendered ones")
    parser.add_argument("--steps", type=int, default=60, help="frames of each drive")
    parser.add_argument("--out", type=Path, default=Path("out/odometry.png"), help="picture")
    return parser


if __name__ == "__main__":
    sys.exit(main())
