"""What a worker thread does with the queued images.

On the CPU it processes them and publishes. On a GPU it launches their outputs and continues with
the next images, while another thread publishes the outputs as their downloads end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from depth_ros import engine, runtimes
from depth_ros.config import Settings
from depth_ros.engine import Answer
from depth_ros.pipeline import Pipeline
from depth_ros.profile import FrameProfile, Profile
from depth_ros.ros.job import NodeJob, QueuedImage
from depth_ros.ros.pending_output import PendingOutput

IN_FLIGHT = 2
"""Maximum frames of a node between launch and publication.

The device processes one while another one is published. More frames would only be older.
"""


def count_for(pipeline: Pipeline, cameras: int, threads: int) -> int:
    """Return the number of workers for the cameras of a node with the given CPU threads.

    A GPU is fastest with all images in one batch. On the CPU a batch saves little, and the stages
    before and after the network would run on one core.
    """
    if pipeline.device.type != "cpu" or not pipeline.runs_in_threads:
        return 1
    return min(cameras, threads)


def overlaps(pipeline: Pipeline) -> bool:
    """Return whether a frame's outputs are published while the next frame is launched.

    On the CPU this would take CPU time from the network, and the outputs would need another copy.
    """
    return pipeline.device.type != "cpu"


class Launched(NamedTuple):
    """An image whose outputs are being computed and downloaded.

    Attributes:
        image: the message.
        outputs: those that were started.
        error: why the others were not started; None: all were.
    """

    image: QueuedImage
    outputs: list[PendingOutput]
    error: Exception | None

    def drop(self) -> None:
        """Release its outputs, and count it as dropped."""
        self.release()
        self.image.count("dropped")

    def release(self) -> None:
        """Release its outputs."""
        for output in self.outputs:
            output.release()


class Flight(NamedTuple):
    """Images that were taken together, at most one per camera, and their profile."""

    launched: list[Launched]
    begun: FrameProfile

    def drop(self) -> None:
        """Count its images as dropped: nobody will publish their outputs."""
        for each in self.launched:
            each.drop()


def answer(
    images: Sequence[QueuedImage],
    pipeline: Pipeline,
    settings: Settings,
    wanted: Callable[[], bool],
) -> None:
    """Process the waiting images, at most one per camera, and publish their outputs.

    Images of one size share a run of the network if the model allows it. An image that fails does
    not affect the other cameras. In every case each image is counted once.

    Args:
        images: the one that waits longest first.
        pipeline: its network and its profile are shared by all cameras.
        settings: used for these images up to their last message.
        wanted: whether outputs and errors are still needed: not while ROS shuts down.

    Raises:
        Exception: the device is lost, see runtimes.is_lost(), or there is a bug in this package
            or its libraries.
    """
    with _each_counted(images, wanted), pipeline.profile.frame(_waited_s(images)):
        for each in _answers(images, settings, wanted):
            _publish_now(each, wanted)


def launch(
    images: Sequence[QueuedImage],
    pipeline: Pipeline,
    settings: Settings,
    wanted: Callable[[], bool],
) -> Flight | None:
    """Launch the outputs of images on the device, as answer() does, without waiting for them.

    Returns:
        what publish() publishes; None: no output is needed or possible.
    """
    with _each_counted(images, wanted), pipeline.profile.frame(_waited_s(images)):
        launched = [_launched(each) for each in _answers(images, settings, wanted)]
        return Flight(launched, pipeline.profile.hand_over("land")) if launched else None


def publish(flight: Flight, profile: Profile, wanted: Callable[[], bool]) -> None:
    """Wait for the launched outputs, and publish them.

    Raises:
        Exception: as answer().
    """
    images = [each.image for each in flight.launched]
    with _each_counted(images, wanted), profile.resumed(flight.begun):
        for each in flight.launched:
            _publish(each, wanted)


@contextmanager
def _each_counted(images: Sequence[QueuedImage], wanted: Callable[[], bool]) -> Iterator[None]:
    """Count the uncounted images as dropped after any error."""
    try:
        yield
    except BaseException as error:
        left = [each for image in images for each in image.all() if not each.counted]
        _count(left, error, wanted)
        raise


def _waited_s(images: Sequence[QueuedImage]) -> float:
    return time.monotonic() - images[0].time_s


def _answers(
    images: Sequence[QueuedImage], settings: Settings, wanted: Callable[[], bool]
) -> Iterator[Answer[NodeJob]]:
    """Yield the answers to images with subscribers, after each run of the network."""
    found = [_job(image, settings, wanted) for image in images]
    yield from engine.run([job for job in found if job is not None])


def _job(image: QueuedImage, settings: Settings, wanted: Callable[[], bool]) -> NodeJob | None:
    """Return the job of an image or, if it cannot be decoded, of the newest older one that can."""
    for each in image.all():
        try:
            job = each.camera.job(each, settings)
        except Exception as error:  # the camera's report depends on its type
            _drop(each, error, wanted)
        else:
            if each.older is not None:
                each.older.count_all("replaced")
            return job
    return None


def _publish_now(answer: Answer[NodeJob], wanted: Callable[[], bool]) -> None:
    image = answer.job.image
    if not wanted():
        image.count("dropped")
        return
    try:
        for output in image.camera.outputs(answer):
            output.publish()
        if answer.error is not None:
            raise answer.error
        image.camera.finish(image)
    except Exception as error:
        _drop(image, error, wanted)


def _launched(answer: Answer[NodeJob]) -> Launched:
    started: list[PendingOutput] = []
    image, failure = answer.job.image, answer.error
    try:
        for output in image.camera.outputs(answer):
            output.start()
            started.append(output)
    except Exception as error:  # outputs started before are valid and published
        failure = error
    if failure is not None and runtimes.is_lost(failure):
        raise failure
    return Launched(image, started, failure)


def _publish(launched: Launched, wanted: Callable[[], bool]) -> None:
    image, outputs, failure = launched
    try:
        for output in outputs:
            output.land()
        if not wanted():
            image.count("dropped")
            return
        for output in outputs:
            output.publish()
        if failure is not None:
            raise failure
        image.camera.finish(image)
    except Exception as error:
        _drop(image, error, wanted)
    finally:
        launched.release()


def _drop(image: QueuedImage, error: Exception, wanted: Callable[[], bool]) -> None:
    """Count an image that failed; raise the error if the device is lost."""
    _count([image], error, wanted)
    if runtimes.is_lost(error):
        raise error


def _count(images: Sequence[QueuedImage], error: BaseException, wanted: Callable[[], bool]) -> None:
    for image in images:
        if wanted():
            image.camera.drop(image, error)
        else:
            image.count("dropped")
