"""Some frames of a recording, spread over all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from depth_ros import messages
from depth_ros.bag import topics
from depth_ros.bag.cameras import Decoded, decode
from depth_ros.bag.reader import Recording
from depth_ros.bag.types import TYPESTORE
from depth_ros.config import Settings
from depth_ros.errors import BagError, CameraError, MessageError
from depth_ros.pipeline import Frame


def spread(path: Path, count: int, image: str | None = None) -> list[Frame]:
    """Return frames of a camera of a bag, at equal distances from its first to its end.

    Images that cannot be decoded are left out.

    Args:
        path: of the bag.
        count: frames at most.
        image: their topic; None: the only camera's.

    Raises:
        BagError: there is no such bag or camera, or none of its images can be used.
    """
    with Recording(path) as recording:
        (camera,) = topics.find(recording, [image] if image else [])
        step = max(1, -(-recording.counts[camera.image] // count))
        frames = list(_frames(recording, camera, step))
    if not frames:
        raise BagError(f"{path} has no image on {camera.image} that can be used")
    return frames


def _frames(recording: Recording, topic: topics.CameraTopics, step: int) -> Iterator[Frame]:
    known = _first_info(recording, topic.info)
    seen = 0
    for record in recording.records([topic.image, topic.info]):
        try:
            if record.topic == topic.info:
                known = TYPESTORE.deserialize_cdr(record.data, record.kind)
                continue
            seen += 1
            if known is None or (seen - 1) % step:
                continue
            yield _frame(decode(record, Settings()), known)
        except (MessageError, CameraError):
            continue


def _first_info(recording: Recording, topic: str) -> Any:
    """Return the first usable camera_info: it may come later than the first frames."""
    for record in recording.records([topic]):
        try:
            message: Any = TYPESTORE.deserialize_cdr(record.data, record.kind)
            messages.camera_from_info(message, size=(1, 1))  # its own size, unless it has none
            return message
        except Exception:  # as in decode()
            continue
    return None


def _frame(image: Decoded, info: Any) -> Frame:
    header, (height, width) = image.header, image.rgb.shape[:2]
    camera = messages.camera_from_info(info, size=(width, height))
    return Frame(image.rgb, camera, messages.stamp_ns(header), header.frame_id)
