"""Training of zoedepth-lite, the default network of this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depth_ros import models
from depth_ros.errors import ModelSettingError
from depth_ros.models.lite.config import Head, LiteConfig, preprocessing_of
from depth_ros.models.lite.network import ZoeDepthLite
from depth_ros.training.frames import Batch
from depth_ros.training.imagenet import encoder_weights
from depth_ros.training.log_depth import LogDepth
from depth_ros.training.mixture import Mixture, Source
from depth_ros.training.store import FrameStore
from depth_ros.training.train import TrainConfig, Trainer
from depth_ros.training.validation import validate
from depth_ros.training.views import Views, whole_views

IMAGENET = "imagenet"
"""Name of initial weights: an encoder trained to classify photographs, the rest random."""
RATES = {"encoder.": 0.5}
_VALIDATION_BATCH = 16


def train(
    out: Path,
    device: str,
    network: ZoeDepthLite,
    config: TrainConfig,
    sources: Sequence[Source],
    held_out: Sequence[FrameStore],
    facts: dict[str, Any],
    keep: float = 0.0,
) -> None:
    """Train a zoedepth-lite and save it in out, or continue an interrupted run.

    Args:
        out: folder of the weights, the training's configuration and its checkpoints.
        device: where to train.
        network: with initial weights, see start.
        config: of the run.
        sources: the training data.
        held_out: frames that select the best of the run's weights; may be empty.
        facts: a description of initial weights and sources, for training.json.
        keep: share of the initial weights in the result, against forgetting (WiSE-FT, arXiv
            2109.01903).
    """
    before = {name: value.clone() for name, value in network.state_dict().items()}
    sizes = network.config
    objective = LogDepth(preprocessing_of(sizes), sizes.training_f_px)
    views = Views()
    frames = Mixture(_on(device, sources), shapes(sizes), config.batch, config.seed, views)
    batches = _whole(held_out, sizes, device)

    def error(network: ZoeDepthLite) -> float:
        return validate(network, objective, batches).abs_rel

    recipe = {"objective": asdict(objective), "views": asdict(views), "keep": keep}
    facts = {**recipe, "freeze_norms": network.freeze_norms, **facts}
    config = replace(config, rates=RATES)
    judge = error if batches else None
    trained = Trainer(network, objective, frames, config, out, device, facts, judge).run().cpu()
    trained.load_state_dict(_mixed(trained.state_dict(), before, keep))
    trained.save_pretrained(out)


def _mixed(after: dict[str, Tensor], before: dict[str, Tensor], keep: float) -> dict[str, Tensor]:
    """Return weights interpolated between two networks; integers are those of the first."""
    return {
        name: value.lerp(before[name], keep) if value.is_floating_point() else value
        for name, value in after.items()
    }


def start(
    init: str, seed: int, size: tuple[int, int] | None = None, head: Head | None = None
) -> ZoeDepthLite:
    """Return a network to train, with initial weights of an encoder or of a checkpoint.

    Args:
        init: IMAGENET, or a zoedepth-lite by name or folder.
        seed: of random weights, including those of a head that differs from the checkpoint's.
        size: width and height of the network's input; None: those of init.
        head: None: that of init.

    Raises:
        ModelError: init cannot be loaded or is another network.
    """
    torch.manual_seed(seed)
    if init == IMAGENET:
        network = ZoeDepthLite(_sizes(LiteConfig(), size, head))
        network.encoder.load_state_dict(encoder_weights())
        return network
    loaded = models.load(init).network
    if not isinstance(loaded, ZoeDepthLite):
        raise ModelSettingError(
            f"init '{init}' is not a zoedepth-lite, expected one or '{IMAGENET}'"
        )
    network = ZoeDepthLite(_sizes(loaded.config, size, head))
    same_head = network.config.head == loaded.config.head
    weights = loaded.state_dict()
    weights = {n: w for n, w in weights.items() if same_head or not n.startswith("head.")}
    network.load_state_dict(weights, strict=same_head)
    return network


def _sizes(sizes: LiteConfig, size: tuple[int, int] | None, head: Head | None) -> LiteConfig:
    if size is not None:
        width, height = size
        f_px = sizes.training_f_px * width / sizes.width
        sizes = replace(sizes, width=width, height=height, training_f_px=f_px)
    return replace(sizes, head=head or sizes.head)


def shapes(sizes: LiteConfig) -> list[tuple[int, int]]:
    """Return heights and widths of batches: landscape, wide, square and portrait, of equal area."""
    unit, height, width = sizes.multiple, sizes.height, sizes.width
    side = round((height * width) ** 0.5 / unit) * unit
    wide = (height - unit, width + unit)
    return [(height, width)] * 4 + [wide, (side, side), (width, height)]


def _on(device: str, sources: Sequence[Source]) -> list[Source]:
    return [
        replace(source, stores=[store.to(device) for store in source.stores]) for source in sources
    ]


def _whole(held_out: Sequence[FrameStore], sizes: LiteConfig, device: str) -> list[Batch]:
    """Return all held-out frames, resized as whole images for the network."""
    preprocessing = preprocessing_of(sizes)
    batches = []
    for store in held_out:
        size = preprocessing.network_size(*store.rgb.shape[-2:])
        for chosen in torch.arange(len(store)).split(_VALIDATION_BATCH):
            batches.append(whole_views(store.take(chosen).to(device), *size))
    return batches
