"""Frames to depth: as few runs of the network as possible, and one frame's error costs no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from depth_ros.pipeline import DepthFrame, Estimate, Frame, Pipeline, Wanted
from depth_ros.scale.scaler import Reference

FindReference = Callable[[], Reference | None]


@dataclass(frozen=True, eq=False)
class FrameJob:
    """A frame that is to be answered; a source of frames may add what its sink needs to know.

    Attributes:
        frame: the image and its camera.
        pipeline: of this camera, with the settings that hold for the frame until its last output.
        wanted: what is wanted of it.
        find_reference: returns what its depth is compared with, None where that is not known. It is
            called once: before the network where that is prompted with it, else after it, because
            what is measured in the meantime fits the image better.
    """

    frame: Frame
    pipeline: Pipeline
    wanted: Wanted
    find_reference: FindReference

    @property
    def is_prompted(self) -> bool:
        """Whether the network needs the reference."""
        return self.pipeline.model.prompt_size is not None


Job = TypeVar("Job", bound=FrameJob)


@dataclass(frozen=True, eq=False)
class Answer(Generic[Job]):
    """What there is for a frame.

    Attributes:
        job: of the frame.
        estimate: the network's output; None where it did not have to run, or failed.
        depth: metric depth, where that is wanted.
        error: why there is none; the estimate may be there nevertheless.
    """

    job: Job
    estimate: Estimate | None = None
    depth: DepthFrame | None = None
    error: Exception | None = None


def run(jobs: Sequence[Job]) -> Iterator[Answer[Job]]:
    """Answer frames that are there at the same time, each as soon as its run of the network ends.

    Frames of one size share a run of the network where the model allows that. Frames of one camera
    are answered in their order. Errors are those of Pipeline.predict_batch and Pipeline.measure, or
    whatever else a network raises.

    Args:
        jobs: all of one network; the frame that waits longest first.
    """
    prompts: dict[int, Reference | None] = {}
    ready = []
    for job in jobs:
        try:
            if job.is_prompted:
                prompts[id(job)] = job.find_reference()
            ready.append(job)
        except Exception as error:  # of this frame alone
            yield Answer(job, error=error)
    for group in _groups(ready, prompts):
        try:
            estimates = _estimates(group, prompts)
        except Exception as error:  # a model may raise anything; the next group may be fine
            yield from (Answer(job, error=error) for job in group)
            continue
        for job, estimate in zip(group, estimates, strict=True):
            yield _measured(job, estimate, prompts)


def _groups(jobs: Sequence[Job], prompts: dict[int, Reference | None]) -> list[list[Job]]:
    """Return jobs that share a run of the network, those that wait longest first."""
    groups: dict[object, list[Job]] = {}
    for number, job in enumerate(jobs):
        # A prompted network refuses a frame without anchors: that must not hit one that has some.
        without_prompt = job.is_prompted and prompts[id(job)] is None
        alike = (job.wanted.anything, job.frame.rgb.shape, without_prompt)
        groups.setdefault(alike if job.pipeline.batches else number, []).append(job)
    return list(groups.values())


def _estimates(
    group: Sequence[FrameJob], prompts: dict[int, Reference | None]
) -> Sequence[Estimate | None]:
    if not group[0].wanted.anything:
        return [None] * len(group)
    return group[0].pipeline.predict_batch(
        [job.frame for job in group],
        [prompts.get(id(job)) for job in group],
        all(job.wanted.points_only for job in group),
    )


def _measured(
    job: Job, estimate: Estimate | None, prompts: dict[int, Reference | None]
) -> Answer[Job]:
    if estimate is None or not job.wanted.metric:
        return Answer(job, estimate)
    try:
        reference = prompts[id(job)] if job.is_prompted else job.find_reference()
        depth = job.pipeline.measure(estimate, reference, job.wanted)
    except Exception as error:  # of this frame alone
        return Answer(job, estimate, error=error)
    return Answer(job, estimate, depth)
