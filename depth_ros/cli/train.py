"""Train a small network on rendered scenes or on RGB-D, and score it on rendered drives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_ros.cli import evaluate
from depth_ros.errors import ModelError

if TYPE_CHECKING:
    from depth_ros.models.grin.config import GrinConfig
    from depth_ros.training.frames import Frames
    from depth_ros.training.scenes import Robot
    from depth_ros.training.train import TrainConfig

HELP = "train a small network on rendered scenes or on RGB-D"

# Their modules are too slow to import for a line of help.
MODELS = ("zoedepth-tiny", "grin-tiny", "grin-small", "grin-base")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for weights and checkpoints"
    )
    parser.add_argument("--model", default="zoedepth-tiny", choices=MODELS)
    parser.add_argument("--steps", type=int, help="optimiser steps")
    parser.add_argument("--batch", type=int, help="frames per step")
    parser.add_argument("--learning-rate", type=float, help="peak of the schedule")
    parser.add_argument("--affine-weight", type=float, help="of the affine-invariant loss")
    parser.add_argument("--init", help="weights to start from: name or folder")
    parser.add_argument(
        "--backbone-only", action="store_true", help="of --init take the backbone, not the head"
    )
    parser.add_argument(
        "--camera-height-m", type=float, nargs=2, metavar=("LOW", "HIGH"), help="above the floor"
    )
    parser.add_argument("--seed", type=int, help="of start weights and rendered frames")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--threads", type=int, help="of the CPU; runs side by side share it best with one each"
    )
    grin = parser.add_argument_group("of GRIN")
    grin.add_argument(
        "--data", type=Path, help="train on this folder or bag of RGB-D, not on rendered scenes"
    )
    grin.add_argument(
        "--protocol", default="bag", choices=evaluate.PROTOCOLS[1:], help="what --data is"
    )
    grin.add_argument("--labels", type=float, default=1.0, help="share of the pixels with depth")
    grin.add_argument(
        "--no-rays", action="store_true", help="hide the camera from the network: an ablation"
    )
    grin.add_argument(
        "--bf16",
        action=argparse.BooleanOptionalAction,
        help="compute in bfloat16; default: on a GPU",
    )


def run(options: argparse.Namespace) -> int:
    """Train, then evaluate."""
    import torch

    from depth_ros.runtimes.torch_runtime import choose_device
    from depth_ros.training.scenes import Robot
    from depth_ros.training.train import TrainConfig

    _check(options)
    if options.threads:
        torch.set_num_threads(options.threads)
    names = ("steps", "batch", "learning_rate", "seed")
    chosen: dict[str, Any] = {name: getattr(options, name) for name in names}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    device = str(choose_device(options.device))
    if options.model != "zoedepth-tiny":
        chosen["bf16"] = device != "cpu" if options.bf16 is None else options.bf16
    height = options.camera_height_m
    robot = Robot(camera_height_m=tuple(height)) if height else Robot()
    train = _zoedepth if options.model == "zoedepth-tiny" else _grin
    train(options, device, robot, TrainConfig(**chosen))
    print(f"weights: {options.out}")
    evaluate.score_rendered(str(options.out), options.device, 4, options.out)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse what the model's recipe has no use for."""
    of_grin = {"--data": options.data, "--no-rays": options.no_rays, "--bf16": options.bf16}
    of_grin["--labels"] = options.labels != 1
    said = {"--affine-weight": options.affine_weight}
    if options.model == "zoedepth-tiny":
        said = of_grin
    if unused := [name for name, value in said.items() if value]:
        raise ModelError(f"{', '.join(unused)} is nothing for model '{options.model}'")


def _zoedepth(options: argparse.Namespace, device: str, robot: Robot, config: TrainConfig) -> None:
    from depth_ros.training import tiny

    affine_weight = options.affine_weight or 0.0
    tiny.train(
        options.out, device, options.init, robot, options.backbone_only, config, affine_weight
    )


def _grin(options: argparse.Namespace, device: str, robot: Robot, config: TrainConfig) -> None:
    from dataclasses import asdict, replace

    from depth_ros.models.grin.config import CONFIGS
    from depth_ros.training import grin
    from depth_ros.training.denoising import Denoising

    sizes = replace(CONFIGS[options.model], rays=not options.no_rays)
    said: dict[str, Any] = {"model": options.model, "labels": options.labels}
    if options.data is None:
        robot = grin.with_many_cameras(robot)
        frames = grin.rendered(sizes, config, robot, options.labels)
        said |= {"robot": asdict(robot)}
    else:
        frames = _recorded(options, sizes, config)
        said |= {"data": options.data.name, "protocol": options.protocol}
    start = grin.Start(options.init, options.backbone_only)
    grin.train(options.out, device, sizes, start, config, Denoising(), frames, said)


def _recorded(options: argparse.Namespace, sizes: GrinConfig, config: TrainConfig) -> Frames:
    from depth_ros.evaluation.protocols import PROTOCOLS
    from depth_ros.models.grin.config import preprocessing_of
    from depth_ros.training.frames import Rgbd
    from depth_ros.training.recorded import RecordedFrames

    protocol = PROTOCOLS[options.protocol]
    frames = (
        Rgbd(sample.frame.rgb, protocol.counted(sample.truth_m), sample.frame.camera)
        for sample in protocol.samples(options.data)
    )
    return RecordedFrames(
        frames, preprocessing_of(sizes), config.batch, config.seed, options.labels
    )
