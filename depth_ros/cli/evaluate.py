"""Score models by a published protocol, on your own recordings, or on rendered drives."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from depth_ros.cli import arguments, exit_codes
from depth_ros.cli.warning import warn
from depth_ros.errors import SettingError

if TYPE_CHECKING:
    from depth_ros.bag.losses import Losses
    from depth_ros.config import Settings
    from depth_ros.evaluation.protocols import Protocol
    from depth_ros.pipeline import Pipeline

HELP = "score models by a published protocol or on your own data"

# Listed here, because importing their modules is too slow for --help.
PROTOCOLS = (
    *("rendered", "bag", "rgbd-folder", "nyu", "kitti-eigen"),
    *("diode-indoor", "ibims", "sun-rgbd", "ddad"),
)
ALIGNMENTS = ("none", "median", "ratio", "affine", "clip")
CROPS = ("none", "nyu-eigen", "kitti-garg", "kitti-eigen")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "models",
        nargs="*",
        type=arguments.name,
        metavar="MODEL",
        help="model names, folders, .onnx files or hub ids; default: zoedepth-lite",
    )
    parser.add_argument(
        "--model", type=arguments.name, help="another way to name a MODEL; default: none"
    )
    _add_data(parser)
    parser.add_argument(
        "--align",
        default="none",
        choices=ALIGNMENTS,
        help="align predictions with the truth: one factor per image, from the medians of both "
        "(median) or the median of their ratio (ratio), or scale and shift of inverse depth per "
        "image (affine) or per recording (clip); default: %(default)s",
    )
    _add_part(parser)
    _add_topics(parser)
    parser.add_argument("--flip", action="store_true", help="average with the mirrored image")
    arguments.add_device(parser, of_settings=True)
    arguments.add_settings(parser)
    parser.add_argument(
        "--out",
        type=arguments.path,
        default=Path("out/evaluate"),
        metavar="FOLDER",
        help="folder of the report: new, empty, or of an earlier one; default: %(default)s",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        help="format and rules of --data; default: bag or rgbd-folder, detected from --data; "
        "without --data: rendered",
    )
    parser.add_argument(
        "--data",
        type=arguments.existing,
        help="folder or bag with images and true depth; default: rendered drives",
    )


def _add_part(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit",
        type=arguments.whole(1, 10**9),
        metavar="N",
        help="score only the first N images; default: all",
    )
    parser.add_argument(
        "--frames",
        type=frames,
        metavar="FIRST:LAST",
        help="score only images FIRST to LAST - 1 of --data, counted from 0; default: all",
    )
    parser.add_argument(
        "--crop", choices=CROPS, help="image region to score; default: the protocol's own"
    )
    parser.add_argument(
        "--far-m",
        type=arguments.number(0.01, 1e6, "m"),
        metavar="M",
        help="ignore truth beyond M metres; default: the protocol's own",
    )


def _add_topics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--topics",
        nargs=2,
        metavar=("IMAGE", "DEPTH"),
        help="topics, if the bag has several cameras; default: the only ones",
    )
    parser.add_argument(
        "--anchors",
        default="",
        metavar="TOPIC",
        help="of a bag, points of another sensor for scale.mode=anchors; default: the only ones",
    )


def frames(text: str) -> tuple[int, int | None]:
    """Return the numbers of FIRST:LAST."""
    first, colon, last = text.partition(":")
    try:
        numbers = int(first or 0), int(last) if last else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not FIRST:LAST") from error
    if not colon or numbers[0] < 0 or (numbers[1] is not None and numbers[1] <= numbers[0]):
        raise argparse.ArgumentTypeError(f"'{text}' is not FIRST:LAST, with 0 <= FIRST < LAST")
    return numbers


def run(options: argparse.Namespace) -> int:
    """Evaluate every model, print a table, and write an HTML page and JSON.

    Exit code 3 if a bag is damaged and only a part of it was scored, 1 if no image of a model
    could be scored.
    """
    from depth_ros import models, runtimes
    from depth_ros.evaluation import alignment, page, report
    from depth_ros.evaluation.alignment import Alignment
    from depth_ros.evaluation.run import evaluate
    from depth_ros.output_paths import OutputFolder

    folder = OutputFolder(options.out, "depth_ros evaluate", ("index.html", "scores.json"))
    folder.check()  # before a network runs for hours
    settings = _settings(options)
    names = [*options.models, *filter(None, [options.model])] or [settings.model]
    protocol, align = _protocol(options, settings), Alignment(options.align)
    for name in names:  # fails now, not after other models were scored
        alignment.check(models.find(name).output.value, align)
    samples = protocol.samples(options.data)
    if options.frames:
        samples = samples.part(*options.frames)
    runtimes.prepare_process(settings.device)
    results = [
        evaluate(_pipeline(settings, name), protocol, samples, align, options.limit)
        for name in names
    ]
    written = report.EvaluationReport(protocol, align, results)
    folder.begin()
    page.save(written, options.out / "index.html")
    report.save_json(written, options.out / "scores.json")
    print(f"{written.title}\n{report.table(written)}")
    print(f"page: {options.out / 'index.html'}   numbers: {options.out / 'scores.json'}")
    return _warn(samples.losses, [result.model for result in results if not result.scored])


def _warn(losses: Losses, unscored: list[str]) -> int:
    """Print what was not scored, and return the exit code that it deserves."""
    warn(*losses.lines())
    warn(*(f"{name}: no image has an estimate where truth counts" for name in unscored))
    if unscored:
        return exit_codes.FAILED
    return exit_codes.DAMAGED if losses.damaged else exit_codes.DONE


def score_rendered(model: str, device: str, drives: int, out: Path) -> None:
    """Score one model on rendered drives, print one line, and draw some frames."""
    from depth_ros import runtimes
    from depth_ros.config import Settings
    from depth_ros.evaluation import rendered
    from depth_ros.pipeline import Pipeline

    runtimes.prepare_process(device)
    pipeline = Pipeline.from_settings(Settings(model=model, device=device))
    result = rendered.run(pipeline, drives)
    rendered.save_picture(result, out / "preview.png")
    scores = result.scores
    print(
        f"AbsRel {scores.abs_rel:.3f}   delta1 {scores.delta1:.3f}   RMSE {scores.rmse_m:.3f} m   "
        f"{result.frames_per_s:.1f} frames/s on {pipeline.device}"
    )
    print(f"picture: {out / 'preview.png'}")


def _protocol(options: argparse.Namespace, settings: Settings) -> Protocol:
    """Return the protocol, changed by the user's options."""
    from depth_ros import calibration
    from depth_ros.cli.given_settings import check_anchors, check_camera
    from depth_ros.evaluation.datasets import bag
    from depth_ros.evaluation.protocols import PROTOCOLS, protocol_of

    protocol = PROTOCOLS[options.protocol] if options.protocol else protocol_of(options.data)
    if options.topics and protocol.name != "bag":
        raise SettingError(f"--topics needs protocol 'bag', the protocol is '{protocol.name}'")
    if protocol.name == "bag":
        check_camera(settings)
        check_anchors(settings, "--anchors", options.anchors)
        topics = tuple(options.topics) if options.topics else None
        read = partial(bag.samples, topics=topics, settings=settings, anchors=options.anchors)
        notes = filter(None, (calibration.guess(settings), protocol.note))
        protocol = replace(protocol, open=read, note="; ".join(notes))
    if options.crop is not None:
        protocol = replace(protocol, crop=options.crop)
    if options.far_m is not None:
        protocol = replace(protocol, far_m=options.far_m)
    return protocol


def _settings(options: argparse.Namespace) -> Settings:
    """Return the settings of the parameter file, --set and the flags, in rising priority."""
    from depth_ros.cli.given_settings import given

    settings = given(options.params, options.set)
    if options.device is not None:
        settings = settings.with_values(device=options.device)
    return settings.with_values(flip=True) if options.flip else settings


def _pipeline(settings: Settings, name: str) -> Pipeline:
    from depth_ros.pipeline import Pipeline

    return Pipeline.from_settings(settings.with_values(model=name))
