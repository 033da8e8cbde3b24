"""The configuration of a zoedepth-lite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from depth_ros.errors import ModelError
from depth_ros.models import own_checkpoint
from depth_ros.models.preprocessing import Preprocessing

MODEL_TYPE = "zoedepth_lite"
Head = Literal["log", "bins"]


@dataclass(frozen=True)
class LiteConfig:
    """The sizes of a zoedepth-lite, and the camera that its metres assume.

    Attributes:
        height, width: images are resized to about this size, with their aspect ratio kept.
        multiple: of both sides of the network's input: one cell of its coarsest map.
        training_f_px: focal length, in pixels of the network's input, that metres assume.
        max_depth_m: end of the range, for a camera of that focal length.
        channels: of the decoder's maps.
        head: log (one number, the logarithm of depth) or bins (ZoeDepth's metric bins).

    Raises:
        ModelError: head is unknown, or a size not positive.
    """

    height: int = 192
    width: int = 256
    multiple: int = 32
    training_f_px: float = 210.0
    max_depth_m: float = 20.0
    channels: int = 64
    head: Head = "log"

    def __post_init__(self) -> None:
        own_checkpoint.check_fields(self)
        if self.head not in get_args(Head):
            raise ModelError(f"head is '{self.head}', expected one of {', '.join(get_args(Head))}")

    def save(self, folder: Path) -> None:
        """Write config.json."""
        own_checkpoint.save_config(self, MODEL_TYPE, folder)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> LiteConfig:
        """Return the configuration in a config.json.

        Raises:
            ModelError: it is of another model, or has an unknown field.
        """
        return cls(**own_checkpoint.values_of(content, MODEL_TYPE, cls))


def preprocessing_of(config: LiteConfig) -> Preprocessing:
    """Return the preprocessing of a network of this configuration.

    Colours are scaled as EfficientNet-Lite's weights expect: (level - 127) / 128.
    """
    return Preprocessing(
        height=config.height,
        width=config.width,
        multiple=config.multiple,
        pad=False,
        resize="pillow_bilinear",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    )
