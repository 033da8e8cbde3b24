"""Ways to run a network that give the same values, but not at the same speed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
"""Memory layouts of the weights of convolutions, by name."""

_MATH = "math"

KERNELS = {
    name.removesuffix("_ATTENTION").lower(): kernel
    for name, kernel in SDPBackend.__members__.items()
    if name not in ("ERROR", "OVERRIDEABLE")
}
"""torch's kernels of scaled_dot_product_attention, by name."""


class Variant(NamedTuple):
    """A way to run a network.

    Attributes:
        layout: of the weights of convolutions, a name in LAYOUTS.
        attention: the kernel, a name in KERNELS; empty: torch chooses.
    """

    layout: str = "contiguous"
    attention: str = ""

    def text(self) -> str:
        """Return both in words."""
        return f"{self.layout}, {self.attention} attention" if self.attention else self.layout


def layout_of(network: nn.Module) -> str:
    """Return the layout, a name in LAYOUTS, of a network's weights."""
    kernels = (each for each in network.parameters() if each.ndim == 4)
    return "contiguous" if all(each.is_contiguous() for each in kernels) else "channels last"


_switch = threading.Lock()


@contextmanager
def attention(kernel: str, strict: bool = False) -> Iterator[None]:
    """Run the block with one attention kernel, and with math where that kernel cannot run.

    torch has one switch for the whole process. A thread that finds it in use runs its block as
    another thread has set it, with math at least: so nobody waits while a network is compiled.

    Args:
        kernel: its name in KERNELS; empty: torch chooses.
        strict: whether to fail instead of using math.

    Raises:
        RuntimeError: strict, at a call that the kernel cannot run.
        TypeError: torch before 2.6 has no order of kernels.
    """
    if not kernel or not _switch.acquire(blocking=False):
        yield
        return
    try:
        kernels = [KERNELS[kernel]] if strict else [KERNELS[kernel], KERNELS[_MATH]]
        with sdpa_kernel(kernels, set_priority=True):
            yield
    finally:
        _switch.release()
