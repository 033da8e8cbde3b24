"""The configuration of a zoedepth-lite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from depth_ros.errors import ModelError
from depth_ros.models.own_checkpoint import OwnConfig
from depth_ros.models.preprocessing import Preprocessing

MODEL_TYPE = "zoedepth_lite"
Head = Literal["log", "bins"]


@dataclass(frozen=True)
class LiteConfig(OwnConfig):
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

    model_type: ClassVar[str] = MODEL_TYPE

    height: int = 192
    width: int = 256
    multiple: int = 32
    training_f_px: float = 210.0
    max_depth_m: float = 20.0
    channels: int = 64
    head: Head = "log"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.head not in get_args(Head):
            raise ModelError(f"head is '{self.head}', expected one of {', '.join(get_args(Head))}")


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
