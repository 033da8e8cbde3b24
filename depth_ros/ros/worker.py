"""What a worker's thread does with the images that wait: as few runs of the network as can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

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


def answer(arrivals: Sequence[Arrival], pipeline: Pipeline, alive: Callable[[], bool]) -> None:
    """Answer the images that wait, at most one of each camera.

    Those of one size share a run of the network where the model allows it. A camera whose image
    cannot be answered loses that image, and the others lose nothing.

    Args:
        arrivals: the one that waits longest first.
        pipeline: its network and its profile are those of all cameras.
        alive: whether errors still matter: none does while ROS shuts down.
    """
    with pipeline.profile.frame(time.monotonic() - arrivals[0].time_s):
        for group in _groups(_ask(arrivals, alive), pipeline):
            _answer(group, alive)


def _ask(arrivals: Sequence[Arrival], alive: Callable[[], bool]) -> list[Question]:
    """Return what is wanted of the images that somebody wants."""
    questions = []
    for arrival in arrivals:
        try:
            if arrival.stream.heard():
                questions.append(arrival.stream.ask(arrival))
        except Exception as error:  # what it is, the stream knows
            _drop([arrival], error, alive)
    return questions


def _groups(questions: Sequence[Question], pipeline: Pipeline) -> list[list[Question]]:
    """Return questions that one run of the network answers, those that wait longest first."""
    groups: dict[object, list[Question]] = {}
    for number, question in enumerate(questions):
        runs = question.metric or question.relative
        # A prompted network refuses a frame without anchors: that must not hit one that has some.
        alike = (runs, question.frame.rgb.shape, question.reference is None)
        groups.setdefault(alike if pipeline.batches else number, []).append(question)
    return list(groups.values())


def _answer(group: Sequence[Question], alive: Callable[[], bool]) -> None:
    try:
        estimates = _estimates(group)
    except Exception as error:  # a model may raise anything; the next frames may be fine
        _drop([question.arrival for question in group], error, alive)
        return
    for question, estimate in zip(group, estimates, strict=True):
        try:
            question.stream.answer(question, estimate)
        except Exception as error:
            _drop([question.arrival], error, alive)


def _estimates(group: Sequence[Question]) -> Sequence[Estimate | None]:
    if not (group[0].metric or group[0].relative):
        return [None] * len(group)
    pipeline = group[0].stream.pipeline
    assert pipeline is not None
    return pipeline.predict_batch(
        [question.frame for question in group],
        [question.reference for question in group],
        all(question.points_only for question in group),
    )


def _drop(arrivals: Sequence[Arrival], error: Exception, alive: Callable[[], bool]) -> None:
    if not alive():
        return
    for arrival in arrivals:
        arrival.stream.drop(error)
