"""zoedepth-lite as one network, and its checkpoints: config.json and model.safetensors."""

from __future__ import annotations

from torch import Tensor, nn

from depth_ros.models.lite.config import LiteConfig
from depth_ros.models.lite.decoder import Decoder
from depth_ros.models.lite.encoder import CHANNELS, EfficientNetLite0
from depth_ros.models.lite.heads import head_of
from depth_ros.models.own_checkpoint import OwnNetwork


class ZoeDepthLite(OwnNetwork):
    """Normalised images (B, 3, h, w) to depth (B, h / 2, w / 2) of the canonical camera."""

    config_class = LiteConfig
    config: LiteConfig

    def __init__(self, config: LiteConfig) -> None:
        super().__init__(config)
        self.encoder = EfficientNetLite0()
        self.decoder = Decoder(CHANNELS, config.channels)
        self.head = head_of(config)
        self.freeze_norms = False
        """Whether training keeps the statistics of batch normalisation unchanged."""

    def train(self, mode: bool = True) -> ZoeDepthLite:
        """Set the mode of all modules, see nn.Module; frozen norms stay in inference mode."""
        super().train(mode)
        if self.freeze_norms:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """Return metres for a camera with the focal length training_f_px."""
        depth_m: Tensor = self.head(self.decoder(self.encoder(pixels)))
        return depth_m
