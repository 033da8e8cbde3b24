"""What a worker thread does with the queued images.

On the CPU it answers them and publishes. On a GPU it launches their outputs and continues with the
next images, while another thread publishes the outputs as their downloads end.
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
from depth_ros.ros.publishers import PendingOutput

IN_FLIGHT = 2
"""How many frames of a node may be between launch and publication: the device is at one while
another one is published. More would only be older."""


def count_for(pipeline: Pipeline, cameras: int, threads: int) -> int:
    """Return how many workers serve the cameras of a node that has so many threads of the CPU.

    A GPU is fastest with all images in one batch. On the CPU a batch saves little, and what comes
    before and after the network runs on one core meanwhile.
    """
    if pipeline.device.type != "cpu" or not pipeline.runs_in_threads:
        return 1
    return min(cameras, threads)


def overlaps(pipeline: Pipeline) -> bool:
    """Return whether a frame's answers are published while the next frame is launched.

    On the CPU the network would have less of it for that, and the answers another copy.
    """
    return pipeline.device.type != "cpu"


class Launched(NamedTuple):
    """An image whose outputs are being computed and downloaded.

    Attributes:
        image: the message.
        outputs: those that were started.
        error: why the others were not; None: all were.
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
    """Images that were taken together, at most one of each camera, and their profile."""

    launched: list[Launched]
    begun: FrameProfile

    def drop(self) -> None:
        """Count its images: nobody will publish their answers."""
        for each in self.launched:
            each.drop()


def answer(
    images: Sequence[QueuedImage],
    pipeline: Pipeline,
    settings: Settings,
    wanted: Callable[[], bool],
) -> None:
    """Answer the images that wait, at most one of each camera.

    Those of one size share a run of the network where the model allows it. A camera whose image
    cannot be answered loses that image, and the others lose nothing. Whatever happens, each is
    counted, once.

    Args:
        images: the one that waits longest first.
        pipeline: its network and its profile are those of all cameras.
        settings: of these images, from here to their last message.
        wanted: whether answers and errors still matter: none does while ROS shuts down.

    Raises:
        Exception: the device is lost, see runtimes.is_lost(), or what only a fault of this package
            or of its libraries can raise.
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
    """Ask the device for the answers to images, as answer() does, and do not wait for them.

    Returns:
        what publish() publishes; None: nothing is wanted of these images, or possible.
    """
    with _each_counted(images, wanted), pipeline.profile.frame(_waited_s(images)):
        launched = [_launched(each) for each in _answers(images, settings, wanted)]
        return Flight(launched, pipeline.profile.hand_over("land")) if launched else None


def publish(flight: Flight, profile: Profile, wanted: Callable[[], bool]) -> None:
    """Wait for the answers that were launched, and publish them.

    Raises:
        Exception: as of answer().
    """
    images = [each.image for each in flight.launched]
    with _each_counted(images, wanted), profile.resumed(flight.begun):
        for each in flight.launched:
            _publish(each, wanted)


@contextmanager
def _each_counted(images: Sequence[QueuedImage], wanted: Callable[[], bool]) -> Iterator[None]:
    """Count as dropped what an error, whatever it is, leaves uncounted."""
    try:
        yield
    except BaseException as error:
        _count([image for image in images if not image.counted], error, wanted)
        raise


def _waited_s(images: Sequence[QueuedImage]) -> float:
    return time.monotonic() - images[0].time_s


def _answers(
    images: Sequence[QueuedImage], settings: Settings, wanted: Callable[[], bool]
) -> Iterator[Answer[NodeJob]]:
    """Yield the answers to the images that somebody subscribes to, run by run of the network."""
    jobs = []
    for image in images:
        try:
            job = image.camera.job(image, settings)
            if job is not None:
                jobs.append(job)
        except Exception as error:  # its kind decides what the camera reports
            _drop(image, error, wanted)
    yield from engine.run(jobs)


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
    except Exception as error:  # what was started before is right, and is published
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
    """Count an image that cannot be answered; raise what the next ones cannot be answered for."""
    _count([image], error, wanted)
    if runtimes.is_lost(error):
        raise error


def _count(images: Sequence[QueuedImage], error: BaseException, wanted: Callable[[], bool]) -> None:
    for image in images:
        if wanted():
            image.camera.drop(image, error)
        else:
            image.count("dropped")
