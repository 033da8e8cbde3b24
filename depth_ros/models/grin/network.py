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

    Every pixel has the features of image and camera at its position; only the latents pass
    information between pixels (paper, section 4.1).
    """

    def __init__(self, config: GrinConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Conditioner(config)
        self.denoiser = Rin(config)

    def save_pretrained(self, folder: Path) -> None:
        """Write config.json and the weights in float16."""
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save(folder)
        own_checkpoint.save_weights(self, folder)

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str = "main") -> Grin:
        """Load a checkpoint from a folder, the hub's cache or the hub, in float32.

        Raises:
            ModelError: it is of another model, or its weights do not match its configuration.
            OSError: it does not exist.
        """

        def make(content: dict[str, Any]) -> Grin:
            return cls(GrinConfig.from_dict(content))

        return own_checkpoint.load(make, source, revision)
