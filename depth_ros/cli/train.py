"""Train a small network on rendered scenes, and score it."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_ros.cli import evaluate

HELP = "train a small network on rendered scenes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for weights and checkpoints"
    )
    parser.add_argument("--model", default="zoedepth-tiny", choices=["zoedepth-tiny"])
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


def run(options: argparse.Namespace) -> int:
    """Train, then evaluate."""
    from depth_ros.runtimes.torch_runtime import choose_device
    from depth_ros.training import tiny
    from depth_ros.training.scenes import Robot

    names = ("steps", "batch", "learning_rate", "affine_weight", "seed")
    given = {name: getattr(options, name) for name in names}
    chosen = {name: value for name, value in given.items() if value is not None}
    height = options.camera_height_m
    robot = Robot(camera_height_m=tuple(height)) if height else Robot()
    device = str(choose_device(options.device))
    tiny.train(options.out, device, options.init, robot, options.backbone_only, **chosen)
    print(f"weights: {options.out}")
    evaluate.score_rendered(str(options.out), options.device, 4, options.out)
    return 0
