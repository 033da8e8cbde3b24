"""Some frames of a recording, evenly spread over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from depth_ros import messages
from depth_ros.bag import topics
from depth_ros.bag.calibrations import Calibrations
from depth_ros.bag.decoder import Decoder
from depth_ros.bag.reader import Recording
from depth_ros.config import Settings
from depth_ros.errors import BagError, CameraError, MessageError
from depth_ros.pipeline import Frame


def spread(
    path: Path, count: int, image: str | None = None, settings: Settings | None = None
) -> list[Frame]:
    """Return frames of one camera of a bag, at equal distances from start to end.

    Images that cannot be decoded are left out.

    Args:
        path: of the bag.
        count: maximum number of frames.
        image: the image topic; None: that of the only camera.
        settings: how images are decoded, and their camera; None: the defaults.

    Raises:
        BagError: there is no such bag or camera, or it has no usable image.
    """
    settings = settings or Settings()
    with Recording(path) as recording:
        images = [image] if image else []
        (camera,) = topics.find(recording, images, given_camera=settings.gives_camera)
        step = max(1, -(-recording.counts[camera.image] // count))
        frames = list(_frames(recording, camera, step, settings))
    if not frames:
        raise BagError(f"{path} has no usable image on {camera.image}")
    return frames


def _frames(
    recording: Recording, camera: topics.CameraTopics, step: int, settings: Settings
) -> Iterator[Frame]:
    calibrations, decoder = Calibrations(recording, camera.info, settings), Decoder(settings)
    for number, record in enumerate(recording.records([camera.image])):
        if number % step:
            decoder.skip(record)
            continue
        try:
            header, rgb = decoder.decode(record)
            stamp_ns = messages.stamp_ns(header)
            found = calibrations.of(record.time_ns, stamp_ns, rgb.shape[1], rgb.shape[0])
        except (MessageError, CameraError):
            continue
        yield Frame(rgb, found.camera, stamp_ns, header.frame_id)
