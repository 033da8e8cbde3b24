"""Number of CPU threads that networks run on."""

from __future__ import annotations

import os

import cv2
import torch

# torch's default: OMP_NUM_THREADS, or the number of cores.
_AT_START = torch.get_num_threads()


def use(count: int) -> int:
    """Set the number of threads that torch uses in this process, and return it.

    Args:
        count: 0: default_count(), but not more than OMP_NUM_THREADS.
    """
    count = count or min(_AT_START, default_count(len(os.sched_getaffinity(0))))
    torch.set_num_threads(count)
    return count


def disable_opencv_threads() -> None:
    """Leave the cores to torch: OpenCV works in the calling thread only.

    Its own threads spin while they wait for work, on cores that torch needs next.
    """
    cv2.setNumThreads(1)


def use_share(count: int, workers: int) -> None:
    """Set the calling thread's number of torch threads: its share of all, rounded up.

    Parallel networks with few threads each spend less time in synchronisation than one network
    with many.

    Args:
        count: threads of all workers together.
        workers: number of parallel workers.
    """
    torch.set_num_threads(-(-count // workers))


def default_count(cores: int) -> int:
    """Return the number of cores minus one for ROS; two cores are both used."""
    return max(cores - 1, min(cores, 2))
