"""Run a model on images of noise and show how long each stage of a frame takes on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from depth_ros.cli import arguments
from depth_ros.errors import SettingError

if TYPE_CHECKING:
    from depth_ros.pipeline import Frame, Pipeline
    from depth_ros.profile import Lap

HELP = "show how long each stage of a frame takes"
_WARM_UP = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    arguments.add_model(parser)
    arguments.add_weights(parser)
    parser.add_argument(
        "--size",
        type=_size,
        default=(640, 480),
        metavar="WxH",
        help="width and height of the images in pixels; default: 640x480",
    )
    arguments.add_device(parser)
    parser.add_argument(
        "--dtype",
        default="float32",
        choices=["float32", "float16", "bfloat16"],
        help="precision of the network; default: %(default)s",
    )
    parser.add_argument(
        "--frames",
        type=arguments.whole(1, 100_000),
        default=20,
        metavar="N",
        help=f"measured frames, after {_WARM_UP} of warm-up; default: %(default)s",
    )
    parser.add_argument(
        "--out",
        type=arguments.path,
        default=Path("out/profile.png"),
        metavar="FILE",
        help="picture to write, .png; default: %(default)s",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the picture if it exists")


def run(options: argparse.Namespace) -> int:
    """Run the frames, print the table and draw the picture."""
    from depth_ros import runtimes
    from depth_ros.config import Settings
    from depth_ros.evaluation.picture import save
    from depth_ros.output_paths import check_file
    from depth_ros.pipeline import Pipeline
    from depth_ros.viz import flame

    width, height = options.size
    if options.out.suffix != ".png":
        raise SettingError(f"--out is '{options.out}', expected a name in .png")
    check_file(options.out, options.overwrite)
    settings = Settings(
        model=options.model,
        weights=options.weights or "",
        device=options.device,
        dtype=options.dtype,
    )
    runtimes.prepare_process(settings.device)
    pipeline = Pipeline.from_settings(settings)
    laps = _measure(pipeline, width, height, options.frames)
    title = f"{pipeline.model.entry.name}, {width}x{height}, {options.dtype}, "
    title += f"{pipeline.device}: median ms of {options.frames} frames"
    print(f"{title}\n\n{_table(laps)}\n")
    save(flame.draw(laps, title), options.out)
    print(f"picture: {options.out}")
    return 0


def _size(text: str) -> tuple[int, int]:
    return arguments.sides(text, "WxH, width and height such as 640x480")


def _measure(pipeline: Pipeline, width: int, height: int, count: int) -> list[Lap]:
    """Return the median stages of `count` frames, from pixels to bytes of depth and points."""
    import numpy as np

    from depth_ros.geometry.camera import Camera
    from depth_ros.pipeline import Frame

    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    frame = Frame(rgb, Camera.from_fov(width, height, 60.0))
    for _ in range(_WARM_UP):
        _pass(pipeline, frame)
    for _ in range(count):
        with pipeline.profile.frame():
            _pass(pipeline, frame)
    return pipeline.profile.medians()


def _pass(pipeline: Pipeline, frame: Frame) -> None:
    """Process a frame from pixels to bytes on the host; relative depth has no points."""
    if not pipeline.metric:
        values = pipeline.predict(frame).prediction.values
        pipeline.profile.begin("copy")
        values.cpu()
        return
    import torch

    depth = pipeline(frame)
    pipeline.points(depth, torch.empty)
    pipeline.profile.begin("copy")
    depth.depth_m.cpu()


def _table(laps: Sequence[Lap]) -> str:
    """Return stages, milliseconds and shares, aligned; a column for the device if there is one."""
    total_ms = sum(lap.host_ms for lap in laps)
    has_device = any(lap.device_ms is not None for lap in laps)
    lines = [f"{'stage':<12}{'host':>10}{'share':>8}" + (f"{'device':>10}" if has_device else "")]
    for lap in laps:
        device = "" if lap.device_ms is None else f"{lap.device_ms:>10.2f}"
        share = lap.host_ms / total_ms
        lines.append(f"{lap.stage:<12}{lap.host_ms:>10.2f}{share:>8.1%}{device}")
    return "\n".join([*lines, f"{'sum':<12}{total_ms:>10.2f}"])
