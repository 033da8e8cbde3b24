"""What becomes of memory that a network on the CPU gave back."""

from __future__ import annotations

import ctypes
import os

# Of glibc's malloc.h: never give the heap's top back, and never take memory from beside the heap.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER, _NONE = 2**31 - 1, 0


def keep() -> None:
    """Let this process keep the memory that it frees, for what it takes next.

    A network takes and frees hundreds of megabytes for each image. By default glibc returns them to
    the kernel, which has to clear every page again for the next image: about a tenth of the time,
    see python -m benchmarks.cpu. What the process holds is then what it once held at most.

    Nothing is done where the environment tells malloc something else, nor without glibc.
    """
    told = any(name.startswith("MALLOC_") for name in os.environ)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or told or "GLIBC_TUNABLES" in os.environ:
        return
    mallopt(_TRIM_THRESHOLD, _NEVER)
    mallopt(_MMAP_MAX, _NONE)
