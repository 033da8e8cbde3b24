"""Rendered frames to draw from: furnished rooms, and plain scenes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from depth_ros.errors import ModelError, one_line
from depth_ros.input_files import regular
from depth_ros.training.frames import Rgbd
from depth_ros.training.render import random_frames
from depth_ros.training.rooms.frames import random_rooms
from depth_ros.training.rooms.richness import FULL, Richness
from depth_ros.training.rooms.viewpoint import ANY_ROBOT
from depth_ros.training.store import FrameStore, stores_of

PLAIN = 0.25
"""Share of plain scenes: what a network knows of them does not cost what it knows of rooms."""
FILE = "rendered.safetensors"
_CHUNK = 8
_CHUNKS_PER_PROCESS = 8
"""Fewer are not worth the start of a process."""
# Frames are this much larger than the network's input, so that there is something to crop.
_MARGIN = 1.25


def rendered_stores(
    folder: Path,
    count: int,
    size: tuple[int, int],
    seed: int,
    device: str = "cpu",
    richness: Richness | None = FULL,
    processes: int | None = None,
) -> list[FrameStore]:
    """Return rendered frames, from a file in the folder where an earlier run left one.

    Args:
        folder: where the file is, or will be.
        count: of the frames.
        size: width and height of the network's input.
        seed: every frame follows from it.
        device: where frames are rendered; the stores are on the CPU.
        richness: of the furnished rooms; None: plain scenes only.
        processes: that render on the CPU; None: one for each of its cores.
    """
    path = folder / FILE
    if not path.exists():
        width, height = (round(_MARGIN * side) for side in size)
        recipe = _Recipe(width, height, seed, device, richness)
        (store,) = stores_of(_frames(recipe, count, processes), size[0])
        folder.mkdir(parents=True, exist_ok=True)
        save_file(vars(store), path)
    return [_stored(path)]


def _stored(path: Path) -> FrameStore:
    try:
        return FrameStore(**load_file(regular(path)))
    except Exception as error:  # safetensors raises its own
        raise ModelError(
            f"{path} cannot be used, expected frames of an earlier run; remove it to render anew: "
            f"{one_line(error)}"
        ) from error


class _Recipe(NamedTuple):
    """What a chunk of frames follows from, see rendered_stores."""

    width: int
    height: int
    seed: int
    device: str
    richness: Richness | None


def _frames(recipe: _Recipe, count: int, processes: int | None) -> Iterator[Rgbd]:
    chunks = range(-(-count // _CHUNK))
    most = 1 if recipe.device != "cpu" else processes or os.cpu_count() or 1
    several = min(most, len(chunks) // _CHUNKS_PER_PROCESS)
    with tqdm(total=len(chunks), desc="render", unit=f"{_CHUNK} frames") as bar:
        for rendered in _mapped(partial(_chunk, recipe), chunks, several):
            bar.update()
            yield from rendered


def _mapped(
    render: Callable[[int], list[Rgbd]], chunks: Sequence[int], processes: int
) -> Iterator[list[Rgbd]]:
    if processes < 2:
        yield from map(render, chunks)
        return
    # A forked process has what is left of torch's threads, and must not touch a GPU.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, torch.set_num_threads, (1,)) as pool:
        yield from pool.map(render, chunks)


def _chunk(recipe: _Recipe, chunk: int) -> list[Rgbd]:
    # A triple: never a seed of what training draws, a pair, or of the benchmark, a quadruple.
    rng = np.random.default_rng((recipe.seed, 2, chunk))
    size = (recipe.width, recipe.height)
    if recipe.richness is None or chunk % round(1 / PLAIN) == 0:
        rendered, cameras = random_frames(rng, ANY_ROBOT, *size, _CHUNK)
    else:
        rendered, cameras = random_rooms(rng, *size, _CHUNK, recipe.richness, recipe.device)
    triples = zip(rendered.rgb.cpu().numpy(), rendered.depth_m.cpu().numpy(), cameras, strict=True)
    return [Rgbd(*triple) for triple in triples]
