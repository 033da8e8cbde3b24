"""The network's output for a frame, before it is metric."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from depth_ros.models import Prediction
from depth_ros.pipeline.finish import Finished
from depth_ros.pipeline.frame import Frame


@dataclass(frozen=True)
class Estimate:
    """The network's output for a frame, before it is metric.

    Attributes:
        prediction: values (1, H, W) at the image's resolution, and what they mean.
        rgb: uint8 (H, W, 3), the image, on the network's device.
        frame: the frame itself.
        network_size: height and width of the network's own map.
        stride: frame, rgb and values contain only every n-th pixel and row of the camera's image.
        finished: outputs that were made together with the values; None: no outputs.
    """

    prediction: Prediction
    rgb: Tensor
    frame: Frame
    network_size: tuple[int, int]
    stride: int = 1
    finished: Finished | None = field(default=None, repr=False, compare=False)
