"""zoedepth-lite as one network, and its checkpoints: config.json and model.safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from depth_ros.models import own_checkpoint
from depth_ros.models.lite.config import LiteConfig
from depth_ros.models.lite.decoder import Decoder
from depth_ros.models.lite.encoder import CHANNELS, EfficientNetLite0
from depth_ros.models.lite.heads import HEADS


class ZoeDepthLite(nn.Module):
    """Normalised images (B, 3, h, w) to depth (B, h / 2, w / 2) of the canonical camera."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = EfficientNetLite0()
        self.decoder = Decoder(CHANNELS, config.channels)
        self.head = HEADS[config.head](config.channels, config.max_depth_m)
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

    def save_pretrained(self, folder: Path) -> None:
        """Write config.json and the weights in float16."""
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save(folder)
        own_checkpoint.save_weights(self, folder)

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str = "main") -> ZoeDepthLite:
        """Load a checkpoint from a folder, the hub's cache or the hub, in float32.

        Raises:
            ModelError: it is of another model, or its weights do not match its configuration.
            OSError: it does not exist.
        """

        def make(content: dict[str, Any]) -> ZoeDepthLite:
            return cls(LiteConfig.from_dict(content))

        return own_checkpoint.load(make, source, revision)
