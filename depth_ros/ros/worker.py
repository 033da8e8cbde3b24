"""What a worker's thread does with the images that wait: as few runs of the network as can be.

Where the device is the host, it answers them. On a GPU it launches their answers, which another
thread publishes as they land, and goes on with the next images meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from depth_ros import runtimes
from depth_ros.config import Settings
from depth_ros.pipeline import Estimate, Pipeline
from depth_ros.profile import Begun, Profile
from depth_ros.ros.publishers import Pending
from depth_ros.ros.stream import Arrival, Question

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
    """An image whose answers are on their way to the host.

    Attributes:
        arrival: of the image.
        answers: those that were started.
        error: what ended their launch before all were; None: nothing.
    """

    arrival: Arrival
    answers: list[Pending]
    error: Exception | None

    def drop(self) -> None:
        """Let go its answers, and count it."""
        self.release()
        self.arrival.count("dropped")

    def release(self) -> None:
        """Let go its answers."""
        for answer in self.answers:
            answer.release()


class Flight(NamedTuple):
    """Images that were taken together, at most one of each camera, and their profile."""

    launched: list[Launched]
    begun: Begun

    def drop(self) -> None:
        """Count its images: nobody will publish their answers."""
        for each in self.launched:
            each.drop()


def answer(
    arrivals: Sequence[Arrival],
    pipeline: Pipeline,
    settings: Settings,
    wanted: Callable[[], bool],
) -> None:
    """Answer the images that wait, at most one of each camera.

    Those of one size share a run of the network where the model allows it. A camera whose image
    cannot be answered loses that image, and the others lose nothing. Whatever happens, each is
    counted, once.

    Args:
        arrivals: the one that waits longest first.
        pipeline: its network and its profile are those of all cameras.
        settings: of these images, from here to their last message.
        wanted: whether answers and errors still matter: none does while ROS shuts down.

    Raises:
        Exception: the device is lost, see runtimes.is_lost(), or what only a fault of this package
            or of its libraries can raise.
    """
    with _each_counted(arrivals, wanted), pipeline.profile.frame(_waited_s(arrivals)):
        for question, estimate in _estimated(arrivals, settings, wanted):
            _answer(question, estimate, wanted)


def launch(
    arrivals: Sequence[Arrival],
    pipeline: Pipeline,
    settings: Settings,
    wanted: Callable[[], bool],
) -> Flight | None:
    """Ask the device for the answers to images, as answer() does, and do not wait for them.

    Returns:
        what publish() publishes; None: nothing is wanted of these images, or possible.
    """
    with _each_counted(arrivals, wanted), pipeline.profile.frame(_waited_s(arrivals)):
        estimated = _estimated(arrivals, settings, wanted)
        launched = [_launched(question, estimate) for question, estimate in estimated]
        return Flight(launched, pipeline.profile.hand_over("land")) if launched else None


def publish(flight: Flight, profile: Profile, wanted: Callable[[], bool]) -> None:
    """Wait for the answers that were launched, and publish them.

    Raises:
        Exception: as of answer().
    """
    arrivals = [each.arrival for each in flight.launched]
    with _each_counted(arrivals, wanted), profile.resumed(flight.begun):
        for each in flight.launched:
            _publish(each, wanted)


@contextmanager
def _each_counted(arrivals: Sequence[Arrival], wanted: Callable[[], bool]) -> Iterator[None]:
    """Count as dropped what an error, whatever it is, leaves uncounted."""
    try:
        yield
    except BaseException as error:
        _count([arrival for arrival in arrivals if not arrival.counted], error, wanted)
        raise


def _waited_s(arrivals: Sequence[Arrival]) -> float:
    return time.monotonic() - arrivals[0].time_s


def _estimated(
    arrivals: Sequence[Arrival], settings: Settings, wanted: Callable[[], bool]
) -> Iterator[tuple[Question, Estimate | None]]:
    """Give what is wanted of images, and what the network said of each, run by run."""
    for group in _groups(_ask(arrivals, settings, wanted)):
        try:
            estimates = _estimates(group)
        except Exception as error:  # a model may raise anything; the next frames may be fine
            _drop([question.arrival for question in group], error, wanted)
        else:
            yield from zip(group, estimates, strict=True)


def _ask(
    arrivals: Sequence[Arrival], settings: Settings, wanted: Callable[[], bool]
) -> list[Question]:
    """Return what is wanted of the images that somebody wants."""
    questions = []
    for arrival in arrivals:
        try:
            question = arrival.stream.ask(arrival, settings)
            if question is not None:
                questions.append(question)
        except Exception as error:  # what it is, the stream knows
            _drop([arrival], error, wanted)
    return questions


def _groups(questions: Sequence[Question]) -> list[list[Question]]:
    """Return questions that one run of the network answers, those that wait longest first."""
    groups: dict[object, list[Question]] = {}
    for number, question in enumerate(questions):
        runs = question.metric or question.relative
        # A prompted network refuses a frame without anchors: that must not hit one that has some.
        alike = (runs, question.frame.rgb.shape, question.reference is None)
        groups.setdefault(alike if question.pipeline.batches else number, []).append(question)
    return list(groups.values())


def _answer(question: Question, estimate: Estimate | None, wanted: Callable[[], bool]) -> None:
    arrival = question.arrival
    if not wanted():
        arrival.count("dropped")
        return
    try:
        for answer in question.stream.answers(question, estimate):
            answer.publish()
        arrival.stream.finish(arrival)
    except Exception as error:
        _drop([arrival], error, wanted)


def _launched(question: Question, estimate: Estimate | None) -> Launched:
    started: list[Pending] = []
    try:
        for answer in question.stream.answers(question, estimate):
            answer.start()
            started.append(answer)
    except Exception as error:  # what was started before is right, and is published
        if runtimes.is_lost(error):
            raise
        return Launched(question.arrival, started, error)
    return Launched(question.arrival, started, None)


def _publish(launched: Launched, wanted: Callable[[], bool]) -> None:
    arrival, answers, failure = launched
    try:
        for answer in answers:
            answer.land()
        if not wanted():
            arrival.count("dropped")
            return
        for answer in answers:
            answer.publish()
        if failure is not None:
            raise failure
        arrival.stream.finish(arrival)
    except Exception as error:
        _drop([arrival], error, wanted)
    finally:
        launched.release()


def _estimates(group: Sequence[Question]) -> Sequence[Estimate | None]:
    if not (group[0].metric or group[0].relative):
        return [None] * len(group)
    return group[0].pipeline.predict_batch(
        [question.frame for question in group],
        [question.reference for question in group],
        all(question.points_only for question in group),
    )


def _drop(arrivals: Sequence[Arrival], error: Exception, wanted: Callable[[], bool]) -> None:
    """Count images that cannot be answered; raise what the next ones could not be answered for."""
    _count(arrivals, error, wanted)
    if runtimes.is_lost(error):
        raise error


def _count(arrivals: Sequence[Arrival], error: BaseException, wanted: Callable[[], bool]) -> None:
    for arrival in arrivals:
        if wanted():
            arrival.stream.drop(arrival, error)
        else:
            arrival.count("dropped")
