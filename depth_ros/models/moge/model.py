"""MoGe-2 as a depth model, with the camera's known focal length."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.geometry.camera import Camera
from depth_ros.models import own_checkpoint
from depth_ros.models.base import (
    Executor,
    Family,
    ModelEntry,
    NetworkFacts,
    OwnPickle,
    Prediction,
    Raw,
    Request,
)
from depth_ros.models.exported import Exported
from depth_ros.models.moge import checkpoint, shift
from depth_ros.models.moge.entries import PREPROCESSING
from depth_ros.models.moge.network import REMAPS, Moge, MogeConfig


class MogeModel(Family):
    """A checkpoint of MoGe-2.

    Its points need a scale, which the network also outputs, and a shift of their depth, which is
    computed with the camera's focal length: this length need not be estimated. Pixels outside its
    mask were at infinity in training: +inf. Depth that is not positive becomes NaN.
    """

    files = (own_checkpoint.CONFIG, checkpoint.PICKLE)
    own_pickle = OwnPickle(checkpoint.PICKLE, checkpoint.unpickled)
    asks_cameras = True
    beside_names = ("aspect",)
    raw_names = ("points", "mask", "log_scale")
    training_f_px = None  # the focal length is the camera's
    max_depth_m = 0.0

    network: Moge | Exported

    def __init__(self, entry: ModelEntry, network: Moge | Exported, config: MogeConfig) -> None:
        self.entry, self.network, self.config = entry, network, config
        # As upstream's infer() by default: the recommended maximum of cells.
        side = round(math.sqrt(config.num_tokens_range[1])) * PREPROCESSING.multiple
        self.preprocessing = replace(PREPROCESSING, height=side, width=side)

    @classmethod
    def load(cls, entry: ModelEntry) -> MogeModel:
        """Load a checkpoint, safetensors or upstream's model.pt; see checkpoint.read()."""
        said, weights = checkpoint.read(entry.source, entry.revision)
        config = MogeConfig.from_dict(said)
        return cls(entry, Moge.of_weights(config, weights), config)

    @classmethod
    def of_graphs(
        cls, entry: ModelEntry, facts: NetworkFacts, config: Mapping[str, Any]
    ) -> MogeModel:
        """Return the model of an exported network; see Family."""
        model = cls(entry, Exported(), MogeConfig.from_dict(config))
        model.preprocessing = facts.preprocessing
        return model

    @staticmethod
    def config_of(source: str, revision: str = "main") -> MogeConfig:
        """Return the configuration of a checkpoint with a config.json."""
        return MogeConfig.from_dict(checkpoint.config(source, revision))

    def exported_config(self) -> dict[str, Any]:
        """Return the network's configuration, which also defines the meaning of its outputs."""
        return asdict(self.config)

    def beside(self, count: int, height: int, width: int, device: torch.device) -> list[Tensor]:
        """Return the aspect ratio of the images, width / height, (B,)."""
        return [_numbers((width / height,) * count, device)]

    def at_size(self, height: int, width: int) -> MogeModel:
        """Return the same model, sharing the network, for the number of cells of a size."""
        other = copy.copy(self)
        other.preprocessing = replace(self.preprocessing, height=height, width=width)
        return other

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        """Return the prediction for images, with the focal lengths of their cameras."""
        count, height, width = rgb.shape[:3]
        beside = self.beside(count, height, width, execute.device)
        raw = execute(self.preprocess(rgb), *beside)
        return self._prediction(raw, height, width, focal_of(request.cameras, execute.device))

    def preprocess(self, rgb: Tensor) -> Tensor:
        """Convert uint8 images (B, H, W, 3) to the network's input (B, 3, h, w)."""
        return self.preprocessing(rgb)

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Return depth for unknown cameras, and the focal lengths estimated from the points."""
        return self._prediction(raw, height, width, None)

    def _prediction(self, raw: Raw, height: int, width: int, focal: Tensor | None) -> Prediction:
        assert isinstance(raw, tuple)
        points, mask, log_scale = raw
        points = REMAPS[self.config.remap_output](_enlarged(points, height, width))
        seen = _enlarged(mask[..., None], height, width)[..., 0] > 0
        said = metric(points, seen, log_scale.exp(), self.entry, focal)
        return replace(said, network_size=(mask.shape[1], mask.shape[2]))


def metric(
    points: Tensor, seen: Tensor, scale: Tensor, entry: ModelEntry, focal: Tensor | None
) -> Prediction:
    """Return depth from points at the size of the images.

    Args:
        points: (B, H, W, 3) up to scale and shift.
        seen: bool (B, H, W), pixels inside the mask.
        scale: (B,) metres per unit of the points.
        entry: of the model.
        focal: (B,) of the cameras in half diagonals; None: unknown, to be estimated.
    """
    pose = shift.solve(points, seen, focal)
    z = points[..., 2] + pose.shift[:, None, None]
    depth_m = (z * scale[:, None, None]).masked_fill(~(z > 0), math.nan)
    f_px = pose.focal * (math.hypot(*seen.shape[1:]) / 2) if focal is None else None
    return Prediction(depth_m.masked_fill(~seen, math.inf), entry.output, f_px)


def focal_of(cameras: Sequence[Camera], device: torch.device) -> Tensor:
    """Return cameras' focal lengths (B,) in half diagonals of their images."""
    focal = (each.f_px / (math.hypot(each.width, each.height) / 2) for each in cameras)
    return _numbers(tuple(focal), device)


def _enlarged(maps: Tensor, height: int, width: int) -> Tensor:
    """Return maps (B, h, w, C) at another size, bilinear with pixels as areas."""
    planes = maps.permute(0, 3, 1, 2).float()
    return functional.interpolate(planes, (height, width), mode="bilinear").permute(0, 2, 3, 1)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _numbers(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return numbers on a device; cached, because a copy to a GPU waits for it."""
    return torch.tensor(values, dtype=torch.float32, device=device)
