"""Draw furnished rooms with their depth, and time the rendering."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from depth_ros.arrays import ImageArray
from depth_ros.evaluation import picture
from depth_ros.geometry.colour import robust_range
from depth_ros.training.render import Frames
from depth_ros.training.rooms.frames import random_rooms

_ROWS, _COLUMNS = 6, 4
_WIDTH, _HEIGHT = 256, 192


def main(arguments: list[str] | None = None) -> int:
    """Render, save the picture and print the speed."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(options.seed)
    random_rooms(np.random.default_rng(0), _WIDTH, _HEIGHT, 1, device=options.device)
    start_s = time.perf_counter()
    frames, _ = random_rooms(rng, _WIDTH, _HEIGHT, _ROWS * _COLUMNS, device=options.device)
    frames = Frames(*(part.cpu() for part in frames))
    per_s = _ROWS * _COLUMNS / (time.perf_counter() - start_s)
    picture.save(_grid(frames, options.cell), options.out)
    print(f"{per_s:.1f} frames/s of {_WIDTH}x{_HEIGHT}   picture: {options.out}")
    return 0


def _grid(frames: Frames, width: int) -> ImageArray:
    """Draw images and depth in rows; depth colours span each frame's range."""
    height = width * _HEIGHT // _WIDTH
    cells = []
    for rgb, depth_m in zip(frames.rgb, frames.depth_m, strict=True):
        depth = picture.coloured(depth_m.numpy(), *robust_range(depth_m))
        cells += [picture.fit(rgb.numpy(), width, height), picture.fit(depth, width, height)]
    columns = 2 * _COLUMNS
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.vstack(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rooms", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/rooms.jpg"), help="the picture")
    parser.add_argument("--seed", type=int, default=0, help="of the rooms")
    parser.add_argument("--cell", type=int, default=160, help="width of one image in pixels")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    return parser


if __name__ == "__main__":
    sys.exit(main())
