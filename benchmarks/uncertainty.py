"""How wrong a model is, pixel by pixel: fits the ErrorModel of depth_ros.models.error_models.

On every second image of a folder with true depth; the others tell whether it holds. Run as
python -m benchmarks.uncertainty --data FOLDER [FOLDER ...].
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from tqdm import tqdm

from benchmarks.command import in_one_line
from benchmarks.picked import evenly
from depth_ros.config import Settings
from depth_ros.evaluation.datasets import folder
from depth_ros.geometry.edges import radius_for
from depth_ros.geometry.uncertainty import ErrorModel, deviation_from_confidence, log_range
from depth_ros.pipeline import Pipeline

_EVERY = 7  # pixels: neighbours say the same
_MOST = 0.7  # of an error's log: what is farther off is no normal error, and would drown the others
_LEAST_M = 0.1
_RANGES_M = ((0.0, 1.5), (1.5, 2.5), (2.5, 4.0), (4.0, 10.0))
Floats = npt.NDArray[np.float64]
_UNIT = ErrorModel(0.0, 0.0, 0.0, 0.0)


class Seen(NamedTuple):
    """Some pixels of an image (N,), and the image's own factor.

    Attributes:
        depth_m: predicted.
        steps: see log_range.
        spread: one deviation of ln depth by the model's own word; NaN: it says none.
        errors: ln of predicted over true depth, without the image's factor.
        scale: ln of that factor.
    """

    depth_m: Floats
    steps: Floats
    spread: Floats
    errors: Floats
    scale: float


def look(pipeline: Pipeline, root: Path, most: int) -> list[Seen]:
    """Return what a model says of a folder's images, evenly chosen."""
    seen = []
    for sample in tqdm(
        evenly(folder.samples(root), most), desc=root.name, unit="image", leave=False
    ):
        depth = pipeline(sample.frame)
        found, truth_m = depth.depth_m.cpu(), sample.truth_m
        radius = radius_for(depth.network_size or truth_m.shape, truth_m.shape)
        spread = torch.full_like(found, torch.nan)
        if depth.confidence is not None:
            spread = deviation_from_confidence(depth.confidence.cpu(), _UNIT, 0.0)
        planes = (found, log_range(found, radius), spread, torch.from_numpy(truth_m))
        table = np.stack([plane.flatten()[::_EVERY].numpy() for plane in planes]).astype(float)
        table = table[:, np.isfinite(table[[0, 3]]).all(0) & (table[3] > _LEAST_M)]
        errors = np.log(table[0] / table[3])
        if len(errors):
            middle = float(np.median(errors))
            depth_m, steps, said, _ = table
            seen.append(Seen(depth_m, steps, said, errors - middle, middle))
    return seen


def fit(seen: Sequence[Seen]) -> ErrorModel:
    """Return the most likely errors: normal ones, whose deviation is as ErrorModel says."""
    depth_m, steps, spread, errors = _joined(seen)
    clipped = np.clip(errors, -_MOST, _MOST)

    def unlikely(logs: Floats) -> float:
        variance = _variance(_model(logs), depth_m, steps)
        return float(np.mean(np.log(variance) / 2 + clipped**2 / variance / 2))

    base, per_m, edge = np.exp(minimize(unlikely, np.log((0.1, 0.02, 0.3))).x)
    scale = float(np.sqrt(np.mean([each.scale**2 for each in seen])))
    own = 1.0 if np.isnan(spread).all() else float(np.sqrt(np.nanmean((clipped / spread) ** 2)))
    return ErrorModel(*(round(float(x), 3) for x in (base, per_m, edge, scale, own)))


def _model(logs: Floats) -> ErrorModel:
    base, per_m, edge = (float(each) for each in np.exp(logs))
    return ErrorModel(base, per_m, edge, scale=0.0)


def table(errors: ErrorModel, seen: Sequence[Seen]) -> str:
    """Return how many errors are within one and two deviations; 68 and 95 % of normal ones are."""
    depth_m, steps, spread, found = _joined(seen)
    sigma = np.sqrt(_variance(errors, depth_m, steps))
    if not np.isnan(spread).all():
        sigma = spread * errors.spread
    lines = [
        f"{'predicted depth':<18}{'deviation':>10}{'within 1':>10}{'within 2':>10}{'pixels':>9}"
    ]
    for low_m, high_m in _RANGES_M:
        part = (depth_m >= low_m) & (depth_m < high_m)
        if part.any():
            shares = [float((np.abs(found) <= k * sigma)[part].mean()) for k in (1, 2)]
            lines.append(
                f"{low_m:g} to {high_m:g} m".ljust(18)
                + f"{np.median(sigma[part]):>10.3f}{shares[0]:>10.0%}{shares[1]:>10.0%}"
                + f"{part.sum():>9}"
            )
    return "\n".join(lines)


def _joined(seen: Sequence[Seen]) -> tuple[Floats, Floats, Floats, Floats]:
    parts = zip(*(each[:4] for each in seen), strict=True)
    depth_m, steps, spread, errors = map(np.concatenate, parts)
    return depth_m, steps, spread, errors


def _variance(errors: ErrorModel, depth_m: Floats, steps: Floats) -> Floats:
    return errors.base**2 + (errors.per_m * depth_m) ** 2 + (errors.edge * steps) ** 2


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Fit, check and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uncertainty", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="protocol rgbd-folder")
    parser.add_argument("--model", default="zoedepth-lite", help="name, folder or hub id")
    parser.add_argument("--samples", type=int, default=0, help="of models that denoise")
    parser.add_argument("--most", type=int, default=60, help="images of each folder")
    options = parser.parse_args(arguments)
    settings = Settings(model=options.model, grin_samples=options.samples, edges_filter="off")
    pipeline = Pipeline.from_settings(settings)
    seen = [each for root in options.data for each in look(pipeline, root, options.most)]
    errors = fit(seen[::2])
    print(f"{options.model}: {errors}\n{table(errors, seen[1::2])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
