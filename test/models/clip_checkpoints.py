"""A small random DepthCrafter in the format of the real one.

Sizes are shrunk and nothing else: four levels of the VAE, two of the UNet, and a CLIP whose images
are as large as the real one's. diffusers is imported where it is used: it takes seconds, and every
process of the tests imports all of their modules.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.utils import logging

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def build(folder: Path) -> Path:
    """Write the checkpoint into a folder, in float16, and return the folder."""
    logging.disable_progress_bar()
    for name, part in (("unet", unet()), ("vae", vae()), ("image_encoder", image_encoder())):
        part.half().save_pretrained(folder / name)
    scheduler().save_pretrained(folder / "scheduler")
    extractor = {"image_mean": MEAN, "image_std": STD, "size": {"shortest_edge": 224}}
    path = folder / "feature_extractor" / "preprocessor_config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(extractor))
    say_class(folder, "DiffusersUNetSpatioTemporalConditionModelDepthCrafter")
    return folder


def say_class(folder: Path, name: str) -> None:
    """Make the UNet's config name this class as its own."""
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": name}))


def unet() -> Any:
    from diffusers import UNetSpatioTemporalConditionModel

    return drawn(
        UNetSpatioTemporalConditionModel,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        block_out_channels=(32, 64),
        num_attention_heads=(1, 2),
        layers_per_block=1,
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24,
        cross_attention_dim=16,
    )


def vae() -> Any:
    from diffusers import AutoencoderKLTemporalDecoder

    return drawn(
        AutoencoderKLTemporalDecoder,
        down_block_types=("DownEncoderBlock2D",) * 4,
        block_out_channels=(32,) * 4,
        layers_per_block=1,
    )


def image_encoder() -> Any:
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=224,
        patch_size=56,
        projection_dim=16,
    )
    return drawn(CLIPVisionModelWithProjection, config=config)


def scheduler() -> Any:
    """Stable Video Diffusion's."""
    from diffusers import EulerDiscreteScheduler

    return EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        use_karras_sigmas=True,
        sigma_min=0.002,
        sigma_max=700.0,
        steps_offset=1,
        timestep_spacing="leading",
        timestep_type="continuous",
    )


def drawn(kind: Any, config: Any = None, **settings: Any) -> Any:
    """A network whose weights are always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = kind(**settings) if config is None else kind(config)
    return network.eval().requires_grad_(False)
