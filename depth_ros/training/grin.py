"""Training of GRIN, of any size."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.models.grin import backbones
from depth_ros.models.grin.config import GrinConfig
from depth_ros.models.grin.network import Grin
from depth_ros.models.lite.config import MODEL_TYPE
from depth_ros.models.lite.network import ZoeDepthLite
from depth_ros.training.calibration import spread_gain
from depth_ros.training.denoising import Denoising
from depth_ros.training.frames import FramePool, Frames, Shapes
from depth_ros.training.scenes import Robot
from depth_ros.training.train import TrainConfig, Trainer

FOV_DEG = (50.0, 80.0)
"""Horizontal fields of view of rendered frames."""
_CALIBRATION_BATCHES = 4
# With a shifted optical axis and non-square pixels, the network cannot guess rays from pixel
# positions.
_OFF_CENTRE, _SQUEEZE = 0.15, 0.15


class Start(NamedTuple):
    """Initial weights.

    Attributes:
        init: a GRIN by name or folder; None: random.
        backbone_only: use only the backbone of init, which may be another network.
    """

    init: str | None = None
    backbone_only: bool = False


def train(
    out: Path,
    device: str,
    sizes: GrinConfig,
    start: Start,
    config: TrainConfig,
    objective: Denoising,
    frames: Frames,
    facts: dict[str, Any],
) -> None:
    """Train a GRIN and save it in out, or continue an interrupted run.

    Args:
        out: folder of the weights, the training's configuration and its checkpoints.
        device: where to train.
        sizes: of the network.
        start: the initial weights.
        config, objective: of the run.
        frames: the training data, at the network's size.
        facts: a description of the frames, for training.json.

    Raises:
        ModelError: the initial weights cannot be loaded, or do not fit.
    """
    torch.manual_seed(config.seed)
    network = Grin(sizes)
    if start.init is not None:
        _start_from(network, start.init, start.backbone_only)
    facts = {"objective": asdict(objective), "start": start._asdict(), **facts}
    trained = Trainer(network, objective, frames, config, out, device, facts).run()
    last = (frames.draw(config.steps + index) for index in range(_CALIBRATION_BATCHES))
    gain = spread_gain(trained, (batch.to(device) for batch in last), config.seed)
    trained.config = replace(trained.config, spread_gain=round(gain, 2))
    trained.save_pretrained(out)


def with_encoder_of(sizes: GrinConfig, start: Start) -> GrinConfig:
    """Return the sizes with zoedepth-lite's encoder, if the backbone starts from its weights."""
    if start.init is None or not start.backbone_only or not _is_lite(start.init):
        return sizes
    return replace(sizes, backbone={"model_type": backbones.LITE})


def _is_lite(init: str) -> bool:
    try:
        return models.find(init).family == MODEL_TYPE
    except ModelError:  # an image encoder of transformers
        return False


def with_many_cameras(robot: Robot) -> Robot:
    """Return the robot with many different cameras, for camera augmentation."""
    return replace(robot, fov_deg=FOV_DEG, off_centre=_OFF_CENTRE, squeeze=_SQUEEZE)


def rendered(sizes: GrinConfig, config: TrainConfig, robot: Robot, labels: float) -> Frames:
    """Return rendered frames of several shapes, each with about the network's number of pixels."""
    return Shapes(
        [
            FramePool(config.seed, robot, width, height, config.fresh, config.batch, labels)
            for width, height in shapes(sizes)
        ]
    )


def shapes(sizes: GrinConfig) -> list[tuple[int, int]]:
    """Return two shapes (width, height): the network's own, and one cell wider and lower."""
    unit = sizes.multiple
    return [(sizes.width, sizes.height), (sizes.width + unit, sizes.height - unit)]


def _start_from(network: Grin, init: str, backbone_only: bool) -> None:
    """Load initial weights: all, or only the backbone of a depth network or of a checkpoint."""
    backbone = network.encoder.backbone
    try:
        if backbone_only:
            backbone.load_state_dict(_backbone(backbone, init))
        else:
            network.load_state_dict(Grin.from_pretrained(models.find(init).source).state_dict())
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"init '{init}' does not fit: {error}") from error


def _backbone(like: nn.Module, init: str) -> dict[str, Tensor]:
    """Return the weights of a depth network's backbone, or of an image encoder of the same type."""
    try:
        network = models.load(init).network
    except ModelError:
        return _encoder(like, init)
    prefix = "encoder." if isinstance(network, ZoeDepthLite) else "backbone."
    parts = ((name.partition(prefix), value) for name, value in network.state_dict().items())
    return {rest: value for (_, found, rest), value in parts if found}


def _encoder(like: Any, init: str) -> dict[str, Tensor]:
    encoder, report = type(like).from_pretrained(init, config=like.config, output_loading_info=True)
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"init '{init}' lacks {len(missing)} weights, the first is {missing[0]}")
    weights: dict[str, Tensor] = encoder.state_dict()
    return weights
