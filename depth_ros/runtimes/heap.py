"""What becomes of memory that a network on the CPU gave back."""

from __future__ import annotations

import ctypes
import os

# Of glibc's malloc.h: never give the heap's top back, never take memory from beside the heap, and
# have one heap only.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_NEVER = -1


def one_for_all() -> None:
    """Let all threads that are still to come take their memory from one heap.

    By default glibc gives threads heaps of their own, which hold 64 MB at most: what is larger goes
    back to the kernel whatever keep() says.
    """
    _tell({_ARENA_MAX: 1})


def keep() -> None:
    """Let this process keep the memory that it frees, for what it takes next.

    A network takes and frees hundreds of megabytes for each image. By default glibc returns them to
    the kernel, which has to clear every page again for the next image: about a tenth of the time,
    see python -m benchmarks.cpu. What the process holds is then what it once held at most.
    """
    _tell({_TRIM_THRESHOLD: _NEVER, _MMAP_MAX: 0})


def _tell(values: dict[int, int]) -> None:
    """Set parameters of malloc: not where the environment sets any, nor without glibc."""
    told = any(name.startswith("MALLOC_") for name in os.environ)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or told or "GLIBC_TUNABLES" in os.environ:
        return
    for parameter, value in values.items():
        mallopt(parameter, value)
