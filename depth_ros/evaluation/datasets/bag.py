"""A bag with images, camera_info and depth registered to the images: one's own robot.

Depth that is published on the colour camera's pixels (aligned_depth_to_color and the like) is the
truth of the image whose stamp is nearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from depth_ros import messages
from depth_ros.bag import reader
from depth_ros.config import Settings
from depth_ros.evaluation.datasets.files import DatasetError
from depth_ros.evaluation.datasets.sample import Sample, Samples
from depth_ros.pipeline import Frame

LAYOUT = (
    "a bag with one colour image topic (raw or compressed), its camera_info, and one depth image "
    "topic (16UC1 or 32FC1) of the same size; name the topics where there are more"
)
_DEPTH = {"16UC1", "mono16", "32FC1"}
_IMAGE, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_INFO = "sensor_msgs/msg/CameraInfo"
_NEAR_NS = 20_000_000  # well under the time between two frames
_WAITING = 30


def samples(root: Path, topics: tuple[str, str] | None = None) -> Samples:
    """Return the pairs of image and depth.

    Args:
        root: the bag's file or folder.
        topics: of image and depth; None: the only ones there are.

    Raises:
        BagError: there is no such bag or topic.
        DatasetError: the topics cannot be told.
    """
    kinds = {record.topic: record.kind for record in reader.records(root)}
    image, depth = topics or _find(root, kinds)
    return Samples(partial(_pairs, root, image, depth, _sibling(root, kinds, image)))


def _find(root: Path, kinds: dict[str, str]) -> tuple[str, str]:
    """Return the only colour and the only depth topic."""
    images = {topic for topic, kind in kinds.items() if kind in (_IMAGE, _COMPRESSED)}
    depths = {topic for topic in images if _is_depth(root, topic)}
    if len(depths) != 1 or len(images) != 2:
        raise DatasetError(
            f"{root} has colour images {_listed(images - depths)} and depth images "
            f"{_listed(depths)}, expected one topic each; say --topics IMAGE DEPTH"
        )
    (depth,), (image,) = depths, images - depths
    return image, depth


def _listed(topics: set[str]) -> str:
    return ", ".join(sorted(topics)) or "none"


def _is_depth(root: Path, topic: str) -> bool:
    _, message = next(reader.messages(root, topic))
    return getattr(message, "encoding", "") in _DEPTH


def _sibling(root: Path, kinds: dict[str, str], image: str) -> str:
    """Return the camera_info topic of an image topic: beside it, as ROS drivers have it."""
    infos = {topic for topic, kind in kinds.items() if kind == _INFO}
    beside = image.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"
    if beside in infos:
        return beside
    if len(infos) == 1:
        return infos.pop()
    raise DatasetError(f"{root} has no {beside}, it has {_listed(infos)}")


def _pairs(root: Path, image: str, depth: str, info: str) -> Iterator[Sample]:
    """Yield a sample as soon as both of its messages were met, whichever came first."""
    waiting: dict[str, dict[int, Any]] = {image: {}, depth: {}}
    start_ns: int | None = None
    camera = next(messages.camera_from_info(message) for _, message in reader.messages(root, info))
    for topic, message in reader.messages(root, image, depth):
        stamp_ns = messages.stamp_ns(message.header)
        others = waiting[depth if topic == image else image]
        nearest_ns = min(others, key=partial(_apart, stamp_ns), default=None)
        if nearest_ns is None or _apart(stamp_ns, nearest_ns) > _NEAR_NS:
            _keep(waiting[topic], stamp_ns, message)
            continue
        other = others.pop(nearest_ns)
        pair = (message, other) if topic == image else (other, message)
        start_ns = stamp_ns if start_ns is None else start_ns
        yield _sample(*pair, camera, str(root), start_ns)


def _apart(one_ns: int, other_ns: int) -> int:
    return abs(one_ns - other_ns)


def _keep(waiting: dict[int, Any], stamp_ns: int, message: Any) -> None:
    waiting[stamp_ns] = message
    if len(waiting) > _WAITING:
        del waiting[min(waiting)]


def _sample(image: Any, depth: Any, camera: Any, clip: str, start_ns: int) -> Sample:
    rgb = messages.rgb_from(image, Settings())
    stamp_ns = messages.stamp_ns(image.header)
    truth_m = messages.depth_from_image(depth)
    if truth_m.shape != rgb.shape[:2]:
        raise DatasetError(
            f"depth has shape {truth_m.shape}, images {rgb.shape[:2]}; expected registered depth"
        )
    frame = Frame(rgb, camera, stamp_ns, image.header.frame_id)
    return Sample(frame, truth_m, f"{(stamp_ns - start_ns) / 1e9:.3f} s", clip)
