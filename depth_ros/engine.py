"""Frames to depth: as few runs of the network as possible; an error affects only its frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from depth_ros.pipeline import DepthFrame, Estimate, Frame, Pipeline, Wanted
from depth_ros.scale.scaler import Reference

FindReference = Callable[[], Reference | None]


@dataclass(frozen=True, eq=False)
class FrameJob:
    """A frame to process; subclasses add data for the consumer of the outputs.

    Attributes:
        frame: the image and its camera.
        pipeline: of this camera, with the settings of this frame for all its outputs.
        wanted: the requested outputs.
        find_reference: returns the reference for its scale; None: unknown. It is called once:
            before the network if that takes it as a prompt, otherwise after it, because later
            measurements are nearer to the image in time.
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
    """The result for a frame.

    Attributes:
        job: of the frame.
        estimate: the network's output; None: it was not needed, or failed.
        depth: metric depth, if wanted.
        error: why there is no depth; there may still be an estimate.
    """

    job: Job
    estimate: Estimate | None = None
    depth: DepthFrame | None = None
    error: Exception | None = None


def run(jobs: Sequence[Job]) -> Iterator[Answer[Job]]:
    """Process frames that are available together; yield each after its run of the network.

    Frames of one size share a run of the network if the model supports it. Frames of one camera
    keep their order. Errors are those of Pipeline.predict_batch and Pipeline.measure, or others
    that a network raises.

    Args:
        jobs: all of one network; the longest waiting frame first.
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
    """Return groups of jobs that share a run of the network, the longest waiting ones first."""
    groups: dict[object, list[Job]] = {}
    for number, job in enumerate(jobs):
        # A frame without its anchors fails, and must not make others of its batch fail.
        without_prompt = job.is_prompted and prompts[id(job)] is None
        key = (job.wanted.anything, job.frame.rgb.shape, without_prompt)
        groups.setdefault(key if job.pipeline.batches else number, []).append(job)
    return list(groups.values())


def _estimates(
    group: Sequence[FrameJob], prompts: dict[int, Reference | None]
) -> Sequence[Estimate | None]:
    if not group[0].wanted.anything:
        return [None] * len(group)
    wanted = {job.wanted for job in group}
    return group[0].pipeline.predict_batch(
        [job.frame for job in group],
        [prompts.get(id(job)) for job in group],
        wanted.pop() if len(wanted) == 1 else None,
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
