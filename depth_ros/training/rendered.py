"""Rendered frames to draw from: furnished rooms, and plain scenes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from depth_ros.geometry.camera import Camera
from depth_ros.training.frames import Rgbd
from depth_ros.training.render import Frames, random_frames
from depth_ros.training.rooms.frames import random_rooms
from depth_ros.training.rooms.richness import FULL, Richness
from depth_ros.training.rooms.viewpoint import ANY_ROBOT
from depth_ros.training.store import FrameStore, stores_of

PLAIN = 0.25
"""Share of plain scenes: what a network knows of them does not cost what it knows of rooms."""
FILE = "rendered.safetensors"
_CHUNK = 8
# Frames are this much larger than the network's input, so that there is something to crop.
_MARGIN = 1.25


def rendered_stores(
    folder: Path,
    count: int,
    size: tuple[int, int],
    seed: int,
    device: str = "cpu",
    richness: Richness | None = FULL,
) -> list[FrameStore]:
    """Return rendered frames, from a file in the folder where an earlier run left one.

    Args:
        folder: where the file is, or will be.
        count: of the frames.
        size: width and height of the network's input.
        seed: every frame follows from it.
        device: where frames are rendered; the stores are on the CPU.
        richness: of the furnished rooms; None: plain scenes only.
    """
    path = folder / FILE
    if not path.exists():
        width, height = (round(_MARGIN * side) for side in size)
        (store,) = stores_of(_frames(count, width, height, seed, device, richness), size[0])
        folder.mkdir(parents=True, exist_ok=True)
        save_file(vars(store), path)
    return [FrameStore(**load_file(path))]


def _frames(
    count: int, width: int, height: int, seed: int, device: str, richness: Richness | None
) -> Iterator[Rgbd]:
    chunks = range(-(-count // _CHUNK))
    plain = max(1, round(1 / PLAIN))
    for chunk in tqdm(chunks, desc="render", unit=f"{_CHUNK} frames"):
        # A triple: never a seed of what training draws, a pair, or of the benchmark, a quadruple.
        rng = np.random.default_rng((seed, 2, chunk))
        if richness is None or chunk % plain == 0:
            rendered, cameras = random_frames(rng, ANY_ROBOT, width, height, _CHUNK)
        else:
            rendered, cameras = random_rooms(rng, width, height, _CHUNK, richness, device)
        yield from _recorded(rendered, cameras)


def _recorded(rendered: Frames, cameras: list[Camera]) -> Iterator[Rgbd]:
    triples = zip(rendered.rgb.cpu().numpy(), rendered.depth_m.cpu().numpy(), cameras, strict=True)
    return (Rgbd(*triple) for triple in triples)
