"""The networks that DepthCrafter consists of, from a folder, the hub's cache or the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.models import json_file
from depth_ros.models.base import ModelEntry
from depth_ros.models.depthcrafter.unet import PerFrameUNet

NAMES = ("unet", "vae", "image_encoder", "scheduler", "feature_extractor")
"""The subfolders of a checkpoint."""

BASE = "stabilityai/stable-video-diffusion-img2vid-xt"
"""Repository of all parts except the UNet on the hub, in files of the variant fp16."""

_CLASS = re.compile(r'"_class_name": *"(\w+)"')


@dataclass(frozen=True)
class Parts:
    """A checkpoint, on the CPU.

    Attributes:
        unet: the denoiser.
        vae: diffusers' AutoencoderKLTemporalDecoder, between images and latents; its encoder is
            float32 if its config requires it.
        image_encoder: transformers' CLIPVisionModelWithProjection.
        scheduler: diffusers' EulerDiscreteScheduler.
        mean, std: (3,) for the normalisation of the image encoder's input.
    """

    unet: PerFrameUNet
    vae: Any
    image_encoder: Any
    scheduler: Any
    mean: Tensor
    std: Tensor


def holds(folder: Path) -> bool:
    """Whether a folder declares that it contains DepthCrafter.

    Any UNet of Stable Video Diffusion could be loaded, but its output would not be depth.
    """
    paths = (folder / "model_index.json", folder / "unet" / "config.json")
    classes = (_CLASS.search(path.read_text()) for path in paths if path.is_file())
    return any(found and "DepthCrafter" in found[1] for found in classes)


def load(entry: ModelEntry, dtype: torch.dtype) -> Parts:
    """Load the parts: safetensors, no code.

    Raises:
        ModelError: diffusers is not installed, a subfolder is missing, or a part lacks weights.
    """
    try:
        import diffusers
        from diffusers.utils import is_accelerate_available
    except ImportError as error:
        raise ModelError(f"it needs diffusers, the extra 'depthcrafter': {error}") from error
    from transformers import CLIPVisionModelWithProjection

    places = {name: _place(entry, name) for name in NAMES}
    # Without accelerate this is diffusers' default, too, but with a long warning.
    options = {"torch_dtype": dtype, "low_cpu_mem_usage": is_accelerate_available()}
    unet = _network(diffusers.UNetSpatioTemporalConditionModel, places["unet"], **options)
    vae = _network(diffusers.AutoencoderKLTemporalDecoder, places["vae"], **options)
    if dtype is torch.float16 and vae.config.force_upcast:
        # As in Stable Video Diffusion's pipeline.
        vae.encoder.float()
        vae.quant_conv.float()
    encoder = _network(CLIPVisionModelWithProjection, places["image_encoder"], dtype=dtype)
    scheduler = diffusers.EulerDiscreteScheduler.from_pretrained(
        places["scheduler"].source, subfolder="scheduler"
    )
    mean, std = _colours(places["feature_extractor"].source)
    return Parts(PerFrameUNet(unet), vae, encoder, scheduler, mean, std)


class _Place(NamedTuple):
    """Return the folder or hub id of a part, and further arguments of from_pretrained."""

    source: str
    options: dict[str, Any]


def _place(entry: ModelEntry, part: str) -> _Place:
    if Path(entry.source).is_dir():
        if not Path(entry.source, part).is_dir():
            raise ModelError(f"it has no folder {part}, expected {', '.join(NAMES)}")
        return _Place(entry.source, {"subfolder": part})
    if part == "unet":
        return _Place(entry.source, {"revision": entry.revision})
    return _Place(BASE, {"subfolder": part, "variant": "fp16"})


def _network(kind: Any, place: _Place, **options: Any) -> Any:
    network, report = kind.from_pretrained(
        place.source, **place.options, **options, use_safetensors=True, output_loading_info=True
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"{kind.__name__} lacks {len(missing)} weights, {missing[0]} the first of them"
        )
    return network.eval().requires_grad_(False)


def _colours(source: str) -> tuple[Tensor, Tensor]:
    from transformers.utils import cached_file

    # Read as a file: transformers' own reader needs Pillow or torchvision.
    path = cached_file(source, "preprocessor_config.json", subfolder="feature_extractor")
    config = json_file.read(Path(path))
    return torch.tensor(config["image_mean"]), torch.tensor(config["image_std"])
