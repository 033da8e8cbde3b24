"""Small random checkpoints of every family, in the format of the real ones.

Sizes are shrunk and nothing else, and weights are drawn so that answers vary: as transformers draws
them, a network answers almost the same everywhere, and a test of it compares nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import (
    BeitConfig,
    BitConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    DepthProConfig,
    DepthProForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    GLPNConfig,
    GLPNForDepthEstimation,
    PromptDepthAnythingConfig,
    PromptDepthAnythingForDepthEstimation,
    Swinv2Config,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
)
from transformers.utils import logging

from depth_ros.models.lite.config import LiteConfig
from depth_ros.models.lite.network import ZoeDepthLite
from test.models.depth_anything_3 import upstream as depth_anything_3
from test.models.grin import small
from test.models.moge import checkpoint as moge

NECK: dict[str, Any] = {"neck_hidden_sizes": [16, 16, 32, 32], "fusion_hidden_size": 32}
VIT: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
# Two stages of the four, where not more are needed: an export takes as long as a network has
# layers.
SHORT_NECK: dict[str, Any] = {
    "neck_hidden_sizes": [16, 32],
    "reassemble_factors": [2, 1],
    "fusion_hidden_size": 32,
}
SHORT_VIT: dict[str, Any] = {**VIT, "num_hidden_layers": 2}
SHORT_TOKENS: dict[str, Any] = {
    "out_features": ["stage1", "stage2"],
    "reshape_hidden_states": False,
}
TOKENS: dict[str, Any] = {
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
    "reshape_hidden_states": False,
}


def build(family: str, folder: Path) -> Path:
    """Write a checkpoint of one of FAMILIES into a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if family in _OWN:
        return _OWN[family](folder)
    make, processor = _FAMILIES[family]
    logging.disable_progress_bar()
    make().half().save_pretrained(folder)
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def spread(network: Any, middle: float, side: int, *more: Tensor, std: float = 0.15) -> Any:
    """Draw weights with which a network's answers vary over an image, and return the network.

    What goes into the last activation has this middle and 0.3 of it as deviation, for noise of
    side x side pixels.
    """
    network.eval().requires_grad_(False)
    ends = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.out_channels == 1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for parameter in network.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=std)
        noise = torch.randn(1, 3, side, side)
    handles = [end.register_forward_hook(partial(_scale, middle)) for end in ends]
    network(noise, *more)
    for handle in handles:
        handle.remove()
    return network


def _scale(middle: float, layer: nn.Conv2d, _: Any, answer: Tensor) -> Tensor:
    """Bring a layer's answer to its middle, as a forward hook; a single number has no spread."""
    if answer.numel() == 1:
        return answer
    assert layer.bias is not None
    mean, factor = answer.mean(), 0.3 * middle / answer.std()
    layer.weight.mul_(factor)
    layer.bias.mul_(factor).add_(middle - factor * mean)
    return factor * (answer - mean) + middle


def beit(**sizes: Any) -> BeitConfig:
    return BeitConfig(image_size=64, use_relative_position_bias=True, **sizes)


def dinov2(**changes: Any) -> Dinov2Config:
    short = {**SHORT_VIT, **SHORT_TOKENS}
    values = {"image_size": 56, "patch_size": 14, "mlp_ratio": 2, **short, **changes}
    values.pop("intermediate_size")
    return Dinov2Config(**values)


def zoedepth(heads: int) -> Any:
    names = [("nyu", 10.0), ("kitti", 80.0)][:heads]
    # transformers fixes most of the router's size.
    router = {
        "num_patch_transformer_layers": 4,
        "patch_transformer_hidden_size": 128,
        "patch_transformer_intermediate_size": 64,
        "patch_transformer_num_attention_heads": 4,
    }
    config = ZoeDepthConfig(
        backbone_config=beit(**VIT, **TOKENS),
        bottleneck_features=32,
        bin_embedding_dim=16,
        num_attractors=[2, 2, 2, 1],
        bin_configurations=[
            {"name": name, "n_bins": 8, "min_depth": 1e-3, "max_depth": far_m}
            for name, far_m in names
        ],
        **NECK,
        **(router if heads > 1 else {}),
    )
    # A little more, and attractors turn rounding into centimetres.
    std = 0.12 if heads == 1 else 0.14
    return spread(ZoeDepthForDepthEstimation(config), 1.0, 64, std=std)


def zoedepth_lite() -> Any:
    """The real encoder, whose sizes are fixed, for small images."""
    return spread(ZoeDepthLite(LiteConfig(height=64, width=96, channels=16)), 0.5, 64)


def dpt_beit() -> Any:
    backbone = beit(**SHORT_VIT, **SHORT_TOKENS)
    return spread(DPTForDepthEstimation(DPTConfig(backbone_config=backbone, **SHORT_NECK)), 2.0, 64)


def dpt_swinv2() -> Any:
    backbone = Swinv2Config(
        image_size=64, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4
    )
    stages = SHORT_TOKENS["out_features"]
    backbone.set_output_features_output_indices(out_indices=None, out_features=stages)
    config = DPTConfig(backbone_config=backbone, neck_hidden_sizes=[8, 16], fusion_hidden_size=32)
    return spread(DPTForDepthEstimation(config), 2.0, 64)


def dpt_vit() -> Any:
    config = DPTConfig(image_size=64, backbone_out_indices=[0, 1], **SHORT_VIT, **SHORT_NECK)
    return spread(DPTForDepthEstimation(config), 2.0, 64)


def dpt_hybrid() -> Any:
    backbone = BitConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 64],
        depths=[1, 1, 1],
        num_groups=4,
        layer_type="bottleneck",
        global_padding="same",
        embedding_dynamic_padding=True,
        out_features=["stage1", "stage2", "stage3"],
    )
    config = DPTConfig(
        is_hybrid=True,
        backbone_config=backbone,
        image_size=64,
        backbone_featmap_shape=[1, 64, 4, 4],
        backbone_out_indices=[0, 1, 2, 3],
        reassemble_factors=[1, 1, 1, 0.5],
        neck_hidden_sizes=[16, 32, 32, 32],
        fusion_hidden_size=32,
        **VIT,
    )
    return spread(DPTForDepthEstimation(config), 2.0, 64)


def dpt_dinov2() -> Any:
    # transformers fixes the fusion at 256 channels, two million weights a stage: here is one.
    config = DPTConfig(
        backbone_config=dinov2(out_features=["stage2"], apply_layernorm=False),
        neck_hidden_sizes=[16],
        reassemble_factors=[0.5],
        fusion_hidden_size=256,
        use_bias_in_fusion_residual=False,
        add_projection=True,
    )
    return spread(DPTForDepthEstimation(config), 3.0, 56)


def depth_anything(**changes: Any) -> Any:
    config = DepthAnythingConfig(
        backbone_config=dinov2(),
        reassemble_hidden_size=32,
        head_hidden_size=16,
        **SHORT_NECK,
        **changes,
    )
    return spread(DepthAnythingForDepthEstimation(config), 1.5, 56)


def prompt_depth_anything() -> Any:
    config = PromptDepthAnythingConfig(
        backbone_config=dinov2(),
        reassemble_hidden_size=32,
        head_hidden_size=16,
        depth_estimation_type="metric",
        max_depth=None,
        **SHORT_NECK,
    )
    return spread(
        PromptDepthAnythingForDepthEstimation(config), 1.0, 56, torch.rand(1, 1, 12, 16) + 1
    )


def depth_pro(use_fov_model: bool = True) -> Any:
    encoder = {
        "model_type": "dinov2",
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "num_attention_heads": 1,
        "patch_size": 4,
        "image_size": 16,
    }
    config = DepthProConfig(
        patch_size=16,
        fusion_hidden_size=16,
        intermediate_hook_ids=[1, 0],
        intermediate_feature_dims=[10, 8],
        scaled_images_ratios=[0.5, 1.0],
        scaled_images_overlap_ratios=[0.0, 0.2],
        scaled_images_feature_dims=[12, 12],
        use_fov_model=use_fov_model,
        image_model_config={**encoder, "num_hidden_layers": 1},
        patch_model_config=encoder,
        fov_model_config={**encoder, "num_hidden_layers": 1},
    )
    network = spread(DepthProForDepthEstimation(config), 0.5, 64)
    if use_fov_model:
        nn.init.constant_(network.fov_model.head.layers[-1].bias, 60.0)
    return network


def glpn() -> Any:
    config = GLPNConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        hidden_sizes=[8, 16],
        num_attention_heads=[1, 2],
        decoder_hidden_size=16,
    )
    return spread(GLPNForDepthEstimation(config), -1.0, 64)


def tipsv2() -> Any:
    from transformers import Tipsv2DptConfig, Tipsv2DptForDepthEstimation

    backbone = {
        "model_type": "tipsv2_vision_model",
        "image_size": 56,
        "patch_size": 14,
        "mlp_ratio": 2,
        "apply_layernorm": True,
        **SHORT_VIT,
        **SHORT_TOKENS,
    }
    backbone.pop("intermediate_size")
    config = Tipsv2DptConfig(backbone_config=backbone, num_depth_bins=16, **SHORT_NECK)
    return spread(Tipsv2DptForDepthEstimation(config), 1.0, 56)


def grin() -> Any:
    stages = {"out_features": SHORT_TOKENS["out_features"], "depths": [1, 1], "num_heads": [1, 2]}
    return small.network(blocks=1, backbone={**small.CONFIG.backbone, **stages})


def dpt_processor(**changes: Any) -> dict[str, Any]:
    """A preprocessor_config.json as the published ones of DPT's kin are."""
    return {
        "image_processor_type": "DPTImageProcessor",
        "do_normalize": True,
        "do_pad": False,
        "do_rescale": True,
        "do_resize": True,
        "ensure_multiple_of": 1,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "keep_aspect_ratio": False,
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": 64, "width": 64},
        "size_divisor": None,
        **changes,
    }


ZOEDEPTH_PROCESSOR = {
    "image_processor_type": "ZoeDepthImageProcessor",
    "do_pad": True,
    "ensure_multiple_of": 32,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "keep_aspect_ratio": True,
    "resample": 2,
    "size": {"height": 64, "width": 96},
}
DEPTH_ANYTHING_PROCESSOR = dpt_processor(
    ensure_multiple_of=14,
    image_mean=[0.485, 0.456, 0.406],
    image_std=[0.229, 0.224, 0.225],
    keep_aspect_ratio=True,
    size={"height": 56, "width": 56},
)
DINOV2_PROCESSOR = dpt_processor(
    do_pad=True,
    do_rescale=False,
    do_resize=False,
    image_mean=[123.675, 116.28, 103.53],
    image_std=[58.395, 57.12, 57.375],
    size={"height": 384, "width": 384},
    size_divisor=14,
)
PROMPT_PROCESSOR = {
    **DEPTH_ANYTHING_PROCESSOR,
    "image_processor_type": "PromptDepthAnythingImageProcessor",
    "prompt_scale_to_meter": 0.001,
}
DEPTH_PRO_PROCESSOR = {
    "image_processor_type": "DepthProImageProcessorFast",
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": 0.5,
    "image_std": 0.5,
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 64, "width": 64},
}

GLPN_PROCESSOR = {
    "image_processor_type": "GLPNImageProcessor",
    "do_rescale": True,
    "do_resize": True,
    "resample": 2,
    "size_divisor": 32,
}
TIPSV2_PROCESSOR = {
    "image_processor_type": "Tipsv2DptImageProcessor",
    "do_normalize": False,
    "do_rescale": True,
    "do_resize": True,
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 56, "width": 56},
}

_FAMILIES: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "zoedepth": (lambda: zoedepth(1), ZOEDEPTH_PROCESSOR),
    "zoedepth-nk": (lambda: zoedepth(2), ZOEDEPTH_PROCESSOR),
    "zoedepth-lite": (zoedepth_lite, {}),
    "dpt-beit": (dpt_beit, dpt_processor(ensure_multiple_of=32)),
    "dpt-swinv2": (dpt_swinv2, dpt_processor()),
    "dpt-vit": (dpt_vit, dpt_processor(resample=2)),
    "dpt-hybrid": (dpt_hybrid, dpt_processor()),
    "dpt-dinov2": (dpt_dinov2, DINOV2_PROCESSOR),
    "depth-anything": (depth_anything, DEPTH_ANYTHING_PROCESSOR),
    "depth-anything-metric": (
        lambda: depth_anything(depth_estimation_type="metric", max_depth=20),
        DEPTH_ANYTHING_PROCESSOR,
    ),
    "prompt-depth-anything": (prompt_depth_anything, PROMPT_PROCESSOR),
    "depth-pro": (depth_pro, DEPTH_PRO_PROCESSOR),
    "depth-pro-without-fov": (lambda: depth_pro(use_fov_model=False), DEPTH_PRO_PROCESSOR),
    "glpn": (glpn, GLPN_PROCESSOR),
    "grin": (grin, {}),
}
if hasattr(transformers, "Tipsv2DptConfig"):  # 5.23 and later
    _FAMILIES["tipsv2"] = (tipsv2, TIPSV2_PROCESSOR)

_OWN: dict[str, Callable[[Path], Path]] = {"da3": depth_anything_3.build, "moge": moge.safe}
"""Those whose authors have a format of their own."""

FAMILIES = (*_FAMILIES, *_OWN)

EXPORTED: dict[str, tuple[bool, tuple[int, int] | None]] = {
    "zoedepth": (False, None),
    "zoedepth-nk": (False, (64, 96)),
    "zoedepth-lite": (True, None),
    "dpt-beit": (False, None),
    "dpt-swinv2": (False, None),
    "dpt-vit": (False, None),
    "dpt-hybrid": (False, None),
    "dpt-dinov2": (True, None),
    "depth-anything-metric": (True, None),
    "prompt-depth-anything": (True, None),
    "depth-pro": (False, None),
    "glpn": (True, None),
    "grin": (False, (32, 64)),
    **({"tipsv2": (False, None)} if "tipsv2" in _FAMILIES else {}),
    "da3": (False, (336, 504)),
    "moge": (False, (56, 84)),
}
"""How each family is exported for the tests: whether its size is open, or which it is."""
