"""What a worker's thread does with the images that wait: as few runs of the network as can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from depth_ros import runtimes
from depth_ros.config import Settings
from depth_ros.pipeline import Estimate, Pipeline
from depth_ros.ros.stream import Arrival, Question


def count_for(pipeline: Pipeline, cameras: int, threads: int) -> int:
    """Return how many workers serve the cameras of a node that has so many threads of the CPU.

    A GPU is fastest with all images in one batch. On the CPU a batch saves little, and what comes
    before and after the network runs on one core meanwhile.
    """
    if pipeline.runtime.device.type != "cpu" or not pipeline.side_by_side:
        return 1
    return min(cameras, threads)


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
    try:
        with pipeline.profile.frame(time.monotonic() - arrivals[0].time_s):
            for group in _groups(_ask(arrivals, settings, wanted)):
                _answer(group, wanted)
    except BaseException as error:
        _count([arrival for arrival in arrivals if not arrival.counted], error, wanted)
        raise


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


def _answer(group: Sequence[Question], wanted: Callable[[], bool]) -> None:
    try:
        estimates = _estimates(group)
    except Exception as error:  # a model may raise anything; the next frames may be fine
        _drop([question.arrival for question in group], error, wanted)
        return
    for question, estimate in zip(group, estimates, strict=True):
        if not wanted():
            question.arrival.count("dropped")
            continue
        try:
            question.stream.answer(question, estimate)
        except Exception as error:
            _drop([question.arrival], error, wanted)


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
