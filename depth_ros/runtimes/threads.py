"""How many threads of the CPU networks run on."""

from __future__ import annotations

import os

import torch

# Before anybody changed it: what OMP_NUM_THREADS says, or as many as there are cores.
_AT_START = torch.get_num_threads()


def use(count: int) -> None:
    """Let torch use so many threads in this process.

    Args:
        count: 0 stands for choose(), but no more than torch began with: OMP_NUM_THREADS counts.
    """
    torch.set_num_threads(count or min(_AT_START, choose(len(os.sched_getaffinity(0)))))


def choose(cores: int) -> int:
    """Return how many threads leave a core for ROS; of two cores, half of all would be too much."""
    return max(cores - 1, min(cores, 2))
