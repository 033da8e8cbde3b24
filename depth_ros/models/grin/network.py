"""GRIN as one network of two parts, and its checkpoints: config.json and model.safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from depth_ros.models import own_checkpoint
from depth_ros.models.grin.conditioning import Conditioner
from depth_ros.models.grin.config import GrinConfig
from depth_ros.models.grin.rin import Rin


class Grin(nn.Module):
    """The two parts that a runtime executes one by one: encoder once per image, denoiser per step.

    Every pixel carries what image and camera say there; between pixels, only latents pass on what
    is known (paper, section 4.1).
    """

    def __init__(self, config: GrinConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Conditioner(config)
        self.denoiser = Rin(config)

    def save_pretrained(self, folder: Path) -> None:
        """Write config.json and the weights, rounded to float16, far below their own error."""
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save(folder)
        own_checkpoint.save_weights(self, folder)

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str = "main") -> Grin:
        """Load a checkpoint from a folder, the hub's cache or the hub, in float32.

        Raises:
            ModelError: it is of another model, or its weights do not fit its configuration.
            OSError: it is not there.
        """

        def make(said: dict[str, Any]) -> Grin:
            return cls(GrinConfig.from_dict(said))

        return own_checkpoint.load(make, source, revision)
