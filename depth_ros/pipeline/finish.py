"""What follows the network in the captured graph of a whole frame."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.render import Rendered
from depth_ros.pipeline.wanted import Wanted


@dataclass(frozen=True)
class Finish:
    """What follows the network in the captured graph of a whole frame.

    Attributes:
        settings, wanted: of the outputs.
        key: what run depends on in addition to its arguments.
        run: returns the outputs for a prediction of one image, the image uint8 (H, W, 3) and the
            constants; None: they depend on more than these.
        constants: tensors on the device that nobody writes any more.
    """

    settings: Settings
    wanted: Wanted
    key: Hashable
    run: Callable[..., Rendered | None]
    constants: tuple[Tensor | None, ...]


@dataclass(frozen=True)
class Finished:
    """Outputs that were made in the same graph as the network's values.

    Attributes:
        settings, wanted: of the outputs.
        values: (1, H, W), the network's.
        rendered: the outputs.
    """

    settings: Settings
    wanted: Wanted
    values: Tensor
    rendered: Rendered


Finisher = Callable[[Camera, int], Finish | None]
"""Returns what follows the network, for a camera of whose image every n-th pixel and row is
predicted, and n; None: it depends on the network's values."""
