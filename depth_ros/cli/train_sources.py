"""The frames that a training learns from, as they are given on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_ros.cli import arguments, evaluate
from depth_ros.cli.warning import warn
from depth_ros.errors import SettingError

if TYPE_CHECKING:
    from depth_ros.training.mixture import Source
    from depth_ros.training.store import FrameStore


def add_arguments(group: Any) -> None:
    """Declare the arguments."""
    _add_recorded(group)
    _add_rendered(group)
    group.add_argument(
        "--validate",
        type=arguments.number(0, 0.9),
        default=0.05,
        metavar="SHARE",
        help="share of every --data, its last frames, that selects the best weights; 0: keep the "
        "last weights; default: %(default)g",
    )
    group.add_argument(
        "--labels",
        type=arguments.number(1e-6, 1),
        default=1.0,
        metavar="SHARE",
        help="share of the pixels with depth that are used, 0 to 1; default: %(default)g",
    )
    group.add_argument(
        "--camera-height-m",
        type=arguments.number(0.01, 100, "m"),
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="camera heights in rendered drives in m; default: 0.49 0.51",
    )


def _add_recorded(group: Any) -> None:
    group.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="FOLDER[=WEIGHT]",
        help="folder or bag of RGB-D, and its share of the drawn frames (1 if omitted); may be "
        "repeated; default: rendered rooms",
    )
    group.add_argument(
        "--protocol",
        action="append",
        default=[],
        choices=evaluate.PROTOCOLS[1:],
        metavar="PROTOCOL",
        help="format of --data: one for all, or one for each; "
        f"{', '.join(evaluate.PROTOCOLS[1:])}; default: bag",
    )
    group.add_argument(
        "--frames",
        type=evaluate.frames,
        metavar="FIRST:LAST",
        help="use only images FIRST to LAST - 1 of every --data, counted from 0; default: all",
    )


def _add_rendered(group: Any) -> None:
    group.add_argument(
        "--rendered",
        type=arguments.number(0, 1e6),
        metavar="WEIGHT",
        help="share of rendered frames in the drawn frames; default: 0 with --data, otherwise 1",
    )
    group.add_argument(
        "--rendered-frames",
        type=arguments.whole(1, 10**6),
        default=2000,
        metavar="N",
        help="number of frames rendered before training starts; default: %(default)s",
    )


def sources(
    options: argparse.Namespace, size: tuple[int, int], seed: int, device: str
) -> tuple[list[Source], list[FrameStore], dict[str, Any]]:
    """Return training sources, held-out stores, and a description of both for the log."""
    from depth_ros.training.mixture import Source
    from depth_ros.training.rendered import rendered_stores

    sources, held_out, facts = [], [], []
    protocols = _protocols(options)
    for (path, weight), protocol in zip(_weighted(options.data), protocols, strict=True):
        kept: list[FrameStore] = []
        out: list[FrameStore] = []
        for store in _stores(path, protocol, size[0], options):
            count = round(options.validate * len(store))
            parts = store.split(count) if count else (store,)
            kept.append(parts[0])
            out.extend(parts[1:])
        sources.append(Source(kept, weight))
        held_out.extend(out)
        facts.append({"data": path.name, "protocol": protocol, "weight": weight})
    weight = options.rendered if options.rendered is not None else 0.0 if sources else 1.0
    if not weight and not sources:
        raise SettingError("--rendered is 0 and there is no --data, expected frames to learn from")
    if weight:
        count = options.rendered_frames
        stores = rendered_stores(options.out, count, size, seed, device)
        sources.append(Source(stores, weight))
        facts.append({"data": "rendered", "frames": count, "weight": weight})
    return sources, held_out, {"sources": facts, "validate": options.validate}


def _weighted(data: list[str]) -> list[tuple[Path, float]]:
    found = [_weighted_one(each) for each in data]
    for path, _ in found:
        if not path.exists():
            raise SettingError(
                f"--data {path} does not exist, expected a bag or a folder of images"
            )
    return found


def _weighted_one(text: str) -> tuple[Path, float]:
    """Split FOLDER=WEIGHT; a folder's name may contain an equals sign."""
    if Path(text).exists() or "=" not in text:
        return Path(text), 1.0
    folder, _, weight = text.rpartition("=")
    try:
        return Path(folder), arguments.number(1e-6, 1e6)(weight)
    except argparse.ArgumentTypeError as error:
        raise SettingError(
            f"--data is '{text}', expected FOLDER or FOLDER=WEIGHT: weight {error}"
        ) from error


def _protocols(options: argparse.Namespace) -> list[str]:
    protocols = options.protocol or ["bag"]
    if len(protocols) == 1:
        return protocols * len(options.data)
    if len(protocols) != len(options.data):
        raise SettingError(
            f"{len(protocols)} times --protocol for {len(options.data)} times --data, "
            "expected one for all or one for each"
        )
    return list(protocols)


def _stores(path: Path, name: str, width: int, options: argparse.Namespace) -> list[FrameStore]:
    from depth_ros.evaluation.protocols import PROTOCOLS
    from depth_ros.training.frames import Rgbd
    from depth_ros.training.store import stores_of

    protocol = PROTOCOLS[name]
    samples = protocol.samples(path)
    if options.frames:
        samples = samples.part(*options.frames)
    frames = (
        Rgbd(sample.frame.rgb, protocol.counted(sample.truth_m), sample.frame.camera)
        for sample in samples
    )
    stores = stores_of(frames, width, options.labels)
    warn(*samples.losses.lines())
    return stores
