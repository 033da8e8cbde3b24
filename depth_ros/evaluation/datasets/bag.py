"""A bag of your own robot, with images, camera_info and depth registered to the images.

Depth on the colour camera's pixels (aligned_depth_to_color and the like) is the truth of the image
with the nearest stamp.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.bag.calibrations import Calibrations
from depth_ros.bag.decoder import Decoder
from depth_ros.bag.losses import Losses
from depth_ros.bag.pairs import Pairs, UndecodedImage
from depth_ros.bag.reader import Record, Recording
from depth_ros.bag.references import BagReferences
from depth_ros.bag.topics import (
    IMAGES,
    INFO,
    camera_info_of,
    check_images,
    holds_depth,
    one_of_each_camera,
)
from depth_ros.config import Settings
from depth_ros.errors import CameraError, MessageError, ScaleError, SettingError
from depth_ros.evaluation.datasets.files import DatasetError
from depth_ros.evaluation.datasets.sample import Sample, Samples
from depth_ros.pipeline import Frame
from depth_ros.scale.scaler import Reference

LAYOUT = (
    "a bag with one colour image topic (raw, compressed or a video), its camera_info, and one "
    "depth image topic (16UC1, 32FC1 or compressedDepth) of the same size; name the topics if "
    "there are several"
)
_NEAR_NS = 20_000_000  # clearly less than the time between two frames


class _Topics(NamedTuple):
    image: str
    depth: str
    info: str
    anchors: str


def samples(
    root: Path,
    topics: tuple[str, str] | None = None,
    settings: Settings | None = None,
    anchors: str = "",
) -> Samples:
    """Return the pairs of image and depth; unusable messages are recorded in losses.

    Args:
        root: the bag's file or folder.
        topics: of image and depth; None: the bag's only ones.
        settings: how images are decoded, their camera and their scale references; None: the
            defaults.
        anchors: topic of another sensor's points, for scale.mode anchors; empty: the only one.

    Raises:
        BagError: there is no such bag or topic.
        SettingError: the topics are ambiguous.
        DatasetError: while reading: no image and depth match in time.
    """
    settings = settings or Settings()
    with Recording(root) as recording:
        check_images(root, recording, topics or ())
        image, depth = topics or _find(root, recording)
        info = "" if settings.gives_camera else _info(root, recording, image)
    losses = Losses()
    read = partial(_pairs, root, _Topics(image, depth, info, anchors), settings, losses)
    return Samples(read, losses=losses)


def _find(root: Path, recording: Recording) -> tuple[str, str]:
    """Return the only colour and the only depth topic."""
    found = [name for name, topic in recording.topics.items() if topic.kind in IMAGES]
    depths = {name for name in found if holds_depth(recording, name)}
    images = one_of_each_camera({*found} - depths)
    depths = {*one_of_each_camera(depths)}
    if len(depths) != 1 or len(images) != 1:
        raise SettingError(
            f"{root} has colour images {_listed(images)} and depth images {_listed(depths)}, "
            "expected one topic each; use --topics IMAGE DEPTH"
        )
    return images[0], depths.pop()


def _listed(topics: Iterable[str]) -> str:
    return ", ".join(sorted(topics)) or "none"


def _info(root: Path, recording: Recording, image: str) -> str:
    """Return the camera_info topic of an image topic: its sibling, or the bag's only one."""
    infos = {name for name, topic in recording.topics.items() if topic.kind == INFO}
    sibling = camera_info_of(recording, image)
    if sibling in infos:
        return sibling
    if len(infos) == 1:
        return infos.pop()
    raise DatasetError(f"{root} has no {sibling}, it has {_listed(infos)}")


def _pairs(root: Path, topics: _Topics, settings: Settings, losses: Losses) -> Iterator[Sample]:
    """Yield samples in the order of the depth images."""
    start_ns: int | None = None
    with Recording(root) as recording:
        calibrations = Calibrations(recording, topics.info, settings)
        references = BagReferences(recording, settings, topics.anchors)
        named, how = (topics.image, topics.depth), (Decoder(settings), losses)
        for image, depth in Pairs(recording, *named, _NEAR_NS, *how, once=True):
            start_ns = image.stamp_ns if start_ns is None else start_ns
            try:
                sample = _sample(image, depth, calibrations, str(root), start_ns)
                yield sample._replace(reference=_reference(references, sample, image.record))
            except (MessageError, CameraError) as error:
                losses.add(image.record, error)
        losses.add_damage(recording)
    if start_ns is None:
        raise DatasetError(
            f"{root} has no image on {topics.image} within {_NEAR_NS / 1e6:g} ms of depth on "
            f"{topics.depth}: {'; '.join(losses.lines()) or 'their stamps differ'}"
        )


def _reference(references: BagReferences, sample: Sample, record: Record) -> Reference | None:
    try:
        return references.of(sample.frame, record.time_ns)
    except ScaleError:  # the last scale may still be valid, as on a robot
        return None


def _sample(
    image: UndecodedImage,
    depth: UndecodedImage,
    calibrations: Calibrations,
    clip: str,
    start_ns: int,
) -> Sample:
    rgb: ImageArray = image.pixels()
    truth_m: DepthArray = depth.pixels()
    stamp_ns, (height, width) = image.stamp_ns, rgb.shape[:2]
    if truth_m.shape != (height, width):
        raise MessageError(
            f"depth has shape {truth_m.shape}, images {rgb.shape[:2]}; expected registered depth"
        )
    camera = calibrations.of(image.record.time_ns, stamp_ns, width, height).camera
    frame = Frame(rgb, camera, stamp_ns, image.header.frame_id)
    return Sample(frame, truth_m, f"{(stamp_ns - start_ns) / 1e9:.3f} s", clip)
