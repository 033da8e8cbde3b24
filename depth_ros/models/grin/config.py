"""The configuration of a GRIN, and which of its values the paper (arXiv 2409.09896) specifies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from depth_ros.errors import ModelError
from depth_ros.models import json_file
from depth_ros.models.own_checkpoint import OwnConfig
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.resizing import Resize

MODEL_TYPE = "grin"


def _swinv2(**sizes: Any) -> dict[str, Any]:
    stages = [f"stage{stage}" for stage in range(1, 5)]
    return {"model_type": "swinv2", "out_features": stages, "drop_path_rate": 0.0, **sizes}


@dataclass(frozen=True)
class GrinConfig(OwnConfig):
    """The sizes of a GRIN. 'Our choice': not specified by the paper, with the source.

    Attributes:
        backbone: configuration of the image encoder, see backbones; all its maps are used. Paper:
            an image encoder, unnamed. Our choice: Swin V2, after MiDaS 3.1: it takes any shape, has
            maps of every scale, learns from little data, and many checkpoints exist.
        height, width: images are resized to about this size, with their aspect ratio kept. Paper:
            fitted into 640x512.
        resize: method of the resize, see Preprocessing. Our choice: bilinear.
        multiple: of both sides of the encoder's input: one cell of its coarsest map.
        map_stride: default stride of the estimated pixels, in rows and columns of the encoder's
            input. Paper: 1, every pixel.
        cell: stride of the global conditioning's tokens, in rows and columns of the encoder's
            input. Paper: scene-level tokens, any subset of them; our choice of number.
        d_min_m, d_max_m: depth at -1 and 1. Paper: log scale; our choice of range, after MVGD
            (arXiv 2501.18804): 0.1 to 200 m.
        schedule: noise schedule by name. Our choice, after RIN's later code: sigmoid.
        input_scale: values are multiplied by this before noise is added, so that their variance is
            about that of the noise. Our choice, after Chen (arXiv 2301.10972).
        blocks, layers: blocks of read, compute and write, and self-attention layers in each
            compute. Paper: blocks of RIN; our choice of numbers, after RIN (arXiv 2212.11972).
        latents, latent_dim, token_dim, heads: number and width of the latents, width of the
            interface, attention heads. Our choice, after RIN.
        bands, max_frequency: Fourier features of rays: frequencies from 1 to max_frequency, linear.
            Our choice, after ZeroDepth (arXiv 2306.17253): it has 16 bands, up to 32, but a network
            that is trained with few cameras needs lower frequencies to generalise to others.
        rays: condition on the camera's rays, as in the paper; otherwise on those of a camera with a
            field of view of 90 degrees in both directions, the paper's default.
        steps, samples: defaults of the sampler. Paper: 10 samples for uncertainty.
        warp: exponent of the sampler's times, see sampler.times. Our choice, after EDM.
        carry_noise: time in (0, 1] at which sampling starts from the depth of the frame before.
            Our choice.
        spread_gain: factor for the deviation of log depth among samples, which is too small with
            few steps; determined after training, see training.calibration.

    Raises:
        ModelError: a value is of the wrong type, or out of its range.
    """

    model_type: ClassVar[str] = MODEL_TYPE

    backbone: dict[str, Any] = field(default_factory=dict)
    height: int = 96
    width: int = 128
    resize: Resize = "bilinear"
    multiple: int = 32
    map_stride: int = 2
    cell: int = 8
    d_min_m: float = 0.1
    d_max_m: float = 20.0
    schedule: str = "sigmoid"
    input_scale: float = 4.0
    blocks: int = 3
    layers: int = 2
    latents: int = 48
    latent_dim: int = 128
    token_dim: int = 96
    heads: int = 4
    bands: int = 4
    max_frequency: float = 4.0
    rays: bool = True
    steps: int = 2
    samples: int = 1
    warp: float = 2.0
    carry_noise: float = 0.5
    spread_gain: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        json_file.check_sizes(self.backbone, "config.json")
        if not self.d_min_m < self.d_max_m:
            raise ModelError(f"d_max_m is {self.d_max_m}, expected more than d_min_m")
        if not 0 < self.carry_noise <= 1:
            raise ModelError(f"carry_noise is {self.carry_noise}, expected above 0 and at most 1")


TINY = GrinConfig(
    backbone=_swinv2(
        image_size=[96, 128],
        embed_dim=32,
        depths=[1, 2, 4, 2],
        num_heads=[1, 2, 4, 8],
        window_size=4,
    )
)
"""Small enough to ship in this package; its encoder is that of zoedepth-tiny."""

SMALL = replace(
    TINY,
    backbone=_swinv2(
        image_size=[256, 256],
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=8,
    ),
    height=256,
    width=320,
    cell=16,
    d_max_m=200.0,
    latents=128,
    latent_dim=384,
    token_dim=192,
    blocks=4,
    layers=2,
    heads=8,
    bands=16,
    max_frequency=32.0,
)
"""Can be trained on one GPU; its encoder is microsoft/swinv2-tiny-patch4-window8-256."""

BASE = replace(
    SMALL,
    backbone=_swinv2(
        image_size=[256, 256],
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=8,
    ),
    height=384,
    width=640,
    latents=256,
    latent_dim=1024,
    token_dim=512,
    layers=4,
    heads=16,
)
"""The paper's scale: 640x384, latents as in MVGD's base, four blocks of four layers as in RIN;
its encoder is microsoft/swinv2-base-patch4-window8-256."""

CONFIGS = {"grin-tiny": TINY, "grin-small": SMALL, "grin-base": BASE}
"""All sizes by name."""


def preprocessing_of(config: GrinConfig) -> Preprocessing:
    """Return the preprocessing of a GRIN of these sizes."""
    return Preprocessing(
        height=config.height,
        width=config.width,
        multiple=config.multiple,
        pad=False,
        resize=config.resize,
    )
