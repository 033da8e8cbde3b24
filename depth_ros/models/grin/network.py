"""GRIN as one network of two parts, and its checkpoints: config.json and model.safetensors."""

from __future__ import annotations

from depth_ros.models.grin.conditioning import Conditioner
from depth_ros.models.grin.config import GrinConfig
from depth_ros.models.grin.rin import Rin
from depth_ros.models.own_checkpoint import OwnNetwork


class Grin(OwnNetwork):
    """The two parts that a runtime executes one by one: encoder once per image, denoiser per step.

    Every pixel has the features of image and camera at its position; only the latents pass
    information between pixels (paper, section 4.1).
    """

    config_class = GrinConfig
    config: GrinConfig

    def __init__(self, config: GrinConfig) -> None:
        super().__init__(config)
        self.encoder = Conditioner(config)
        self.denoiser = Rin(config)
