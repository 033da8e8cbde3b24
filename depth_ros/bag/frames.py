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
from depth_ros.errors import BagError, CameraError, MessageError
from depth_ros.geometry.camera import Camera
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
    known = _first_camera(recording, topic.info)
    seen = 0
    for record in recording.records([topic.image, topic.info]):
        try:
            if record.topic == topic.info:
                message: Any = TYPESTORE.deserialize_cdr(record.data, record.kind)
                known = messages.camera_from_info(message)
                continue
            seen += 1
            if known is None or (seen - 1) % step:
                continue
            yield _frame(decode(record), known)
        except (MessageError, CameraError):
            continue


def _first_camera(recording: Recording, topic: str) -> Camera | None:
    """Return the camera of the frames before the first camera_info, which may come late."""
    for record in recording.records([topic]):
        try:
            message: Any = TYPESTORE.deserialize_cdr(record.data, record.kind)
            return messages.camera_from_info(message)
        except Exception:  # as in decode()
            continue
    return None


def _frame(image: Decoded, camera: Camera) -> Frame:
    header = image.header
    return Frame(image.rgb, camera, messages.stamp_ns(header), header.frame_id)
