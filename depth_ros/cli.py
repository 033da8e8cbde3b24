"""The command line: one verb each, heavy imports inside the verb."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from depth_ros import __version__
from depth_ros.errors import DepthError


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; an error it raises on purpose is one line and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except DepthError as error:
        print(f"depth_ros: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="depth_ros", description="Metric depth and point clouds from any calibrated camera."
    )
    parser.add_argument("--version", action="version", version=f"depth_ros {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True)

    train = verbs.add_parser("train", help="train a small network on rendered scenes")
    train.add_argument("--out", type=Path, required=True, help="folder for weights and checkpoints")
    train.add_argument("--model", default="zoedepth-tiny", choices=["zoedepth-tiny"])
    train.add_argument("--steps", type=int, help="optimiser steps")
    train.add_argument("--batch", type=int, help="frames per step")
    train.add_argument("--learning-rate", type=float, help="peak of the schedule")
    train.add_argument("--affine-weight", type=float, help="of the affine-invariant loss")
    train.add_argument("--init", help="weights to start from: name or folder")
    train.add_argument(
        "--backbone-only", action="store_true", help="of --init take the backbone, not the head"
    )
    train.add_argument(
        "--camera-height-m", type=float, nargs=2, metavar=("LOW", "HIGH"), help="above the floor"
    )
    train.add_argument("--seed", type=int, help="of start weights and rendered frames")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    train.set_defaults(run=_train)

    evaluate = verbs.add_parser("evaluate", help="score a model on rendered drives it never saw")
    evaluate.add_argument("--model", default="zoedepth-tiny", help="name, folder or hub id")
    evaluate.add_argument("--drives", type=int, default=20, help="drives of ten frames each")
    evaluate.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    evaluate.add_argument("--out", type=Path, default=Path("out/evaluate"), help="picture's folder")
    evaluate.set_defaults(run=_evaluate)

    demo = verbs.add_parser("demo", help="render a drive and run the node on it, over DDS")
    demo.add_argument("--out", type=Path, default=Path("out/demo"), help="folder, emptied first")
    demo.add_argument("--model", default="zoedepth-tiny", help="name, folder or hub id")
    demo.add_argument("--seconds", type=float, default=10.0, help="length of the drive")
    demo.add_argument("--seed", type=int, default=0, help="which drive")
    demo.set_defaults(run=_demo)

    models = verbs.add_parser("models", help="list the known models, or try one")
    models.add_argument("name", nargs="?", help="of the one to try: name, folder or hub id")
    models.add_argument("--check", action="store_true", help="load it and run one frame")
    models.add_argument("--weights", default="", help="folder with the named model's weights")
    models.set_defaults(run=_models)

    settings = verbs.add_parser("settings", help="print every parameter of the node")
    settings.add_argument("--markdown", action="store_true", help="as the README's table")
    settings.set_defaults(run=_settings)
    return parser


def _train(options: argparse.Namespace) -> int:
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
    options.model, options.drives = str(options.out), 4
    return _evaluate(options)


def _evaluate(options: argparse.Namespace) -> int:
    from depth_ros.config import Settings
    from depth_ros.evaluation import rendered
    from depth_ros.pipeline import Pipeline

    pipeline = Pipeline.from_settings(Settings(model=options.model, device=options.device))
    result = rendered.run(pipeline, options.drives)
    rendered.save_picture(result, options.out / "preview.png")
    scores = result.scores
    print(
        f"AbsRel {scores.abs_rel:.3f}   delta1 {scores.delta1:.3f}   RMSE {scores.rmse_m:.3f} m   "
        f"{result.frames_per_s:.1f} frames/s on {pipeline.runtime.device}"
    )
    print(f"picture: {options.out / 'preview.png'}")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from depth_ros import demo

    report = demo.run(options.out, options.model, options.seconds, options.seed)
    print(report.table())
    print(f"picture: {options.out / 'preview.png'}   recording: {options.out / 'recording'}")
    if not report.passed:
        print("depth_ros: the demonstration did not reach its bars", file=sys.stderr)
    return 0 if report.passed else 1


def _models(options: argparse.Namespace) -> int:
    from depth_ros import models

    if options.check:
        print(models.check(options.name or "zoedepth-tiny", options.weights).text())
    elif options.name:
        print(models.table([models.find(options.name, options.weights)]))
    else:
        print(models.table())
    return 0


def _settings(options: argparse.Namespace) -> int:
    from depth_ros import config

    print(config.to_markdown() if options.markdown else config.to_yaml(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
