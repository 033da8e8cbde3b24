"""The cameras that a conversion answers: their images to frames, their frames to depth."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from typing import Any, NamedTuple

from depth_ros import calibration, messages
from depth_ros.bag import topics
from depth_ros.bag.calibrations import Calibrations
from depth_ros.bag.decoder import Decoded, Decoder
from depth_ros.bag.options import Options
from depth_ros.bag.outputs import Answer, Outputs
from depth_ros.bag.reader import Recording
from depth_ros.bag.references import References
from depth_ros.bag.resume import Progress, freeze, thaw
from depth_ros.bag.topics import CameraTopics
from depth_ros.errors import BagError, CameraError, MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.messages import CameraInfoFields
from depth_ros.pipeline import Estimate, Frame, Pipeline, Place
from depth_ros.scale.scaler import Reference


class Shot(NamedTuple):
    """An image that is to be answered, being decoded."""

    camera: BagCamera
    time_ns: int
    decoded: Future[Decoded]


class Seen(NamedTuple):
    """A frame, with what is known of it before the network runs."""

    camera: BagCamera
    frame: Frame
    reference: Reference | None
    info: CameraInfoFields
    place: Place | None = None


class BagCamera:
    """A camera of a recording.

    Args:
        where: its topics.
        recording: where they are.
        pipeline: makes its depth; the scale in it is of no other camera.
        references: what its depth is compared with.
        outputs: what is written for it.

    Attributes:
        decoder: of its images.
    """

    def __init__(
        self,
        where: CameraTopics,
        recording: Recording,
        pipeline: Pipeline,
        references: References,
        outputs: Outputs,
    ) -> None:
        self.where, self.outputs = where, outputs
        self._pipeline, self._references = pipeline, references
        self.decoder = Decoder(pipeline.settings)
        self._calibrations = Calibrations(recording, where.info, pipeline.settings)
        self._last: Camera | None = None
        self.warning = ""
        """What is to be said of its calibration; empty where there is nothing."""
        self.groundless = ""
        """Why its outputs go without heights over the ground; empty where they do not."""

    @property
    def name(self) -> str:
        """What the camera is called."""
        return self.where.name

    def look(self, shot: Shot) -> Seen:
        """Return the frame of an image, with the camera_info nearest to its stamp.

        Raises:
            MessageError, CameraError: image or camera_info is damaged, or they do not fit.
        """
        at, rgb = shot.decoded.result()
        stamp_ns = messages.stamp_ns(at)
        found = self._calibrations.of(shot.time_ns, stamp_ns, rgb.shape[1], rgb.shape[0])
        if found.camera != self._last:
            self.warning = found.camera.ray_warning or self.warning
        frame = Frame(rgb, found.camera, stamp_ns, at.frame_id)
        self._last = found.camera
        reference = self._reference(frame, shot.time_ns)
        place = self._references.place(frame, shot.time_ns) if self.outputs.needs_place else None
        if place is not None and place.mount is None:
            self.groundless = f"no heights over the ground: {self._references.groundless}"
        return Seen(self, frame, reference, found.info, place)

    def measure(self, seen: Seen, estimate: Estimate) -> Answer:
        """Return an estimate in metres where there are any.

        Raises:
            ScaleError: there is no scale that could be used.
        """
        pipeline = self._pipeline
        if not pipeline.metric:
            return Answer(estimate, None, None, seen.info)
        depth = pipeline.measure(estimate, seen.reference)
        return self.outputs.answer(estimate, depth, seen.info, seen.place)

    def frozen(self) -> dict[str, Any] | None:
        """Return the state of the camera's scale, if it has any."""
        pipeline, settings = self._pipeline, self._pipeline.settings
        if self._last is None or (settings.scale_mode == "model" and not settings.scale_steady_s):
            return None
        return freeze(self._last, pipeline.state(self._last))

    def thaw(self, state: dict[str, Any]) -> None:
        """Take up the state of the camera's scale again.

        Raises:
            BagError: it is none.
        """
        self._last = thaw(state, self._pipeline.state)

    def _reference(self, frame: Frame, time_ns: int) -> Reference | None:
        try:
            return self._references.of(frame, time_ns)
        except (ScaleError, MessageError, CameraError) as error:
            # The last scale may still hold.
            self._pipeline.state(frame.camera).scaler.refuse(str(error))
            return None


def find(recording: Recording, pipeline: Pipeline, options: Options) -> dict[str, BagCamera]:
    """Return the cameras to convert, by their image topic.

    Raises:
        BagError: as topics.find() and References; or an output's topic is in the recording already.
        CameraError: the settings name a calibration that cannot be read.
    """
    calibration.check(pipeline.settings)  # fails now, not frame by frame
    given = pipeline.settings.gives_camera
    found = topics.find(recording, options.images, options.infos, given)
    names = Counter(each.name for each in found)
    cameras = {}
    for where in found:
        if names[where.name] > 1:
            where = where._replace(name=topics.base(where.image).strip("/"))
        parts = (options.prefix.strip("/"), where.name if len(found) > 1 else "")
        namespace = "".join(f"/{part}" for part in parts if part)
        own = pipeline.fork()
        outputs = Outputs(namespace, own, options.extras, options.scan_rows, options.scan_frame)
        anchors = (options.anchors, options.anchors_info)
        references = References(recording, own.settings, *anchors, outputs.needs_place)
        cameras[where.image] = BagCamera(where, recording, own, references, outputs)
        _check_new(outputs, recording, options)
    return cameras


def _check_new(outputs: Outputs, recording: Recording, options: Options) -> None:
    taken = [t.name for t in outputs.topics.values() if t.name in recording.topics]
    if taken and not options.only_depth:
        raise BagError(f"the bag has {', '.join(taken)} already: say --prefix or --only-depth")


def answer(shots: dict[int, Shot], pipeline: Pipeline, progress: Progress) -> dict[int, Answer]:
    """Return what the network says of images, by their keys; what gives no depth is counted."""
    seen: dict[int, Seen] = {}
    for key, shot in shots.items():
        progress.count_frame(shot.camera.name)
        try:
            seen[key] = shot.camera.look(shot)
        except (MessageError, CameraError) as error:
            progress.skip(error)
    estimates = _predict(seen, pipeline, progress)
    answers = {}
    for key in estimates:
        camera = seen[key].camera
        try:
            answers[key] = camera.measure(seen[key], estimates[key])
            progress.count_answer(camera.name)
        except ScaleError as error:
            progress.skip(error)
    return answers


def _predict(seen: dict[int, Seen], pipeline: Pipeline, progress: Progress) -> dict[int, Estimate]:
    """Return estimates by the keys of frames; those of one size share a run of the network."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for key, each in seen.items():
        if pipeline.model.prompt_size and each.reference is None:
            progress.skip(ScaleError("there are no anchors to complete"))
        else:
            groups.setdefault(each.frame.rgb.shape, []).append(key)
    estimates: dict[int, Estimate] = {}
    for keys in groups.values():
        chosen = [seen[key] for key in keys]
        found = pipeline.predict_batch([s.frame for s in chosen], [s.reference for s in chosen])
        estimates.update(zip(keys, found, strict=True))
    return dict(sorted(estimates.items()))
