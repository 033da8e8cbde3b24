"""GRIN as one network of two parts, and its checkpoints: config.json and model.safetensors."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from depth_ros.errors import ModelError
from depth_ros.models import json_file
from depth_ros.models.grin.conditioning import Conditioner
from depth_ros.models.grin.config import GrinConfig
from depth_ros.models.grin.rin import Rin

WEIGHTS = "model.safetensors"


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
        weights = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in self.state_dict().items()
        }
        save_file(weights, folder / WEIGHTS, {"format": "pt"})

    @classmethod
    def from_pretrained(cls, source: str | Path, revision: str = "main") -> Grin:
        """Load a checkpoint from a folder, the hub's cache or the hub, in float32.

        Raises:
            ModelError: it is of another model, or its weights do not fit its configuration.
            OSError: it is not there.
        """
        from transformers.utils import cached_file

        paths = [
            cached_file(str(source), name, revision=revision) for name in ("config.json", WEIGHTS)
        ]
        network = cls(GrinConfig.from_dict(json_file.read(Path(paths[0]))))
        try:
            network.load_state_dict(load_file(paths[1]))
        except RuntimeError as error:
            raise ModelError(f"its weights do not fit its config.json: {error}") from error
        return network.eval()
