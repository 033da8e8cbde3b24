"""A network on a GPU: from image to values, or to all outputs of a frame, in captured graphs."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import NoReturn

import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry.render import Rendered
from depth_ros.models import DepthModel, Prediction
from depth_ros.models.base import Executor, Memory, Raw, Request
from depth_ros.pipeline.finish import Finish, Finished
from depth_ros.pipeline.network_view import NetworkView
from depth_ros.pipeline.turned import quarter_turns, rotated, rotated_back
from depth_ros.runtimes.capture import Function, Graphs, Inputs, Result

_PREDICTED = 5
"""Number of tensors of a prediction, see _tensors_of()."""


@dataclass(frozen=True)
class _Run:
    """A model's infer() with everything that a graph of it depends on, except its tensors."""

    model: DepthModel
    request: Request
    turns: int

    @property
    def key(self) -> Hashable:
        cameras = tuple(self.request.cameras) if self.model.asks_cameras else ()
        return cameras, self.request.sampling, self.request.enlarge, self.turns

    def infer(
        self,
        execute: Executor,
        rgb: Tensor,
        prompts: Tensor | None,
        values: Tensor | None = None,
        latents: Tensor | None = None,
    ) -> Prediction:
        """Return the prediction for images (B, H, W, 3), their prompts, and a memory's tensors."""
        request = replace(self.request, prompts=prompts, memory=_memory(values, latents))
        batch = self.model.infer(execute, rotated(rgb, self.turns), request)
        return rotated_back(batch, self.turns)

    def network(self, execute: Executor) -> Function:
        """Return infer() as a function of tensors, see capture."""

        def run(rgb: Tensor, *others: Tensor | None) -> Result:
            batch = self.infer(execute, rgb, *others)
            return _tensors_of(batch), batch

        return run

    def frame(self, execute: Executor, view: NetworkView, stride: int, finish: Finish) -> Function:
        """Return the same for one image (H, W, 3) as the camera sees it, and what follows it."""
        render = finish.run  # a graph that kept all of finish would keep its constants

        def run(
            image: Tensor,
            prompts: Tensor | None,
            values: Tensor | None,
            latents: Tensor | None,
            *constants: Tensor | None,
        ) -> Result:
            seen = view.image(image)[None]
            prediction = view.restored(self.infer(execute, seen, prompts, values, latents))
            rendered = render(prediction, image[::stride, ::stride], *constants)
            return (*_tensors_of(prediction), *(rendered or Rendered()).tensors), prediction

        return run

    def before(self) -> Function:
        """Return the part of infer() that precedes the network; its results are the inputs."""

        def run(rgb: Tensor, prompts: Tensor | None) -> Result:
            try:
                self.infer(_Asking(rgb.device), rgb, prompts)
            except _AskedError as asked:
                return asked.inputs, None
            raise AssertionError("a model returned without having run its network")

        return run

    def after(self, single: bool) -> Function:
        """Return infer() with a known answer of the network: one tensor, or several."""

        def run(rgb: Tensor, prompts: Tensor | None, *raw: Tensor) -> Result:
            answer = _Answering(rgb.device, raw[0] if single else raw)
            batch = self.infer(answer, rgb, prompts)
            return _tensors_of(batch), batch

        return run


class CapturedNetwork:
    """Runs a model's network in captured graphs, together with as much of a frame as possible.

    Args:
        model: the model.
        runtime: executes its network.
        faster: executes it in less time, see NetworkPredictor.
        graphs: of the device.
    """

    def __init__(
        self, model: DepthModel, runtime: Executor, faster: Executor | None, graphs: Graphs
    ) -> None:
        self._model, self._runtime, self._faster, self._graphs = model, runtime, faster, graphs

    @property
    def finishes(self) -> bool:
        """Whether one graph can hold a whole frame."""
        return not self._graphs.frame.disabled_reason

    def predict(
        self, rgb: Tensor, request: Request, settings: Settings, improve: bool = True
    ) -> Prediction:
        """Return the prediction for images uint8 (B, H, W, 3) in the camera's orientation.

        Args:
            rgb, request: see DepthModel.infer.
            settings: of these images.
            improve: whether to use or prepare the faster executor.
        """
        run, waits = self._run(request, settings), settings.compile == "true"
        faster = self._faster if improve else None
        if self._graphs.predict.disabled_reason and not self._model.denoises:
            return self._around(run, rgb, request, (faster if waits else None) or self._runtime)
        tensors, batch = self._graphs.predict(
            run.key,
            run.network(self._runtime),
            rgb,
            *_given(request),
            faster=run.network(faster) if faster else None,
            wait_for_faster=waits,
        )
        return _prediction(batch, tensors)

    def finish(
        self,
        image: Tensor,
        view: NetworkView,
        request: Request,
        stride: int,
        finish: Finish,
        settings: Settings,
    ) -> tuple[Prediction, Finished | None]:
        """Return the prediction for one image, and the outputs of the same graph.

        Args:
            image: uint8 (H, W, 3), as the camera sees it.
            view: what the network sees of it.
            request: see DepthModel.infer.
            stride: the prediction has every n-th pixel and row.
            finish: what follows the network.
            settings: of this image.
        """
        run, faster = self._run(request, settings), self._faster
        tensors, found = self._graphs.frame(
            (run.key, finish.key, stride, view.virtual),
            run.frame(self._runtime, view, stride, finish),
            image,
            *_given(request),
            constants=finish.constants,
            faster=run.frame(faster, view, stride, finish) if faster else None,
            wait_for_faster=settings.compile == "true",
            version=(run.key, view.virtual),
        )
        prediction = _prediction(found, tensors[:_PREDICTED])
        rendered = Rendered(*tensors[_PREDICTED:])
        if rendered.depth_m is None:
            return prediction, None
        finished = Finished(finish.settings, finish.wanted, prediction.values, rendered)
        return prediction, finished

    def _run(self, request: Request, settings: Settings) -> _Run:
        bare = replace(request, prompts=None, memory=None)
        return _Run(self._model, bare, quarter_turns(settings))

    def _around(self, run: _Run, rgb: Tensor, request: Request, execute: Executor) -> Prediction:
        """Run a network that cannot be captured between graphs of what precedes and follows it.

        The second graph preprocesses again: a model's infer() is one function.
        """
        graphs, given = self._graphs.around, (rgb, request.prompts)
        if graphs.disabled_reason:
            return run.infer(execute, *given)
        inputs, _ = graphs(("before", run.key), run.before(), *given)
        raw = execute(*(each for each in inputs if each is not None))
        single = isinstance(raw, Tensor)
        answer = (raw,) if isinstance(raw, Tensor) else raw
        tensors, batch = graphs(("after", run.key, single), run.after(single), *given, *answer)
        return _prediction(batch, tensors)


def _given(request: Request) -> Inputs:
    """Return a request's tensors: prompts, and the values and latents of the memory."""
    return (request.prompts, *_carried(request.memory))


def _tensors_of(batch: Prediction) -> Inputs:
    return (batch.values, batch.f_px, batch.confidence, *_carried(batch.memory))


def _carried(memory: Memory | None) -> Inputs:
    return (None, None) if memory is None else (memory.values, memory.latents)


def _memory(values: Tensor | None, latents: Tensor | None) -> Memory | None:
    """Return the memory that _carried() took apart."""
    return None if values is None or latents is None else Memory(values, latents)


def _prediction(batch: Prediction, tensors: Inputs) -> Prediction:
    """Return a prediction with its tensors replaced."""
    values, f_px, confidence, *carried = tensors
    assert values is not None
    memory = _memory(*carried)
    return replace(batch, values=values, f_px=f_px, confidence=confidence, memory=memory)


class _AskedError(Exception):
    """A model wants its network to run on inputs."""

    def __init__(self, inputs: tuple[Tensor, ...]) -> None:
        super().__init__("a network's inputs")
        self.inputs = inputs


@dataclass(frozen=True)
class _Asking:
    """An executor that hands the inputs of the network to the caller of infer()."""

    device: torch.device

    def __call__(self, *inputs: Tensor) -> NoReturn:
        raise _AskedError(inputs)

    def part(self, name: str) -> Executor:
        return self


@dataclass(frozen=True)
class _Answering:
    """An executor that knows the network's answer."""

    device: torch.device
    raw: Raw

    def __call__(self, *inputs: Tensor) -> Raw:
        return self.raw

    def part(self, name: str) -> Executor:
        return self
