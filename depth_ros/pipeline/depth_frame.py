"""Metric depth of a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.render import Rendered
from depth_ros.scale.scaler import Scale


@dataclass(frozen=True)
class DepthFrame:
    """Metric depth of a frame, on the network's device.

    Attributes:
        depth_m: float32 (H, W) at the image's resolution, z along the optical axis; NaN where
            there is no estimate, +inf beyond range (REP 117).
        rgb: uint8 (H, W, 3), the image.
        camera, stamp_ns, frame_id: of the image.
        scale: the measured scale; None if the model's own metres are used.
        network_size: height and width of the network's map that depth was enlarged from; None: it
            was not enlarged.
        confidence: float32 (H, W), the probability, as estimated by the model, that depth is
            within a factor of 1.25 of the truth; None if the model outputs none.
        stride: see Estimate.
        far_m: end of the range: depth from here on is +inf.
        filled: bool (H, W), pixels between two surfaces that were filled, see edge_fill.fill; None:
            depth was not filled.
        rendered: outputs that were rendered together with depth, and the settings used; None: no
            outputs.
    """

    depth_m: Tensor
    rgb: Tensor
    camera: Camera
    stamp_ns: int
    frame_id: str
    scale: Scale | None = None
    network_size: tuple[int, int] | None = None
    confidence: Tensor | None = None
    stride: int = 1
    far_m: float = math.inf
    filled: Tensor | None = None
    rendered: tuple[Settings, Rendered] | None = field(default=None, repr=False, compare=False)
