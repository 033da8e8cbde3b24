"""Consistency of metric depth over lenses: the same frames, cropped and resized as four cameras.

An enlarged centre crop is the image of a longer lens, with the same depth. Run as
python -m benchmarks.focal --data FOLDER (of the protocol rgbd-folder).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from benchmarks.command import in_one_line
from depth_ros.arrays import FloatArray
from depth_ros.config import Settings
from depth_ros.evaluation.protocols import PROTOCOLS
from depth_ros.pipeline import Frame, Pipeline

LENSES = (0.6, 1.0, 1.25, 1.6)
"""Focal lengths in pixels, relative to the camera's: below 1 the picture is shrunk, above 1 it is
cut to its middle and enlarged to its old size."""


class Spread(NamedTuple):
    """Differences of metric depth between lenses.

    Attributes:
        ratios: median over frames of each lens's metres over those of the whole picture.
        within: median over frames of (largest - smallest) / mean of the lenses' metres.
    """

    ratios: FloatArray
    within: float


def through(frame: Frame, lens: float) -> Frame:
    """Return a frame as a camera of another focal length at the same place would have taken it."""
    height, width = frame.rgb.shape[:2]
    if lens <= 1:
        size = (round(width * lens), round(height * lens))
        rgb = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)
        return replace(frame, rgb=np.asarray(rgb, np.uint8), camera=frame.camera.scale(*size))
    rows, columns = middle(height, width, lens)
    cut = frame.camera.crop(columns.start, rows.start, _length(columns), _length(rows))
    rgb = cv2.resize(frame.rgb[rows, columns], (width, height), interpolation=cv2.INTER_CUBIC)
    return replace(frame, rgb=np.asarray(rgb, np.uint8), camera=cut.scale(width, height))


def middle(height: int, width: int, lens: float) -> tuple[slice, slice]:
    """Return rows and columns of a picture that a longer lens shows."""
    rows, columns = round(height / max(lens, 1)), round(width / max(lens, 1))
    top, left = (height - rows) // 2, (width - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def _length(part: slice) -> int:
    return int(part.stop) - int(part.start)


def shared_median_m(depth_m: npt.NDArray[np.float32], lens: float) -> float:
    """Return the median depth of the part that the longest lens shows, in another lens's depth."""
    inner = max(LENSES) / max(lens, 1.0)
    height, width = depth_m.shape
    rows, columns = middle(height, width, inner)
    inside = depth_m[rows, columns]
    known = np.isfinite(inside)
    return float(np.median(inside[known])) if known.any() else float("nan")


def measure(pipeline: Pipeline, frames: list[Frame]) -> Spread:
    """Return the differences of metric depth between lenses, over frames."""
    rows = []
    for frame in tqdm(frames, desc="frames"):
        depths_m = [pipeline(through(frame, lens)).depth_m.cpu().numpy() for lens in LENSES]
        rows.append([shared_median_m(d, lens) for d, lens in zip(depths_m, LENSES, strict=True)])
    metres = np.array(rows)
    whole = metres[:, [LENSES.index(1.0)]]
    spread = (metres.max(1) - metres.min(1)) / metres.mean(1)
    return Spread(np.nanmedian(metres / whole, axis=0), float(np.nanmedian(spread)))


def table(found: dict[str, Spread]) -> str:
    """Return the ratios by lens, as text."""
    head = "".join(f"{f'{lens:g}x':>8}" for lens in LENSES)
    lines = [f"{'metres over those of the whole picture':<40}{head}{'spread':>10}"]
    for name, spread in found.items():
        ratios = "".join(f"{ratio:>8.3f}" for ratio in spread.ratios)
        lines.append(f"{name:<40}{ratios}{spread.within:>10.1%}")
    return "\n".join(lines)


@in_one_line
def main(arguments: list[str] | None = None) -> int:
    """Measure with and without the canonical camera, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.focal", description=__doc__)
    parser.add_argument("--model", default="zoedepth-lite", help="name, folder or hub id")
    parser.add_argument("--data", type=Path, required=True, help="folder of RGB-D")
    parser.add_argument("--limit", type=int, help="maximum number of frames; default: all")
    options = parser.parse_args(arguments)
    samples = PROTOCOLS["rgbd-folder"].samples(options.data)
    frames = [sample.frame for sample in samples][: options.limit]
    found = {}
    for corrected in (True, False):
        settings = Settings(model=options.model, focal_correction=corrected)
        name = f"focal_correction:={str(corrected).lower()}"
        found[name] = measure(Pipeline.from_settings(settings), frames)
    print(f"{options.model}, {len(frames)} frames of {options.data.name}")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
