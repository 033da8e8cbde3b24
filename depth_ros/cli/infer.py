"""Estimate depth of pictures, videos and webcams, and write it to files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from depth_ros.cli import arguments, exit_codes
from depth_ros.cli.warning import warn
from depth_ros.errors import SettingError

if TYPE_CHECKING:
    from depth_ros.config import Settings, Value
    from depth_ros.infer.outputs import OutputFiles
    from depth_ros.infer.run import InferSummary, Run
    from depth_ros.infer.sources import Source
    from depth_ros.infer.window import Window
    from depth_ros.output_paths import OutputFolder

HELP = "estimate depth of pictures, videos and webcams"
_MOST_LISTED = 10  # maximum number of skipped sources, and of written files, in the output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="JPEG, PNG or WebP file, video, folder or pattern of these, or webcam (camera:0)",
    )
    parser.add_argument(
        "--out",
        type=arguments.path,
        default=Path("out/infer"),
        metavar="FOLDER",
        help="output folder: new, empty, or of an earlier run; default: %(default)s",
    )
    _add_camera(parser.add_argument_group("camera; default: the EXIF focal length of each picture"))
    parser.add_argument(
        "--format",
        choices=["png", "npy", "npz"],
        default="png",
        help="depth files: 16-bit PNG in mm, or NumPy arrays in m; default: %(default)s",
    )
    parser.add_argument(
        "--cloud", choices=["ply", "pcd"], help="also write point clouds in m; default: none"
    )
    parser.add_argument(
        "--frames",
        type=arguments.whole(1, 10**9),
        metavar="N",
        help="maximum number of frames of each video or webcam; default: all",
    )
    parser.add_argument("--show", action="store_true", help="show image and depth in a window")
    arguments.add_model(parser, of_settings=True)
    arguments.add_device(parser, of_settings=True)
    arguments.add_settings(parser)


def _add_camera(group: argparse._ArgumentGroup) -> None:
    ways = group.add_mutually_exclusive_group()
    ways.add_argument(
        "--camera",
        type=arguments.file,
        metavar="FILE",
        help="calibration file (YAML of camera_calibration), scaled to the image size; "
        "default: none",
    )
    ways.add_argument(
        "--fov-deg",
        type=arguments.number(1, 179, "deg"),
        metavar="DEG",
        help="horizontal field of view, 1 to 179 degrees; default: none",
    )


def run(options: argparse.Namespace) -> int:
    """Infer; exit code 3 if some images have no depth, 1 if none has."""
    from depth_ros import calibration
    from depth_ros.infer import sources
    from depth_ros.infer.outputs import DESCRIPTIONS, OutputFiles

    found = sources.find(options.inputs)
    settings = _settings(options)
    calibration.check(settings)
    _check_cameras(found, settings)
    outputs = OutputFiles(options.out, options.format, options.cloud)
    folder = outputs.claim(found)
    folder.check()  # before a model is loaded
    window = _window() if options.show else None
    try:
        work = _load(settings, outputs, options, window)
        folder.begin()
        summary = work(found)
        _print_summary(summary, folder, DESCRIPTIONS[outputs.format])
        if window and not summary.interrupted:
            window.wait()
    finally:
        if window:
            window.close()
    if summary.interrupted:
        return exit_codes.INTERRUPTED
    if not summary.answered:
        return exit_codes.FAILED
    return exit_codes.DAMAGED if summary.skipped else exit_codes.DONE


def _settings(options: argparse.Namespace) -> Settings:
    from depth_ros.cli.given_settings import given

    flags = {name: getattr(options, name) for name in ("model", "device", "fov_deg")}
    values: dict[str, Value] = {name: value for name, value in flags.items() if value is not None}
    if options.camera:
        values |= {"camera_calibration": str(options.camera), "camera_info_scale": True}
    settings = given(options.params, options.set).with_values(**values)
    if settings.scale_mode == "anchors":
        raise SettingError("scale.mode is 'anchors', which pictures lack: expected model or ground")
    return settings


def _check_cameras(found: list[Source], settings: Settings) -> None:
    """Check that cameras are known: of every video, and of at least one picture.

    Raises:
        SettingError: they are not; videos have no EXIF data.
    """
    from depth_ros.infer import cameras, pictures

    if settings.gives_camera:
        return
    for source in found:
        if source.kind != "picture":
            raise SettingError(f"the camera of {source.path} is unknown, {cameras.WAYS}")
    if not any(cameras.knows(settings, pictures.exif_of(source.path)) for source in found):
        several = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise SettingError(f"the camera of {found[0].path}{several} is unknown, {cameras.WAYS}")


def _load(
    settings: Settings, outputs: OutputFiles, options: argparse.Namespace, window: Window | None
) -> Run:
    from depth_ros import calibration, runtimes
    from depth_ros.estimator import Estimator
    from depth_ros.infer.run import Run

    runtimes.prepare_process(settings.device)
    estimator = Estimator(settings)
    if note := calibration.guess(settings):
        warn(note)
    return Run(estimator, outputs, options.frames, _own_colours(options), window)


def _own_colours(options: argparse.Namespace) -> bool:
    """Return whether no option sets the range of colours."""
    ranges = ("colour.range", "colour.near_m", "colour.far_m")
    return options.params is None and not any(text.startswith(ranges) for text in options.set)


def _window() -> Window | None:
    """Return a window, or print why there is none."""
    from depth_ros.infer.window import Window

    try:
        return Window("depth_ros infer")
    except SettingError as error:
        warn(error)
        return None


def _print_summary(summary: InferSummary, folder: OutputFolder, description: str) -> None:
    if summary.camera:
        warn(summary.camera)
    for path, why in list(summary.skipped.items())[:_MOST_LISTED]:
        count = f"{summary.counts[path]} times: " if summary.counts[path] > 1 else ""
        reason = why.removeprefix(f"{path} ")
        warn(f"skipped {path}: {count}{reason}")
    if len(summary.skipped) > _MOST_LISTED:
        more = len(summary.skipped) - _MOST_LISTED
        warn(f"skipped {more} more")
    skipped = sum(summary.counts.values())
    stopped = ", interrupted" if summary.interrupted else ""
    print(f"images: {summary.answered} with depth, {skipped} skipped{stopped}")
    written = [name for name in folder.names if (folder.path / name).exists()]
    for name in written[:_MOST_LISTED]:
        print(f"written: {folder.path / name}")
    if len(written) > _MOST_LISTED:
        print(f"written: {len(written) - _MOST_LISTED} more in {folder.path}")
    if written:
        print(f"depth: {description}")
