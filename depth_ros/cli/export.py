"""Export a model to ONNX, for ONNX Runtime and TensorRT, and compare its depth with torch's."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depth_ros.export import Report
    from depth_ros.export.trial import Trial

HELP = "export a model to ONNX"

_FRAMES = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", help="name, folder or hub id")
    parser.add_argument("out", type=Path, metavar="OUT.onnx", help="the file; model:= takes it")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.onnx if it exists")
    parser.add_argument("--weights", default="", help="folder with the weights of the model named")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--size",
        type=_size,
        metavar="HxW",
        help="of the network's input; default: the model's own, or open where it follows the image",
    )
    size.add_argument("--dynamic", action="store_true", help="leave the size open")
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument("--fp16", action="store_true", help="weights and activations in float16")
    precision.add_argument("--int8", action="store_true", help="in 8 bit; needs --calibrate")
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="BAG",
        help="of the robot itself: what --int8 measures the network on, and its loss",
    )
    parser.add_argument("--image", metavar="TOPIC", help="of BAG; default: the only camera's")
    parser.add_argument(
        "--tolerance", type=float, help="relative error of depth above which nothing is written"
    )


def run(options: argparse.Namespace) -> int:
    """Export, and say how near depth is to torch's."""
    from depth_ros.errors import SettingError
    from depth_ros.export import Options, export

    if bool(options.int8) != bool(options.calibrate):
        raise SettingError("--int8 and --calibrate BAG go together, expected both or neither")
    precision = "int8" if options.int8 else "float16" if options.fp16 else "float32"
    how = Options(options.size, options.dynamic, precision, options.tolerance, options.overwrite)
    recorded = _recorded(options) if options.calibrate else []
    report = export(options.model, options.out, how, recorded, options.weights)
    print(_text(report, how.limit))
    return 0


def _recorded(options: argparse.Namespace) -> list[Trial]:
    import torch

    from depth_ros.bag.frames import spread
    from depth_ros.export.trial import Trial

    frames = spread(options.calibrate, _FRAMES, options.image)
    return [Trial(torch.from_numpy(each.rgb.copy())[None], each.camera) for each in frames]


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no height x width, such as 384x512")
    return int(found[1]), int(found[2])


def _text(report: Report, limit: float) -> str:
    size = "any size" if report.size is None else f"{report.size[0]}x{report.size[1]}"
    errors = report.errors
    judged = "largest" if report.precision == "float32" else "mean"
    return "\n".join(
        [
            f"{report.entry.name}: {report.precision}, {size}, {report.entry.licence}",
            f"relative error of depth against torch in float32, {report.images} images: "
            f"largest {errors.largest:.2g}, mean {errors.mean:.2g} "
            f"({judged} may be {limit:g})",
            *(f"file: {path}" for path in report.paths),
        ]
    )
