"""Train a small network on rendered rooms, on RGB-D, or on both, and score it."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from depth_ros.cli import arguments, evaluate, train_sources
from depth_ros.errors import SettingError

if TYPE_CHECKING:
    from depth_ros.training.frames import Frames
    from depth_ros.training.scenes import Robot
    from depth_ros.training.train import TrainConfig

HELP = "train a small network on rendered rooms, on RGB-D, or on both"

# Listed here, because importing their modules is too slow for --help.
MODELS = ("zoedepth-lite", "zoedepth-tiny", "grin-tiny", "grin-small", "grin-base")
_LEAST_SIDE = 32  # size of a cell of the encoder's coarsest map


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--out",
        type=arguments.path,
        required=True,
        metavar="FOLDER",
        help="folder of weights and checkpoints: new, empty, or of a run to continue",
    )
    parser.add_argument(
        "--model",
        default="zoedepth-lite",
        choices=MODELS,
        metavar="MODEL",
        help=f"network to train: {', '.join(MODELS)}; default: %(default)s",
    )
    _add_optimiser(parser)
    _add_start(parser)
    _add_hardware(parser)
    train_sources.add_arguments(parser.add_argument_group("training data"))
    _add_lite(parser.add_argument_group("only zoedepth-lite"))
    tiny = parser.add_argument_group("only zoedepth-tiny")
    tiny.add_argument(
        "--affine-weight",
        type=arguments.number(0, 1e6),
        metavar="WEIGHT",
        help="weight of the affine-invariant loss; default: 0",
    )
    grin = parser.add_argument_group("only GRIN")
    grin.add_argument(
        "--no-rays", action="store_true", help="hide the camera from the network (an ablation)"
    )


def _add_optimiser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps",
        type=arguments.whole(1, 10**9),
        metavar="N",
        help="optimiser steps; default: 6500",
    )
    parser.add_argument(
        "--batch",
        type=arguments.whole(1, 4096),
        metavar="N",
        help="frames per step; default: 16",
    )
    parser.add_argument(
        "--learning-rate",
        type=arguments.number(0, 1),
        metavar="RATE",
        help="peak learning rate; default: 0.001",
    )
    parser.add_argument(
        "--ema",
        type=arguments.number(0, 1),
        metavar="DECAY",
        help="decay of the averaged weights, which are the result; default: 0.999",
    )
    parser.add_argument(
        "--weight-decay",
        type=arguments.number(0, 1),
        metavar="DECAY",
        help="weight decay of the optimiser; default: 0.01",
    )


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--init",
        metavar="WEIGHTS",
        help="initial weights: model name or folder, or for zoedepth-lite imagenet, the encoder's "
        "published weights (extra 'train'); default: imagenet for zoedepth-lite, random for others",
    )
    parser.add_argument(
        "--backbone-only",
        action="store_true",
        help="take only the backbone of --init, not the head; with --init zoedepth-lite, GRIN "
        "gets that network's encoder",
    )
    parser.add_argument(
        "--seed",
        type=arguments.whole(0, arguments.LARGEST_SEED),
        metavar="N",
        help="random seed of initial weights and of everything else; default: 0",
    )


def _add_hardware(parser: argparse.ArgumentParser) -> None:
    arguments.add_device(parser)
    parser.add_argument(
        "--threads",
        type=arguments.whole(1, 1024),
        metavar="N",
        help="CPU threads; use 1 for several runs in parallel; default: all cores",
    )
    parser.add_argument(
        "--bf16",
        action=argparse.BooleanOptionalAction,
        help="compute in bfloat16; default: only on a GPU",
    )


def _add_lite(group: Any) -> None:
    group.add_argument(
        "--head",
        choices=("log", "bins"),
        help="log depth or ZoeDepth's metric bins; default: that of --init, or log",
    )
    group.add_argument(
        "--size",
        type=_size,
        metavar="WxH",
        help="width and height of the network's input in px; default: that of --init, or 256x192",
    )
    group.add_argument(
        "--freeze-norms",
        action="store_true",
        help="keep the normalisation statistics of --init; recommended for few frames",
    )
    group.add_argument(
        "--keep",
        type=arguments.number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="share of the initial weights in the result, 0 to 1, against forgetting; "
        "default: %(default)g",
    )


def _size(text: str) -> tuple[int, int]:
    width, height = arguments.sides(text, "WIDTHxHEIGHT")
    if min(width, height) < _LEAST_SIDE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed, expected sides of at least {_LEAST_SIDE} px"
        )
    return width, height


def run(options: argparse.Namespace) -> int:
    """Train, then evaluate."""
    import torch

    from depth_ros.runtimes.torch_runtime import choose_device
    from depth_ros.training.run_folder import run_folder
    from depth_ros.training.train import TrainConfig

    _check(options)
    run_folder(options.out).check()
    if options.threads:
        torch.set_num_threads(options.threads)
    names = ("steps", "batch", "learning_rate", "seed", "ema", "weight_decay")
    given = {name: getattr(options, name) for name in names}
    chosen = {name: value for name, value in given.items() if value is not None}
    device = str(choose_device(options.device))
    if options.model != "zoedepth-tiny":
        chosen["bf16"] = device != "cpu" if options.bf16 is None else options.bf16
    train = {"zoedepth-lite": _lite, "zoedepth-tiny": _tiny}.get(options.model, _grin)
    train(options, device, TrainConfig(**chosen))
    print(f"weights: {options.out}")
    evaluate.score_rendered(str(options.out), options.device, 4, options.out)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise for options that the model's training does not use."""
    given = {
        "--data": bool(options.data),
        "--rendered": options.rendered is not None,
        "--labels": options.labels != 1,
        "--bf16": options.bf16 is not None,
        "--no-rays": options.no_rays,
        "--affine-weight": options.affine_weight is not None,
        "--backbone-only": options.backbone_only,
        "--head": options.head is not None,
        "--size": options.size is not None,
        "--freeze-norms": options.freeze_norms,
        "--keep": bool(options.keep),
        "--camera-height-m": options.camera_height_m is not None,
    }
    shared = {"--data", "--rendered", "--labels", "--bf16"}
    used = {
        "zoedepth-lite": shared | {"--head", "--size", "--freeze-norms", "--keep"},
        "zoedepth-tiny": {"--affine-weight", "--backbone-only", "--camera-height-m"},
    }.get(options.model, shared | {"--no-rays", "--backbone-only", "--camera-height-m"})
    if unused := sorted(name for name, is_given in given.items() if is_given and name not in used):
        raise SettingError(
            f"{', '.join(unused)} cannot be used with model '{options.model}', "
            f"which accepts {', '.join(sorted(used))}"
        )


def _robot(options: argparse.Namespace) -> Robot:
    from depth_ros.training.scenes import Robot

    height = options.camera_height_m
    if height and height[0] > height[1]:
        raise SettingError(
            f"--camera-height-m is {height[0]:g} to {height[1]:g}, expected LOW up to HIGH"
        )
    return Robot(camera_height_m=tuple(height)) if height else Robot()


def _tiny(options: argparse.Namespace, device: str, config: TrainConfig) -> None:
    from depth_ros.training import tiny

    tiny.train(
        options.out,
        device,
        options.init,
        _robot(options),
        options.backbone_only,
        config,
        options.affine_weight or 0.0,
    )


def _lite(options: argparse.Namespace, device: str, config: TrainConfig) -> None:
    from depth_ros.training import lite

    init = options.init or lite.IMAGENET
    network = lite.start(init, config.seed, options.size, options.head)
    network.freeze_norms = options.freeze_norms
    sizes = network.config
    sources, held_out, facts = train_sources.sources(
        options, (sizes.width, sizes.height), config.seed, device
    )
    facts = {"init": init, "config": asdict(sizes), **facts}
    lite.train(options.out, device, network, config, sources, held_out, facts, options.keep)


def _grin(options: argparse.Namespace, device: str, config: TrainConfig) -> None:
    from depth_ros.models.grin.config import CONFIGS
    from depth_ros.training import grin
    from depth_ros.training.denoising import Denoising

    start = grin.Start(options.init, options.backbone_only)
    sizes = replace(CONFIGS[options.model], rays=not options.no_rays)
    sizes = grin.with_encoder_of(sizes, start)
    facts: dict[str, Any] = {"model": options.model, "labels": options.labels}
    frames: Frames
    if options.data:
        from depth_ros.training.mixture import Mixture

        size = (sizes.width, sizes.height)
        sources, _, data = train_sources.sources(options, size, config.seed, device)
        frames = Mixture(sources, grin.shapes(sizes), config.batch, config.seed)
        facts |= data
    else:
        robot = grin.with_many_cameras(_robot(options))
        frames = grin.rendered(sizes, config, robot, options.labels)
        facts |= {"robot": asdict(robot)}
    grin.train(options.out, device, sizes, start, config, Denoising(), frames, facts)
