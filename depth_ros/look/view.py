"""Show an existing bag with images and depth to those who draw it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros import messages
from depth_ros.bag import reader
from depth_ros.config import Settings
from depth_ros.errors import BagError
from depth_ros.geometry.camera import Camera

if TYPE_CHECKING:
    from depth_ros.bag.convert import Watcher

_MOST_APART_NS = 50_000_000  # image and depth of one moment, where their stamps differ
_HELD = 64  # messages that wait for their counterparts


class Topics(NamedTuple):
    """What is shown of a bag."""

    image: str
    depth: str
    info: str


def view(
    bag: Path, watchers: Sequence[Watcher], image: str | None = None, depth: str | None = None
) -> int:
    """Show every depth image of a bag, with the image of its moment, and return how many it were.

    Args:
        bag: a bag, of ROS 2 or 1.
        watchers: are shown the frames, and closed in any case.
        image, depth: topics; None where the bag has one of the kind.

    Raises:
        BagError: the topics cannot be found or told apart, or no image fits any depth image.
        MessageError, CameraError: a message cannot be used.
    """
    shown = 0
    try:
        for frame in _frames(bag, find_topics(bag, image, depth)):
            for watcher in watchers:
                watcher.add(*frame)
            shown += 1
    finally:
        for watcher in watchers:
            watcher.close()
    if not shown:
        raise BagError(f"{bag} has no image within {_MOST_APART_NS / 1e6:g} ms of a depth image")
    return shown


# --- topics -------------------------------------------------------------------------------------


def find_topics(bag: Path, image: str | None = None, depth: str | None = None) -> Topics:
    """Return the topics to show; those that are not given are found by type, encoding and name.

    Raises:
        BagError: a topic is not there, or there are several: they are listed.
    """
    present = _kinds(bag)
    if missing := {image, depth} - {None, *present}:
        raise BagError(f"{bag} has no topic {_listed(missing)}, it has {_listed(present)}")
    infos, colours, depths = _candidates(bag)
    depth = _only(bag, "depth", depth, depths, "/depth/image")
    image = _only(bag, "image", image, [topic for topic in colours if topic != depth])
    for topic in (depth, image):
        # CameraInfo stands beside the image, or beside the transport's folder of a compressed one.
        parents = [topic.rpartition("/")[0], topic.removesuffix("/compressed").rpartition("/")[0]]
        for info in (f"{parent}/camera_info" for parent in parents):
            if info in infos:
                return Topics(image, depth, info)
    raise BagError(f"{bag} has no camera_info beside {depth} or {image}, it has {_listed(infos)}")


def _candidates(bag: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the topics of camera_info, of images to look at and of depth, sorted."""
    infos, colours, depths = set[str](), set[str](), set[str]()
    for topic, message in _first_messages(bag):
        kind = message.__msgtype__.rpartition("/")[2]
        if kind == "CameraInfo":
            infos.add(topic)
        elif kind == "CompressedImage" and "compressedDepth" not in message.format:
            colours.add(topic)
        elif kind == "Image":
            is_depth = message.encoding in messages.DEPTH_PIXEL_BYTES
            (depths if is_depth else colours).add(topic)
    # The node's own pictures of depth are no images, and what is relative is no depth.
    colours = {topic for topic in colours if not topic.endswith("depth/color")}
    depths = {topic for topic in depths if not topic.endswith("depth/relative")}
    return sorted(infos), sorted(colours), sorted(depths)


def _first_messages(bag: Path) -> Iterator[tuple[str, Any]]:
    """Yield the first message of every topic of the types in question."""
    kinds = {"Image", "CompressedImage", "CameraInfo"}
    topics = {topic for topic, kind in _kinds(bag).items() if kind.rpartition("/")[2] in kinds}
    if not topics:
        return
    for topic, message in reader.messages(bag, *topics):
        if topic in topics:
            topics.remove(topic)
            yield topic, message
        if not topics:
            return


def _kinds(bag: Path) -> dict[str, str]:
    with reader.Recording(bag) as recording:
        return {name: topic.kind for name, topic in recording.topics.items()}


def _only(bag: Path, what: str, given: str | None, found: list[str], preferred: str = "") -> str:
    if given is not None:
        return given
    likely = [topic for topic in found if preferred and topic.endswith(preferred)]
    chosen = likely if len(likely) == 1 else found
    if len(chosen) != 1:
        raise BagError(
            f"{bag} has {what} topics {_listed(chosen)}, expected one, or --{what} to choose it"
        )
    return chosen[0]


def _listed(topics: Iterable[str | None]) -> str:
    return ", ".join(sorted(map(str, topics))) or "none"


# --- frames -------------------------------------------------------------------------------------

Frame = tuple[str, int, npt.NDArray[np.uint8], npt.NDArray[np.float32], Camera]


def _frames(bag: Path, topics: Topics) -> Iterator[Frame]:
    """Yield what watchers are shown, in the size of the depth images."""
    name = topics.image.removesuffix("/compressed").rpartition("/")[0].strip("/") or "camera"
    for info, image, depth in _moments(bag, topics):
        depth_m = messages.depth_from_image(depth)
        height, width = depth_m.shape
        rgb = messages.rgb_from(image, Settings())
        if rgb.shape[:2] != depth_m.shape:
            rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        camera = messages.camera_from_info(info)
        if (camera.width, camera.height) != (width, height):
            camera = camera.scale(width, height)
        yield name, messages.stamp_ns(depth.header), rgb, depth_m, camera


def _moments(bag: Path, topics: Topics) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the camera_info, image and depth image of each depth image that has all of them."""
    images: deque[Any] = deque(maxlen=_HELD)
    depths: deque[Any] = deque()
    info: Any = None
    for topic, message in reader.messages(bag, *topics):
        if topic == topics.info:
            info = message
        else:
            (depths if topic == topics.depth else images).append(message)
        while depths and info and (_has_come(images, depths[0]) or len(depths) > _HELD):
            yield from _match(info, images, depths.popleft())
    while depths and info:
        yield from _match(info, images, depths.popleft())


def _stamp_ns(message: Any) -> int:
    return messages.stamp_ns(message.header)


def _has_come(images: deque[Any], depth: Any) -> bool:
    """Return whether no later image can be nearer to a depth image than those that came."""
    return bool(images) and _stamp_ns(images[-1]) >= _stamp_ns(depth)


def _match(info: Any, images: deque[Any], depth: Any) -> Iterator[tuple[Any, Any, Any]]:
    if not images:
        return
    nearest = min(images, key=lambda image: abs(_stamp_ns(image) - _stamp_ns(depth)))
    if abs(_stamp_ns(nearest) - _stamp_ns(depth)) <= _MOST_APART_NS:
        yield info, nearest, depth
