"""The published checkpoints' configurations, as transformers' conversion scripts wrote them.

Random checkpoints of them are the real ones but for their width: as deep, with the same stages,
windows, scales and heads, and every image brought to the same size.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from torch import nn
from transformers import (
    BeitConfig,
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

from depth_ros.models import FAMILIES, MODELS
from depth_ros.models.preprocessing import Preprocessing
from test.models import checkpoints

NAMES = [
    name
    for name, entry in MODELS.items()
    if hasattr(FAMILIES.get(entry.family), "network_class")
    if not Path(entry.source).is_dir()
    if entry.family != "tipsv2_dpt" or hasattr(transformers, "Tipsv2DptConfig")
]
"""Every checkpoint that transformers' networks load."""

_SIZES = {"small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}
_SIZES["giant"] = (1536, 40, 24)
_QUARTERS = {12: [3, 6, 9, 12], 24: [5, 12, 18, 24], 40: [10, 20, 30, 40]}
_NECKS = {"small": [48, 96, 192, 384], "base": [96, 192, 384, 768], "large": [256, 512, 1024, 1024]}
_FUSIONS = {"small": 64, "base": 128, "large": 256}


class Width(NamedTuple):
    """Return a narrow version of a configuration, or the unchanged one."""

    narrow: bool

    def __call__(self, channels: int, narrow: int = 32) -> int:
        return narrow if self.narrow else channels

    def neck(self, channels: list[int]) -> list[int]:
        return [16, 16, 32, 32] if self.narrow else channels


def config_of(name: str, narrow: bool = False) -> tuple[Any, Any]:
    """Return transformers' network and the published configuration of a checkpoint."""
    width = Width(narrow)
    for start, make in _FAMILIES.items():
        if name.startswith(start):
            network, config = make(name, width)
            return network, config
    raise AssertionError(name)


def build(name: str, folder: Path, narrow: bool = True) -> Path:
    """Write a random checkpoint, the published one but for its width, and return the folder."""
    network_class, config = config_of(name, narrow)
    preprocessing = MODELS[name].preprocessing
    assert preprocessing is not None
    more = [torch.rand(1, 1, 192, 256) + 1] if name.startswith("prompt") else []
    middle = 0.5 if name == "depth-pro" else 1.0
    side = _noise_side(name, preprocessing)
    # Wide layers add up more values; large ones would make the last layer underflow in float16.
    std = 0.1 if narrow or name.startswith("zoedepth") else 0.02
    network = checkpoints.spread(network_class(config), middle, side, *more, std=std)
    if name == "depth-pro":
        nn.init.constant_(network.fov_model.head.layers[-1].bias, 60.0)
    network.half().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor_of(name)))
    return folder


def _noise_side(name: str, preprocessing: Preprocessing) -> int:
    """Return a side of images that the network takes, half of its own where it can."""
    if preprocessing.resize == "none":
        return 98
    if name.startswith(("depth-pro", "dpt-hybrid")):
        return preprocessing.height
    return preprocessing.height // 2 // preprocessing.multiple * preprocessing.multiple


def parameters_m(name: str) -> float:
    """Return the millions of parameters of the real network, which is not built for it."""
    network_class, config = config_of(name)
    with torch.device("meta"):
        network = network_class(config)
    count: int = sum(each.numel() for each in network.parameters())
    return count / 1e6


def processor_of(name: str) -> dict[str, Any]:
    """Return the published preprocessor_config.json of a checkpoint."""
    start = next(start for start in _PROCESSORS if name.startswith(start))
    if start == "glpn":  # at the image's own size
        return _PROCESSORS[start]
    side = int(name[-3:]) if name[-3:].isdigit() else _SIDES[start]
    return {**_PROCESSORS[start], "size": {"height": side, "width": _WIDTHS.get(start, side)}}


def _beit(side: int, large: bool, width: Width) -> BeitConfig:
    layers = 24 if large else 12
    return BeitConfig(
        image_size=side,
        num_hidden_layers=layers,
        hidden_size=width(1024 if large else 768),
        intermediate_size=width(4096 if large else 3072),
        num_attention_heads=width(16 if large else 12, 2),
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=[f"stage{layers // 4 * quarter}" for quarter in (1, 2, 3, 4)],
    )


def _dinov2(size: str, width: Width, stages: list[int], **more: Any) -> Dinov2Config:
    channels, layers, heads = _SIZES[size]
    return Dinov2Config(
        hidden_size=width(channels),
        num_hidden_layers=layers,
        num_attention_heads=width(heads, 2),
        image_size=518,
        patch_size=14,
        mlp_ratio=4,
        use_swiglu_ffn=size == "giant",
        out_indices=stages,
        reshape_hidden_states=False,
        **more,
    )


def _zoedepth(name: str, width: Width) -> tuple[Any, Any]:
    heads = [{"name": "nyu", "n_bins": 64, "min_depth": 1e-3, "max_depth": 10.0}]
    router = {}
    if name == "zoedepth-nyu-kitti":
        heads.append({"name": "kitti", "n_bins": 64, "min_depth": 1e-3, "max_depth": 80.0})
        router = {
            "num_patch_transformer_layers": 4,
            "patch_transformer_hidden_size": 128,
            "patch_transformer_intermediate_size": 1024,
            "patch_transformer_num_attention_heads": 4,
        }
    return ZoeDepthForDepthEstimation, ZoeDepthConfig(
        backbone_config=_beit(384, True, width),
        neck_hidden_sizes=width.neck([256, 512, 1024, 1024]),
        fusion_hidden_size=width(256),
        bottleneck_features=width(256),
        bin_centers_type="normed" if name == "zoedepth-kitti" else "softplus",
        bin_configurations=heads,
        **router,
    )


def _dpt_beit(name: str, width: Width) -> tuple[Any, Any]:
    large = "large" in name
    return DPTForDepthEstimation, DPTConfig(
        backbone_config=_beit(int(name[-3:]), large, width),
        neck_hidden_sizes=width.neck([256, 512, 1024, 1024] if large else [96, 192, 384, 768]),
        fusion_hidden_size=width(256),
    )


def _dpt_swinv2(name: str, width: Width) -> tuple[Any, Any]:
    size = name.split("-")[2]
    tiny = size == "tiny"
    channels = width({"tiny": 96, "base": 128, "large": 192}[size], 8)
    heads = {"tiny": 3, "base": 4, "large": 6}[size]
    heads = width(heads, 1)
    backbone = Swinv2Config(
        image_size=int(name[-3:]),
        embed_dim=channels,
        depths=[2, 2, 6 if tiny else 18, 2],
        window_size=16 if tiny else 24,
        pretrained_window_sizes=[0, 0, 0, 0] if tiny else [12, 12, 12, 6],
        num_heads=[heads, 2 * heads, 4 * heads, 8 * heads],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    neck = [channels, 2 * channels, 4 * channels, 8 * channels]
    return DPTForDepthEstimation, DPTConfig(
        backbone_config=backbone, neck_hidden_sizes=neck, fusion_hidden_size=width(256)
    )


def _dpt_large(_: str, width: Width) -> tuple[Any, Any]:
    return DPTForDepthEstimation, DPTConfig(
        hidden_size=width(1024),
        intermediate_size=width(4096),
        num_hidden_layers=24,
        num_attention_heads=width(16, 2),
        backbone_out_indices=[5, 11, 17, 23],
        neck_hidden_sizes=width.neck([256, 512, 1024, 1024]),
        fusion_hidden_size=width(256),
    )


def _dpt_hybrid(_: str, width: Width) -> tuple[Any, Any]:
    backbone = {
        "model_type": "bit",
        "layer_type": "bottleneck",
        "global_padding": "same",
        "embedding_dynamic_padding": True,
        "depths": [3, 4, 9],
        "embedding_size": width(64),
        "hidden_sizes": [width(256), width(512, 64), width(1024, 128)],
        "num_groups": width(32, 4),
        "out_features": ["stage1", "stage2", "stage3"],
    }
    narrow_neck = [32, 64, 32, 32]  # the first two are the backbone's maps
    return DPTForDepthEstimation, DPTConfig(
        is_hybrid=True,
        backbone_config=backbone,
        backbone_featmap_shape=[1, width(1024, 128), 24, 24],
        hidden_size=width(768),
        intermediate_size=width(3072),
        num_attention_heads=width(12, 2),
        reassemble_factors=[1, 1, 1, 0.5],
        neck_hidden_sizes=narrow_neck if width.narrow else [256, 512, 768, 768],
        fusion_hidden_size=width(256),
    )


def _dpt_dinov2(name: str, width: Width) -> tuple[Any, Any]:
    size = name.split("-")[2]
    channels, layers, _ = _SIZES[size]
    return DPTForDepthEstimation, DPTConfig(
        backbone_config=_dinov2(size, width, _QUARTERS[layers], apply_layernorm=False),
        neck_hidden_sizes=width.neck([channels // 8, channels // 4, channels // 2, channels]),
        use_bias_in_fusion_residual=False,
        add_projection=True,  # which transformers fixes at 256 channels
    )


def _depth_anything(name: str, width: Width) -> tuple[Any, Any]:
    size = name.rsplit("-", 1)[1]
    channels, layers, _ = _SIZES[size]
    # V1 was trained on the last four layers, by accident.
    stages = _QUARTERS[layers] if "-v2-" in name else [layers - 3, layers - 2, layers - 1, layers]
    metric: dict[str, Any] = {}
    if "-metric-" in name:
        metric = {"depth_estimation_type": "metric", "max_depth": 20 if "indoor" in name else 80}
    return DepthAnythingForDepthEstimation, DepthAnythingConfig(
        backbone_config=_dinov2(size, width, stages, apply_layernorm=True),
        reassemble_hidden_size=width(channels),
        neck_hidden_sizes=width.neck(_NECKS[size]),
        fusion_hidden_size=width(_FUSIONS[size]),
        **metric,
    )


def _prompt_depth_anything(name: str, width: Width) -> tuple[Any, Any]:
    size = name.rsplit("-", 1)[1]
    channels, layers, _ = _SIZES[size]
    return PromptDepthAnythingForDepthEstimation, PromptDepthAnythingConfig(
        backbone_config=_dinov2(size, width, _QUARTERS[layers], apply_layernorm=True),
        reassemble_hidden_size=width(channels),
        neck_hidden_sizes=width.neck(_NECKS[size]),
        fusion_hidden_size=width(_FUSIONS[size]),
        depth_estimation_type="metric",
        max_depth=None,
    )


def _depth_pro(_: str, width: Width) -> tuple[Any, Any]:
    encoder = {
        "model_type": "dinov2",
        "hidden_size": width(1024, 16),
        "num_hidden_layers": 24,
        "num_attention_heads": width(16, 1),
        "patch_size": 16,
        "image_size": 384,
    }
    return DepthProForDepthEstimation, DepthProConfig(
        patch_size=384,
        fusion_hidden_size=width(256, 16),
        intermediate_hook_ids=[11, 5],
        intermediate_feature_dims=[width(256, 16)] * 2,
        scaled_images_ratios=[0.25, 0.5, 1],
        scaled_images_overlap_ratios=[0.0, 0.5, 0.25],
        scaled_images_feature_dims=[width(1024, 16), width(1024, 16), width(512, 16)],
        use_fov_model=True,
        image_model_config=dict(encoder),
        patch_model_config=dict(encoder),
        fov_model_config=dict(encoder),
    )


def _glpn(name: str, width: Width) -> tuple[Any, Any]:
    sizes = [64, 128, 320, 512]
    return GLPNForDepthEstimation, GLPNConfig(
        hidden_sizes=[8, 16, 40, 64] if width.narrow else sizes,
        decoder_hidden_size=width(64, 16),
        depths=[3, 8, 27, 3],
        max_depth=80 if name.endswith("kitti") else 10,
    )


def _tipsv2(name: str, width: Width) -> tuple[Any, Any]:
    from transformers import Tipsv2DptConfig, Tipsv2DptForDepthEstimation

    heads = {"hidden_size": width(768), "num_attention_heads": width(12, 2)}
    config = Tipsv2DptConfig()
    backbone = {**config.backbone_config.to_dict(), **heads}
    return Tipsv2DptForDepthEstimation, Tipsv2DptConfig(
        backbone_config=backbone,
        neck_hidden_sizes=width.neck(config.neck_hidden_sizes),
        fusion_hidden_size=width(config.fusion_hidden_size),
    )


_FAMILIES = {
    "zoedepth": _zoedepth,
    "dpt-beit": _dpt_beit,
    "dpt-swinv2": _dpt_swinv2,
    "dpt-large": _dpt_large,
    "dpt-hybrid": _dpt_hybrid,
    "dpt-dinov2": _dpt_dinov2,
    "depth-anything": _depth_anything,
    "prompt-depth-anything": _prompt_depth_anything,
    "depth-pro": _depth_pro,
    "glpn": _glpn,
    "tipsv2": _tipsv2,
}
"""By the start of their names."""

_PROCESSORS: dict[str, dict[str, Any]] = {
    "zoedepth": checkpoints.ZOEDEPTH_PROCESSOR,
    "dpt-beit": checkpoints.dpt_processor(ensure_multiple_of=32),
    "dpt-dinov2": checkpoints.DINOV2_PROCESSOR,
    "dpt-large": checkpoints.dpt_processor(resample=2),
    "dpt": checkpoints.dpt_processor(),
    "depth-anything": checkpoints.DEPTH_ANYTHING_PROCESSOR,
    "prompt": checkpoints.PROMPT_PROCESSOR,
    "depth-pro": checkpoints.DEPTH_PRO_PROCESSOR,
    "glpn": checkpoints.GLPN_PROCESSOR,
    "tipsv2": checkpoints.TIPSV2_PROCESSOR,
}
_SIDES = {"dpt-dinov2": 384, "dpt-large": 384, "dpt": 384, "zoedepth": 384}
_SIDES |= {"depth-anything": 518, "prompt": 756, "depth-pro": 1536, "tipsv2": 448}
_WIDTHS = {"zoedepth": 512}
