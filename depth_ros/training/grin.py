"""The recipe of GRIN, of whatever size."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.models.grin.config import GrinConfig
from depth_ros.models.grin.network import Grin
from depth_ros.models.lite.network import ZoeDepthLite
from depth_ros.training.calibration import spread_gain
from depth_ros.training.denoising import Denoising
from depth_ros.training.frames import FramePool, Frames, Shapes
from depth_ros.training.scenes import Robot
from depth_ros.training.train import TrainConfig, Trainer

FOV_DEG = (50.0, 80.0)
"""Fields of view across, of rendered frames."""
_CALIBRATION_BATCHES = 4
# The farther the axis is off the middle, and the less square pixels are, the less can a ray be
# guessed from its place in the image.
_OFF_CENTRE, _SQUEEZE = 0.15, 0.15


class Start(NamedTuple):
    """Weights to start from.

    Attributes:
        init: a GRIN by name or folder; None: nothing.
        backbone_only: init is anything whose backbone fits, and only that is taken.
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
    said: dict[str, Any],
) -> None:
    """Train a GRIN and save it in out, or go on where an interrupted run stopped.

    Args:
        out: folder of the weights, the training's configuration and its checkpoints.
        device: where to train.
        sizes: of the network.
        start: weights to start from.
        config, objective: of the run.
        frames: what is trained on, at the network's size.
        said: what there is to say of the frames, for training.json.

    Raises:
        ModelError: the weights to start from cannot be loaded, or do not fit.
    """
    torch.manual_seed(config.seed)
    network = Grin(sizes)
    if start.init is not None:
        _start_from(network, start.init, start.backbone_only)
    facts = {"objective": asdict(objective), "start": start._asdict(), **said}
    trained = Trainer(network, objective, frames, config, out, device, facts).run()
    last = (frames.draw(config.steps + index) for index in range(_CALIBRATION_BATCHES))
    gain = spread_gain(trained, (batch.to(device) for batch in last), config.seed)
    trained.config = replace(trained.config, spread_gain=round(gain, 2))
    trained.save_pretrained(out)


def with_many_cameras(robot: Robot) -> Robot:
    """Return the robot with cameras of many lenses, for camera augmentation."""
    return replace(robot, fov_deg=FOV_DEG, off_centre=_OFF_CENTRE, squeeze=_SQUEEZE)


def rendered(sizes: GrinConfig, config: TrainConfig, robot: Robot, labels: float) -> Frames:
    """Return rendered frames of several shapes, all of about the network's number of pixels."""
    return Shapes(
        [
            FramePool(config.seed, robot, width, height, config.fresh, config.batch, labels)
            for width, height in shapes(sizes)
        ]
    )


def shapes(sizes: GrinConfig) -> list[tuple[int, int]]:
    """Return the network's own width and height, and one cell wider and less high."""
    unit = sizes.multiple
    return [(sizes.width, sizes.height), (sizes.width + unit, sizes.height - unit)]


def _start_from(network: Grin, init: str, backbone_only: bool) -> None:
    """Load weights, or a backbone: of a depth network here, or of any checkpoint of its kind."""
    backbone = network.encoder.backbone
    try:
        if backbone_only:
            backbone.load_state_dict(_backbone(backbone, init))
        else:
            network.load_state_dict(Grin.from_pretrained(models.find(init).source).state_dict())
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"init '{init}' does not fit: {error}") from error


def _backbone(like: nn.Module, init: str) -> dict[str, Tensor]:
    """Return the weights of a depth network's backbone, or of an image encoder of like's kind."""
    try:
        network = models.load(init).network
    except ModelError:
        return _encoder(like, init)
    mark = "encoder." if isinstance(network, ZoeDepthLite) else "backbone."
    marked = ((name.partition(mark), value) for name, value in network.state_dict().items())
    return {rest: value for (_, found, rest), value in marked if found}


def _encoder(like: Any, init: str) -> dict[str, Tensor]:
    encoder, report = type(like).from_pretrained(init, config=like.config, output_loading_info=True)
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"init '{init}' lacks {len(missing)} weights, {missing[0]} the first")
    weights: dict[str, Tensor] = encoder.state_dict()
    return weights
