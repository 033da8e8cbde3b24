"""Export a model to ONNX, for ONNX Runtime and TensorRT, and compare its depth with torch's."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from depth_ros.cli import arguments

if TYPE_CHECKING:
    from depth_ros.export import ExportReport
    from depth_ros.export.trial import Trial

HELP = "export a model to ONNX"

_FRAMES = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", type=arguments.name, help="model name, folder or hub id")
    parser.add_argument(
        "out",
        type=arguments.path,
        metavar="OUT.onnx",
        help="file to write; the node takes it as model:=OUT.onnx",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.onnx if it exists")
    arguments.add_weights(parser)
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--size",
        type=_size,
        metavar="HxW",
        help="height and width of the network's input in px; default: the model's own, or open if "
        "it follows the image",
    )
    size.add_argument("--dynamic", action="store_true", help="leave the size open")
    _add_precision(parser)
    parser.add_argument(
        "--tolerance",
        type=arguments.number(0, 10),
        metavar="SHARE",
        help="maximum relative error of depth, above which nothing is written; default: 0.001 for "
        "float32 (largest error), 0.02 for float16 and 0.1 for int8 (mean error)",
    )


def _add_precision(parser: argparse.ArgumentParser) -> None:
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument("--fp16", action="store_true", help="weights and activations in float16")
    precision.add_argument("--int8", action="store_true", help="8-bit integers; needs --calibrate")
    parser.add_argument(
        "--calibrate",
        type=arguments.existing,
        metavar="BAG",
        help="recording of the robot's camera, for --int8; default: none",
    )
    parser.add_argument(
        "--image",
        type=arguments.name,
        metavar="TOPIC",
        help="image topic of BAG; default: the only camera's",
    )
    arguments.add_settings(parser.add_argument_group("settings for reading BAG"))


def run(options: argparse.Namespace) -> int:
    """Export, and print the errors against torch."""
    from depth_ros.errors import SettingError
    from depth_ros.export import ExportOptions, export

    if bool(options.int8) != bool(options.calibrate):
        raise SettingError("--int8 and --calibrate BAG go together, expected both or neither")
    precision = "int8" if options.int8 else "float16" if options.fp16 else "float32"
    how = ExportOptions(
        options.size, options.dynamic, precision, options.tolerance, options.overwrite
    )
    recorded = _recorded(options) if options.calibrate else []
    report = export(options.model, options.out, how, recorded, options.weights or "")
    print(_text(report, how.limit))
    return 0


def _recorded(options: argparse.Namespace) -> list[Trial]:
    import torch

    from depth_ros.bag.frames import spread
    from depth_ros.cli.given_settings import check_camera, given
    from depth_ros.export.trial import Trial

    settings = given(options.params, options.set)
    check_camera(settings)
    frames = spread(options.calibrate, _FRAMES, options.image, settings)
    return [Trial(torch.from_numpy(each.rgb.copy())[None], each.camera) for each in frames]


def _size(text: str) -> tuple[int, int]:
    return arguments.sides(text, "HxW, height and width such as 384x512")


def _text(report: ExportReport, limit: float) -> str:
    size = "any size" if report.size is None else f"{report.size[0]}x{report.size[1]}"
    errors = report.errors
    judged = "largest" if report.precision == "float32" else "mean"
    return "\n".join(
        [
            f"{report.entry.name}: {report.precision}, {size}, {report.entry.licence}",
            f"relative error of depth against torch in float32, {report.images} images: "
            f"largest {errors.largest:.2g}, mean {errors.mean:.2g} "
            f"({judged}: at most {limit:g})",
            *(f"file: {path}" for path in report.paths),
        ]
    )
