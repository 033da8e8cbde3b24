"""Accuracy of depth with anchors: one scale, scale and shift, and a field over the image.

It uses a recording with true depth; random pixels of each frame are the anchors. Run as
python -m benchmarks.anchors BAG.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.command import in_one_line
from depth_ros.config import Settings
from depth_ros.errors import ScaleError
from depth_ros.evaluation.datasets import bag
from depth_ros.evaluation.datasets.sample import Sample
from depth_ros.evaluation.metrics import score
from depth_ros.pipeline import Pipeline
from depth_ros.scale.anchors import Anchors, align

MODELS = ("zoedepth-lite", "zoedepth-tiny")
BARS = {"zoedepth-lite": 0.12, "zoedepth-tiny": 0.18}
"""Target: maximum AbsRel of the field with 300 anchors."""

OWN, SCALE, LINE, FIELD = "the model's own", "one scale", "scale and shift", "field"


def pick(truth_m: np.ndarray, count: int, rng: np.random.Generator) -> Anchors:
    """Return random valid pixels of true depth (H, W)."""
    v, u = np.nonzero(np.isfinite(truth_m) & (truth_m > 0))
    chosen = rng.choice(len(u), min(count, len(u)), replace=False)
    return Anchors(np.column_stack([u, v])[chosen].astype(float), truth_m[v, u][chosen] * 1.0)


def measure(model: str, samples: Iterable[Sample], count: int) -> dict[str, list[float]]:
    """Return the AbsRel of each frame, by the use of the anchors."""
    settings = Settings(model=model, scale_mode="anchors", anchors_field=False)
    scaled = Pipeline.from_settings(settings)
    varied = scaled.fork()
    varied.settings = replace(settings, anchors_field=True)
    own = scaled.fork()
    own.settings = replace(settings, scale_mode="model")
    rng, found = np.random.default_rng(0), defaultdict[str, list[float]](list)
    for sample in samples:
        anchors = pick(sample.truth_m, count, rng)
        estimate = scaled.predict(sample.frame, anchors)
        plain = own.measure(estimate).depth_m
        ways = {
            OWN: plain,
            SCALE: scaled.measure(estimate, anchors).depth_m,
            FIELD: varied.measure(estimate, anchors).depth_m,
        }
        try:
            line = align(plain, "affine_depth", anchors)
            ways[LINE] = plain * line.scale + line.shift
        except ScaleError:  # noise does not determine a scale
            ways[LINE] = plain
        for way, depth_m in ways.items():
            found[way].append(score(depth_m.cpu().numpy(), sample.truth_m).abs_rel)
    return found


def verdict(model: str, found: dict[str, list[float]], count: int) -> str:
    """Return a model's row, and whether its target was reached."""
    ways = (OWN, SCALE, LINE, FIELD)
    row = f"{model:<16}" + "".join(f"{np.mean(found[way]):>17.3f}" for way in ways)
    if model not in BARS or count != 300:
        return row
    reached = np.mean(found[FIELD]) <= BARS[model]
    return f"{row}   at most {BARS[model]:.2f}: {'reached' if reached else 'MISSED'}"


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anchors", description=__doc__)
    parser.add_argument("bag", type=Path, help="with images, camera_info and true depth")
    parser.add_argument("--model", action="append", help=f"default: {', '.join(MODELS)}")
    parser.add_argument("--anchors", type=int, default=300, help="in each frame (default: 300)")
    parser.add_argument("--frames", type=int, default=60, help="at most (default: 60)")
    options = parser.parse_args(arguments)
    ways = "".join(f"{way:>17}" for way in (OWN, SCALE, LINE, FIELD))
    print(f"AbsRel, {options.anchors} anchors a frame\n{'model':<16}{ways}")
    for model in options.model or MODELS:
        samples = islice(bag.samples(options.bag), options.frames)
        shown = tqdm(samples, desc=model, total=options.frames, disable=None)
        print(verdict(model, measure(model, shown, options.anchors), options.anchors))
    return 0


if __name__ == "__main__":
    sys.exit(main())
