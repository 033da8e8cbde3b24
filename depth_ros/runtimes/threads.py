"""How many threads of the CPU networks run on."""

from __future__ import annotations

import os

import cv2
import torch

# Before anybody changed it: what OMP_NUM_THREADS says, or as many as there are cores.
_AT_START = torch.get_num_threads()


def use(count: int) -> int:
    """Let torch use so many threads in this process, and return how many these are.

    Args:
        count: 0 stands for choose(), but no more than torch began with: OMP_NUM_THREADS counts.
    """
    count = count or min(_AT_START, choose(len(os.sched_getaffinity(0))))
    torch.set_num_threads(count)
    return count


def only_torchs() -> None:
    """Leave the cores to torch: OpenCV does its work on the thread that asks for it.

    Its own threads spin while they wait for more, on the cores that torch's are about to need.
    """
    cv2.setNumThreads(1)


def share(count: int, workers: int) -> None:
    """Let torch use the calling thread's part of so many, rounded up, of workers side by side.

    Networks in parallel, each with few threads, wait less for each other's threads than one with
    many does.
    """
    torch.set_num_threads(-(-count // workers))


def choose(cores: int) -> int:
    """Return how many threads leave a core for ROS; of two cores, half of all would be too much."""
    return max(cores - 1, min(cores, 2))
