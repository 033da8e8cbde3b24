"""ZoeDepth (arXiv 2302.12288): metric bins on a relative depth network, through transformers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Environment, ModelEntry, Output
from depth_ros.models.embedded import WEIGHTS
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.training_cameras import KITTI_CROP, NYU
from depth_ros.models.transformers_model import DepthOnly, TransformersModel
from depth_ros.models.zoedepth_heads import with_all_heads

_NYU_M = 10.0

__all__ = ["DepthOnly", "Preprocessing", "ZoeDepth", "save", "tiny_network"]


class ZoeDepth(TransformersModel):
    """Any checkpoint of transformers' ZoeDepthForDepthEstimation.

    With several heads (nyu-kitti) the network selects one head for the whole batch: frames of
    different cameras must not share a batch.
    """

    network_class = "ZoeDepthForDepthEstimation"
    processor = Preprocessing()
    one_by_one = True
    any_size = False  # windows and position biases of Swin V2 and BEiT are for one size

    @staticmethod
    def max_depth_m_of(config: Any) -> float:
        """Return the largest range of all heads."""
        return float(max(head["max_depth"] for head in config.bin_configurations))

    @staticmethod
    def bounded(config: Any) -> bool:
        """Return whether bins are between two depths; softplus bins have no limit."""
        normed: bool = config.bin_centers_type == "normed"
        return normed

    @classmethod
    def fix_config(cls, config: Any, entry: ModelEntry) -> None:
        """Set the range of the normed bins of one head to that of its training.

        transformers' conversion wrote NYU's head into the config.json of ZoeD_K, which upstream
        trains and evaluates up to 80 m: ZoeDepth issues 28, 45 and 139.

        Raises:
            ModelError: the config has this error, and the entry is not in the registry.
        """
        head = config.bin_configurations[0]
        if len(config.bin_configurations) > 1 or not cls.bounded(config):
            return
        head["max_depth"] = entry.max_depth_m or head["max_depth"]
        if head.get("name") == "nyu" and head["max_depth"] == _NYU_M:
            raise ModelError(
                f"config.json has normed bins up to {_NYU_M:g} m, an error of "
                "Intel/zoedepth-kitti: set model:=zoedepth-kitti weights:=FOLDER, or, for another "
                "checkpoint, rename the head in bin_configurations"
            )

    def capturable_network(self) -> nn.Module:
        """Return the network; with several heads, all run and the device selects one result."""
        if self.batches or self.graphs:
            return self.network
        return with_all_heads(self.network)

    @staticmethod
    def batches_of(config: Any) -> bool:
        """Return whether there is only one head, so that none is selected for a whole batch."""
        return len(config.bin_configurations) == 1


def tiny_network(width: int, height: int, training_f_px: float, max_depth_m: float) -> nn.Module:
    """Return an untrained ZoeDepth small enough to ship in this package: 3.3 million parameters.

    The backbone is Swin V2, as in MiDaS 3.1's small networks: with its windows it learns from much
    less data than a plain transformer.
    """
    from transformers import Swinv2Config, ZoeDepthConfig, ZoeDepthForDepthEstimation

    backbone = Swinv2Config(
        image_size=(height, width),
        embed_dim=32,
        depths=[1, 2, 4, 2],
        num_heads=[1, 2, 4, 8],
        window_size=4,
        drop_path_rate=0.0,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = ZoeDepthConfig(
        backbone_config=backbone,
        neck_hidden_sizes=[32, 64, 128, 256],
        fusion_hidden_size=48,
        bottleneck_features=48,
        num_relative_features=16,
        bin_embedding_dim=32,
        num_attractors=[8, 4, 2, 1],
        bin_configurations=[{"n_bins": 16, "min_depth": 1e-3, "max_depth": max_depth_m}],
    )
    config.training_f_px = training_f_px
    network: nn.Module = ZoeDepthForDepthEstimation(config)
    _initialise(network)
    return network


def _initialise(network: nn.Module) -> None:
    """Initialise weights so that the signal keeps its size from layer to layer.

    transformers uses a standard deviation of 0.02 for all, with which training from random weights
    stalls. Residual branches and the head's last layer start small: otherwise sums of branches
    grow from level to level until the head's bins saturate.
    """
    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and not name.startswith("backbone"):
            small = name.endswith(("convolution2", "conditional_log_binomial.mlp.2"))
            nn.init.xavier_normal_(module.weight, gain=0.1 if small else 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear) and name.startswith("backbone"):
            nn.init.xavier_uniform_(module.weight)


def save(network: nn.Module, folder: Path, preprocessing: Preprocessing) -> None:
    """Write a checkpoint in transformers' format: config, safetensors and preprocessor.

    Weights are stored in float16: half the size, with an error far below the network's own.
    """
    saving: Any = network.half()
    saving.save_pretrained(folder)
    config = {
        "image_processor_type": "ZoeDepthImageProcessor",
        "do_pad": preprocessing.pad,
        "ensure_multiple_of": preprocessing.multiple,
        "keep_aspect_ratio": preprocessing.fit != "warp",
        "image_mean": list(preprocessing.mean),
        "image_std": list(preprocessing.std),
        "size": {"height": preprocessing.height, "width": preprocessing.width},
    }
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "preprocessor_config.json").write_text(text)


def _entry(
    name: str,
    parameters_m: float,
    max_depth_m: float,
    camera: Camera | None,
    note: str,
    trained_with: Preprocessing | None = None,
    place: Environment = "indoor",
) -> ModelEntry:
    return ModelEntry(
        name=f"zoedepth-{name}",
        family="zoedepth",
        source=f"Intel/zoedepth-{name}",
        output=Output.METRIC_DEPTH,
        licence="MIT",
        commercial=True,
        parameters_m=parameters_m,
        max_depth_m=max_depth_m,
        preprocessing=ZoeDepth.processor,
        training_camera=camera,
        trained_with=trained_with,
        # ZoeDepth issue 56: the relative depth that conditions a single head overflows.
        half_safe=name == "nyu-kitti",
        place=place,
        note=note,
    )


TINY = replace(
    _entry("tiny", 3.3, 20, None, "embedded; synthetic rooms only; for demos and tests"),
    source=str(WEIGHTS / "zoedepth-tiny"),
    licence="Apache-2.0",
    preprocessing=Preprocessing(height=96, width=128, pad=False),
    training_camera=Camera(128, 96, 105.0, 105.0, 63.5, 47.5),
)
"""The embedded checkpoint, see tiny_network."""

# Upstream trains and evaluates without the margin that it recommends for other images, and resizes
# images of KITTI to another shape.
_NYU = Preprocessing(pad=False)
_KITTI = Preprocessing(width=768, fit="warp", pad=False)
_TWO_HEADS = "selects its indoor or road head per image; two training cameras"

ENTRIES = (
    _entry("nyu", 344, 10, NYU, "indoors", _NYU),
    _entry("kitti", 344, 80, KITTI_CROP, "roads", _KITTI, place="outdoor"),
    _entry("nyu-kitti", 345, 80, None, _TWO_HEADS, place="any"),
)
