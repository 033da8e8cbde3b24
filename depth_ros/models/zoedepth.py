"""ZoeDepth (arXiv 2302.12288): metric bins on a relative depth network, through transformers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import DepthModel, ModelEntry, Output, Prediction


@dataclass(frozen=True)
class Preprocessing:
    """The settings of a checkpoint's preprocessor_config.json that matter, at their defaults.

    Source: ZoeDepthImageProcessor of transformers.
    """

    height: int = 384
    width: int = 512
    multiple: int = 32
    keep_aspect_ratio: bool = True
    pad: bool = True
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Preprocessing:
        """Read a preprocessor_config.json; what it does not say keeps its default."""
        size = config.get("size", {})
        return cls(
            height=size.get("height", cls.height),
            width=size.get("width", cls.width),
            multiple=config.get("ensure_multiple_of", cls.multiple),
            keep_aspect_ratio=config.get("keep_aspect_ratio", cls.keep_aspect_ratio),
            pad=config.get("do_pad", cls.pad),
            mean=tuple(config.get("image_mean", cls.mean)),
            std=tuple(config.get("image_std", cls.std)),
        )

    def padding(self, height: int, width: int) -> tuple[int, int]:
        """Return how many rows and columns are mirrored onto each side of an image.

        Source: ZoeDepth's infer(), int(3 sqrt(size / 2)): it moves boundary artefacts outside.
        """
        if not self.pad:
            return 0, 0
        return int(math.sqrt(height / 2) * 3), int(math.sqrt(width / 2) * 3)

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of an image with its padding."""
        rows, columns = self.padding(height, width)
        return height + 2 * rows, width + 2 * columns

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the network's input size for an image of height x width, padding included."""
        scale_height, scale_width = self.height / height, self.width / width
        if self.keep_aspect_ratio:
            # "Scale as little as possible": the side whose scale is nearer to one decides.
            fit_width = abs(1 - scale_width) < abs(1 - scale_height)
            scale_height = scale_width = scale_width if fit_width else scale_height
        return self._rounded(scale_height * height), self._rounded(scale_width * width)

    def _rounded(self, length: float) -> int:
        return max(1, round(length / self.multiple)) * self.multiple


class DepthOnly(nn.Module):
    """A transformers depth network whose forward returns just the predicted map (B, h, w)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the map predicted for normalised images (B, 3, h, w)."""
        depth: Tensor = self.network(pixels).predicted_depth
        return depth


class ZoeDepth(DepthModel):
    """Any checkpoint of transformers' ZoeDepthForDepthEstimation.

    With several heads (nyu-kitti) the network chooses one head for the whole batch: frames of
    different cameras must not share a batch.
    """

    def __init__(self, entry: ModelEntry, network: nn.Module, preprocessing: Preprocessing) -> None:
        config: Any = network.config
        self.entry = entry
        self.network = DepthOnly(network)
        self.preprocessing = preprocessing
        self.max_depth_m = max(head["max_depth"] for head in config.bin_configurations)
        self.training_f_px = getattr(config, "training_f_px", None)

    @classmethod
    def load(cls, entry: ModelEntry) -> ZoeDepth:
        """Load a checkpoint from a folder, the hub's cache or the hub."""
        from transformers import ZoeDepthForDepthEstimation
        from transformers.utils import cached_file

        where: dict[str, Any] = {"revision": entry.revision}
        network = ZoeDepthForDepthEstimation.from_pretrained(
            entry.source, use_safetensors=True, dtype=torch.float32, **where
        )
        # Read as a file: transformers' own reader wants Pillow for it.
        path = cached_file(entry.source, "preprocessor_config.json", **where)
        config = json.loads(Path(path).read_text())
        return cls(entry, network, Preprocessing.from_config(config))

    def preprocess(self, rgb: Tensor) -> Tensor:
        """Pad, resize and normalise as transformers' ZoeDepthImageProcessor does."""
        _, height, width, _ = rgb.shape
        rows, columns = self.preprocessing.padding(height, width)
        pixels = rgb.permute(0, 3, 1, 2).float()
        if rows or columns:
            pixels = functional.pad(pixels, (columns, columns, rows, rows), mode="reflect")
        size = self.preprocessing.network_size(*pixels.shape[-2:])
        pixels = functional.interpolate(pixels, size, mode="bilinear", align_corners=True)
        mean = pixels.new_tensor(self.preprocessing.mean)[:, None, None] * 255
        std = pixels.new_tensor(self.preprocessing.std)[:, None, None] * 255
        return pixels.sub_(mean).div_(std)

    def postprocess(self, raw: Tensor, height: int, width: int) -> Prediction:
        """Resize to the padded image (bicubic, as transformers) and cut the padding off."""
        rows, columns = self.preprocessing.padding(height, width)
        padded = self.preprocessing.padded_size(height, width)
        depth_m = functional.interpolate(raw.float()[:, None], padded, mode="bicubic")[:, 0]
        depth_m = depth_m[:, rows : rows + height, columns : columns + width]
        return Prediction(depth_m, Output.METRIC_DEPTH)

    def network_f_px(self, camera: Camera) -> float:
        """Return the camera's focal length after padding and resizing.

        With align_corners the centres of the outermost pixels stay on each other, so that scales
        are ratios of size less one.
        """
        padded = self.preprocessing.padded_size(camera.height, camera.width)
        height, width = self.preprocessing.network_size(*padded)
        scale_x, scale_y = (width - 1) / (padded[1] - 1), (height - 1) / (padded[0] - 1)
        return math.sqrt(camera.fx * scale_x * camera.fy * scale_y)


def tiny_network(width: int, height: int, training_f_px: float, max_depth_m: float) -> nn.Module:
    """Return an untrained ZoeDepth small enough to live in this package: 3.3 million parameters.

    The backbone is Swin V2, as in MiDaS 3.1's small networks: its windows learn from little data
    what a plain transformer needs millions of images for.
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
    """Draw start weights that keep the signal's size from layer to layer.

    transformers draws all with a standard deviation of 0.02, which suits a pretrained backbone and
    stalls training from nothing. Residual branches and the head's last layer start small: sums of
    branches of full size grow from level to level until the head's bins saturate.
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
    """Write a checkpoint in transformers' own format: config, safetensors and preprocessor.

    Weights are stored in float16, half the size for an error far below the network's own.
    """
    saving: Any = network.half()
    saving.save_pretrained(folder)
    config = {
        "image_processor_type": "ZoeDepthImageProcessor",
        "do_pad": preprocessing.pad,
        "ensure_multiple_of": preprocessing.multiple,
        "keep_aspect_ratio": preprocessing.keep_aspect_ratio,
        "image_mean": list(preprocessing.mean),
        "image_std": list(preprocessing.std),
        "size": {"height": preprocessing.height, "width": preprocessing.width},
    }
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "preprocessor_config.json").write_text(text)
