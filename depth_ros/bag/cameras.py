"""The cameras of a conversion: from images to frames, and from frames to depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

from depth_ros import calibration, engine, messages
from depth_ros.bag import topics
from depth_ros.bag.calibrations import Calibrations
from depth_ros.bag.decoder import Decoded, Decoder
from depth_ros.bag.options import ConvertOptions
from depth_ros.bag.outputs import Answered, Outputs
from depth_ros.bag.reader import Recording
from depth_ros.bag.references import BagReferences
from depth_ros.bag.resume import Progress, freeze, thaw
from depth_ros.bag.topics import CameraTopics
from depth_ros.engine import FrameJob
from depth_ros.errors import BagSettingError, CameraError, MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import CameraInfoFields
from depth_ros.pipeline import Frame, Pipeline, Place
from depth_ros.scale.scaler import Reference
from depth_ros.topic_names import base


class QueuedImage(NamedTuple):
    """An image to convert, which is being decoded."""

    camera: BagCamera
    time_ns: int
    decoded: Future[Decoded]


@dataclass(frozen=True, eq=False)
class BagJob(FrameJob):
    """A frame to convert, and what its output messages need.

    Attributes:
        camera: the camera that took the frame.
        info: the depth image's camera_info.
        place: where the camera is; None where no output depends on it.
    """

    camera: BagCamera
    info: CameraInfoFields
    place: Place | None = None


class BagCamera:
    """A camera of a recording.

    Args:
        where: its topics.
        recording: contains the topics.
        pipeline: computes its depth; its scale state belongs to this camera alone.
        references: the sources of metric scale.
        outputs: the topics that are written for it.

    Attributes:
        decoder: decodes its images.
    """

    def __init__(
        self,
        where: CameraTopics,
        recording: Recording,
        pipeline: Pipeline,
        references: BagReferences,
        outputs: Outputs,
    ) -> None:
        self.where, self.outputs = where, outputs
        self._pipeline, self._references = pipeline, references
        self.decoder = Decoder(pipeline.settings)
        self._calibrations = Calibrations(recording, where.info, pipeline.settings)
        self._last: Camera | None = None
        self.warning = ""
        """A warning about its calibration; empty if there is none."""
        self.groundless = ""
        """Why its outputs have no heights above the ground; empty if they have."""

    @property
    def name(self) -> str:
        """The camera's name."""
        return self.where.name

    def job(self, image: QueuedImage) -> BagJob:
        """Return the frame of an image, with the camera_info nearest to its stamp.

        Raises:
            MessageError, CameraError: image or camera_info is damaged, or their sizes differ.
        """
        header, rgb = image.decoded.result()
        stamp_ns = messages.stamp_ns(header)
        known = self._calibrations.of(image.time_ns, stamp_ns, rgb.shape[1], rgb.shape[0])
        if known.camera != self._last:
            self.warning = known.camera.ray_warning or self.warning
        self._last = known.camera
        frame = Frame(rgb, known.camera, stamp_ns, header.frame_id)
        reference = self._reference(frame, image.time_ns)  # here: they are read in time order
        place = self._references.place(frame, image.time_ns) if self.outputs.needs_place else None
        if place is not None and place.mount is None:
            self.groundless = f"no heights above the ground: {self._references.groundless}"
        wanted = self.outputs.wanted
        return BagJob(frame, self._pipeline, wanted, lambda: reference, self, known.info, place)

    def frozen(self) -> dict[str, Any] | None:
        """Return the state of the camera's scale, if it has any."""
        pipeline, settings = self._pipeline, self._pipeline.settings
        if self._last is None or (settings.scale_mode == "model" and not settings.scale_steady_s):
            return None
        return freeze(self._last, pipeline.states.of(self._last))

    def thaw(self, state: dict[str, Any]) -> None:
        """Restore the state of the camera's scale.

        Raises:
            BagError: it is not such a state.
        """
        self._last = thaw(state, self._pipeline.states.of)

    def _reference(self, frame: Frame, time_ns: int) -> Reference | None:
        try:
            return self._references.of(frame, time_ns)
        except (ScaleError, MessageError, CameraError) as error:
            # The last scale may still hold.
            self._pipeline.states.of(frame.camera).scaler.refuse(str(error))
            return None


def find(recording: Recording, pipeline: Pipeline, options: ConvertOptions) -> dict[str, BagCamera]:
    """Return the cameras to convert, by image topic.

    Raises:
        BagError: as topics.find() and BagReferences; or the recording already has an output topic.
        CameraError: the calibration file of the settings cannot be read.
    """
    calibration.check(pipeline.settings)  # fails now, not frame by frame
    given = pipeline.settings.gives_camera
    found = topics.find(recording, options.images, options.infos, given)
    names = Counter(each.name for each in found)
    cameras = {}
    for where in found:
        if names[where.name] > 1:
            where = where._replace(name=base(where.image).strip("/"))
        parts = (options.prefix.strip("/"), where.name if len(found) > 1 else "")
        namespace = "".join(f"/{part}" for part in parts if part)
        own = pipeline.fork()
        if options.scan_frame:
            own.settings = own.settings.with_values(scan_frame=options.scan_frame)
        outputs = Outputs(namespace, own, options.extras, options.scan_rows)
        anchors = (options.anchors, options.anchors_info)
        references = BagReferences(recording, own.settings, *anchors, outputs.needs_place)
        cameras[where.image] = BagCamera(where, recording, own, references, outputs)
        _check_new(outputs, recording, options)
    return cameras


def _check_new(outputs: Outputs, recording: Recording, options: ConvertOptions) -> None:
    taken = [t.name for t in outputs.topics.values() if t.name in recording.topics]
    if taken and not options.only_depth:
        raise BagSettingError(
            f"the bag already has {', '.join(taken)}: use --prefix or --only-depth"
        )


def answer(images: Mapping[int, QueuedImage], progress: Progress) -> dict[int, Answered]:
    """Return the results of images, by their keys; images without depth are counted as skipped.

    Raises:
        ModelError: the network failed.
    """
    keys: dict[BagJob, int] = {}
    for key, image in images.items():
        progress.count_frame(image.camera.name)
        try:
            keys[image.camera.job(image)] = key
        except (MessageError, CameraError) as error:
            progress.skip(error)
    answers = {}
    for each in engine.run(list(keys)):
        if isinstance(each.error, ScaleError):
            progress.skip(each.error)
        elif each.error is not None:
            raise each.error
        else:
            answers[keys[each.job]] = each.job.camera.outputs.render(each)
            progress.count_answer(each.job.camera.name)
    return dict(sorted(answers.items()))
