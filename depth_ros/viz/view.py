"""Draw an existing bag with images and depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.bag.calibrations import Calibrations
from depth_ros.bag.decoder import Decoder
from depth_ros.bag.losses import Losses
from depth_ros.bag.pairs import Pairs
from depth_ros.bag.reader import Recording
from depth_ros.bag.topics import (
    IMAGES,
    INFO,
    camera_info_of,
    check_images,
    holds_depth,
    one_of_each_camera,
)
from depth_ros.config import Settings
from depth_ros.errors import BagError, BagSettingError, CameraError, MessageError
from depth_ros.geometry.camera import Camera
from depth_ros.topic_names import base

if TYPE_CHECKING:
    from depth_ros.bag.convert import Watcher

_MOST_APART_NS = 50_000_000  # maximum difference of the stamps of image and depth


class Topics(NamedTuple):
    """The topics of a bag to draw."""

    image: str
    depth: str
    info: str


def view(
    bag: Path,
    watchers: Sequence[Watcher],
    image: str | None = None,
    depth: str | None = None,
    settings: Settings | None = None,
    losses: Losses | None = None,
) -> int:
    """Pass every depth image of a bag, with its image, to watchers; return the number of frames.

    Args:
        bag: a bag, of ROS 2 or 1.
        watchers: receive the frames; always closed at the end.
        image, depth: topics; None: the bag's only one.
        settings: how images are decoded, and their camera; None: the defaults.
        losses: collects the messages that cannot be used.

    Raises:
        BagError: the topics are missing or ambiguous, or no image matches any depth image.
    """
    settings, losses = settings or Settings(), losses or Losses()
    shown = 0
    try:
        with Recording(bag) as recording:
            topics = find_topics(bag, recording, image, depth, settings)
            for frame in _frames(recording, topics, settings, losses):
                for watcher in watchers:
                    watcher.add(*frame)
                shown += 1
            losses.add_damage(recording)
    finally:
        for watcher in watchers:
            watcher.close()
    if not shown:
        why = "".join(f"; {line}" for line in losses.lines())
        raise BagError(
            f"{bag} has no image within {_MOST_APART_NS / 1e6:g} ms of a depth image{why}"
        )
    return shown


# --- topics -------------------------------------------------------------------------------------


def find_topics(
    bag: Path, recording: Recording, image: str | None, depth: str | None, settings: Settings
) -> Topics:
    """Return the topics to draw; those not given are found by type, encoding and name.

    Raises:
        BagError: a topic is missing, or there are several candidates, which it lists.
    """
    check_images(bag, recording, [given for given in (image, depth) if given is not None])
    colours, depths = _candidates(recording)
    depth = _only(bag, "depth", depth, depths, "/depth/image")
    image = _only(bag, "image", image, [topic for topic in colours if topic != depth])
    if settings.gives_camera:
        return Topics(image, depth, "")
    infos = [name for name, topic in recording.topics.items() if topic.kind == INFO]
    for topic in (depth, image):
        if (info := camera_info_of(recording, topic)) in infos:
            return Topics(image, depth, info)
    raise BagSettingError(
        f"{bag} has no camera_info for {depth} or {image}, it has {_listed(infos)}"
    )


def _candidates(recording: Recording) -> tuple[list[str], list[str]]:
    """Return the topics of colour images and of depth images, one for each camera."""
    found = [name for name, topic in recording.topics.items() if topic.kind in IMAGES]
    found = [name for name in found if recording.counts[name]]
    depths = {name for name in found if holds_depth(recording, name)}
    # Not the node's own depth/color pictures, and not relative depth.
    colours = {name for name in found if not name.endswith("depth/color")} - depths
    depths = {name for name in depths if not name.endswith("depth/relative")}
    return one_of_each_camera(colours), one_of_each_camera(depths)


def _only(bag: Path, what: str, given: str | None, found: list[str], preferred: str = "") -> str:
    if given is not None:
        return given
    likely = [topic for topic in found if preferred and topic.endswith(preferred)]
    chosen = likely if len(likely) == 1 else found
    if len(chosen) != 1:
        raise BagSettingError(
            f"{bag} has {what} topics {_listed(chosen)}, expected one, or --{what} to choose it"
        )
    return chosen[0]


def _listed(topics: Iterable[str | None]) -> str:
    return ", ".join(sorted(map(str, topics))) or "none"


# --- frames -------------------------------------------------------------------------------------

Frame = tuple[str, int, ImageArray, DepthArray, Camera]


def _frames(
    recording: Recording, topics: Topics, settings: Settings, losses: Losses
) -> Iterator[Frame]:
    """Yield the arguments of Watcher.add, in the size of the depth images."""
    # camera_info may be that of the image or of its depth, which may be smaller.
    scaled = settings.with_values(camera_info_scale=True)
    calibrations = Calibrations(recording, topics.info, scaled)
    name = base(topics.image).rpartition("/")[0].strip("/") or "camera"
    named, how = (topics.image, topics.depth), (Decoder(settings), losses)
    for image, depth in Pairs(recording, *named, _MOST_APART_NS, *how):
        try:
            rgb, depth_m = image.pixels(), depth.pixels()
            height, width = depth_m.shape
            found = calibrations.of(depth.record.time_ns, depth.stamp_ns, width, height)
        except (MessageError, CameraError) as error:
            losses.add(depth.record, error)
            continue
        if rgb.shape[:2] != depth_m.shape:
            rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        yield name, depth.stamp_ns, rgb, depth_m, found.camera
