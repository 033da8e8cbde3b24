"""Stores of rendered frames: furnished rooms and plain scenes."""

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
from depth_ros.training.run_folder import run_folder
from depth_ros.training.store import FrameStore, stores_of

PLAIN = 0.25
"""Share of plain scenes among the frames; they do not reduce accuracy in rooms."""
FILE = "rendered.safetensors"
_CHUNK = 8
_CHUNKS_PER_PROCESS = 8
"""Minimum number of frames per process: fewer are not worth its start."""
# Frames are larger than the network's input by this factor, to leave room for crops.
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
    """Return rendered frames, from the file of an earlier run if the folder has one.

    Args:
        folder: folder of the file.
        count: number of frames.
        size: width and height of the network's input.
        seed: determines every frame.
        device: device that renders; the stores are on the CPU.
        richness: of the furnished rooms; None: plain scenes only.
        processes: number of processes that render on the CPU; None: one per core.
    """
    path = folder / FILE
    if not path.exists():
        width, height = (round(_MARGIN * side) for side in size)
        recipe = _Recipe(width, height, seed, device, richness)
        (store,) = stores_of(_frames(recipe, count, processes), size[0])
        run_folder(folder).begin()
        save_file(vars(store), path)
    return [_stored(path)]


def _stored(path: Path) -> FrameStore:
    try:
        return FrameStore(**load_file(regular(path)))
    except Exception as error:  # safetensors raises its own
        raise ModelError(
            f"{path} cannot be used, expected frames of an earlier run; remove it to render again: "
            f"{one_line(error)}"
        ) from error


class _Recipe(NamedTuple):
    """The parameters of a chunk of frames, see rendered_stores."""

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
    # A forked process would inherit torch's threads without running them, and must not use a GPU.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, torch.set_num_threads, (1,)) as pool:
        yield from pool.map(render, chunks)


def _chunk(recipe: _Recipe, chunk: int) -> list[Rgbd]:
    # A triple, so that it differs from training seeds (pairs) and the benchmark's (quadruples).
    rng = np.random.default_rng((recipe.seed, 2, chunk))
    size = (recipe.width, recipe.height)
    if recipe.richness is None or chunk % round(1 / PLAIN) == 0:
        rendered, cameras = random_frames(rng, ANY_ROBOT, *size, _CHUNK)
    else:
        rendered, cameras = random_rooms(rng, *size, _CHUNK, recipe.richness, recipe.device)
    triples = zip(rendered.rgb.cpu().numpy(), rendered.depth_m.cpu().numpy(), cameras, strict=True)
    return [Rgbd(*triple) for triple in triples]
