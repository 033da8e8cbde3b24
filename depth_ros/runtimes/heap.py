"""glibc's heap: keep the memory that a network on the CPU frees."""

from __future__ import annotations

import ctypes
import os

# From glibc's malloc.h: the size from which the heap's top is returned to the kernel, the number of
# allocations by mmap, and the number of heaps.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_NEVER = -1


def use_one_arena() -> None:
    """Make all threads that start later allocate from one heap.

    By default glibc gives threads their own heaps of at most 64 MB. Larger blocks are returned to
    the kernel, even after keep_freed_memory().
    """
    _set({_ARENA_MAX: 1})


def keep_freed_memory() -> None:
    """Make this process keep the memory that it frees, for its next allocations.

    A network allocates and frees hundreds of megabytes for each image. By default glibc returns
    them to the kernel, which must clear every page again for the next image: about a tenth of the
    time, see python -m benchmarks.cpu. The process then holds the maximum that it ever needed.
    """
    _set({_TRIM_THRESHOLD: _NEVER, _MMAP_MAX: 0})


def _set(values: dict[int, int]) -> None:
    """Set parameters of malloc; does nothing if the environment sets any, or without glibc."""
    configured = any(name.startswith("MALLOC_") for name in os.environ)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or configured or "GLIBC_TUNABLES" in os.environ:
        return
    for parameter, value in values.items():
        mallopt(parameter, value)
