"""Run a network's graphs in ONNX Runtime, on the requested providers and no others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depth_ros.errors import ModelError, ModelSettingError
from depth_ros.runtimes import providers as onnx_providers
from depth_ros.runtimes import tensorrt
from depth_ros.runtimes.graph import Graph
from depth_ros.runtimes.tensorrt import Shapes
from depth_ros.runtimes.torch_runtime import Raw, choose_device

WHOLE = ""
"""The part that is the whole network."""

_ENGINES = 4
"""Number of shapes whose TensorRT engines stay loaded, for each graph."""

_ERRORS = 3
"""Log severity of errors: ONNX Runtime warns of every operator that it runs on the CPU."""


class OnnxRuntime:
    """Executes graphs.

    Args:
        graphs: by part; WHOLE for a network that is one graph.
        device: of inputs and outputs, by name, see choose_device(). On a CUDA device the CUDA and
            TensorRT providers read and write there, without a copy.
        providers: see providers.choose().
        dtype: float32, or the precision of the graphs.
        ort: the module onnxruntime; None: the installed one.

    Raises:
        ModelError: the device or a provider is unavailable, a graph cannot be opened, or it has
            another precision than dtype.
    """

    def __init__(
        self,
        graphs: Mapping[str, Graph],
        device: str = "auto",
        providers: str = "auto",
        dtype: str = "float32",
        ort: Any = None,
    ) -> None:
        ort = onnx_providers.import_onnxruntime() if ort is None else ort
        self.device = choose_device(device)
        requested = onnx_providers.choose(providers, self.device.type == "cuda")
        onnx_providers.check_installed(requested, ort)
        for graph in graphs.values():
            _check_precision(graph, dtype)
        self._parts = {
            name: GraphRuntime(graph, self.device, requested, ort) for name, graph in graphs.items()
        }

    def __call__(self, *inputs: Tensor) -> Raw:
        """Return the network's float32 output, or outputs, for input batches on any device."""
        return self.part(WHOLE)(*inputs)

    def part(self, name: str) -> GraphRuntime:
        """Return the runtime of one part of the network.

        Raises:
            ModelError: there is no such part.
        """
        if name not in self._parts:
            raise ModelError(f"graphs are {', '.join(self._parts)}, expected one called '{name}'")
        return self._parts[name]


class GraphRuntime:
    """Executes one graph. For TensorRT, each shape of the inputs has its own session."""

    def __init__(
        self, graph: Graph, device: torch.device, providers: tuple[str, ...], ort: Any
    ) -> None:
        self.device = device
        self._graph, self._providers, self._ort = graph, providers, ort
        self._on_device = device.type == "cuda" and providers[0] != "cpu"
        # Not torch's default stream, which ONNX Runtime cannot use: its address is 0.
        own_stream = self._on_device and "tensorrt" not in providers
        self._stream = torch.cuda.Stream(device) if own_stream else None
        self._numbers = {name: np.array(each, np.int64) for name, each in graph.numbers.items()}
        self._opened: OrderedDict[Shapes, Any] = OrderedDict()
        self._output_shapes: dict[Shapes, list[tuple[int, ...]]] = {}
        if "tensorrt" not in providers:
            self._session(())

    def __call__(self, *inputs: Tensor) -> Raw:
        """Return the graph's float32 output, or outputs, for input batches on any device.

        A graph with a batch size of 1 runs image by image.

        Raises:
            ModelError: the graph expects other inputs, or fails.
        """
        home = self.device if self._on_device else torch.device("cpu")
        given = [each.to(home, torch.float32).contiguous() for each in inputs]
        batch = len(given[0]) if self._graph.inputs[0][1][0] == 1 else 1
        images = zip(*(each.chunk(batch) for each in given), strict=True)
        runs = [self._run(list(each)) for each in images]
        joined = runs[0] if batch == 1 else [torch.cat(each) for each in zip(*runs, strict=True)]
        outputs = [each.to(self.device) for each in joined]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def part(self, name: str) -> GraphRuntime:
        """Refuse: a graph has no parts.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"{self._graph.path} is one graph, it has no part '{name}'")

    def _run(self, inputs: list[Tensor]) -> list[Tensor]:
        shapes = self._named_shapes(inputs)
        session = self._session(shapes if "tensorrt" in self._providers else ())
        try:
            if self._on_device:
                return self._run_on_device(session, shapes, inputs)
            named = {name: each.numpy() for (name, _), each in zip(shapes, inputs, strict=True)}
            named |= self._numbers
            return [torch.from_numpy(each) for each in session.run(None, named)]
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise ModelError(f"{self._graph.path} failed in onnxruntime: {error}") from error

    def _run_on_device(self, session: Any, shapes: Shapes, inputs: list[Tensor]) -> list[Tensor]:
        """Run in the GPU's memory, with torch's buffers for inputs and outputs.

        The sizes of the outputs are known only after the first run of these shapes: in that run
        ONNX Runtime allocates the outputs. Later runs are queued between torch's work before and
        after, and the host does not wait; with TensorRT it does.
        """
        binding = session.io_binding()
        place = ("cuda", self.device.index or 0)
        for (name, shape), each in zip(shapes, inputs, strict=True):
            binding.bind_input(name, *place, np.float32, shape, each.data_ptr())
        for name, number in self._numbers.items():
            binding.bind_cpu_input(name, number)
        names = [output.name for output in session.get_outputs()]
        buffers = self._buffers(shapes)
        if buffers is None:
            for name in names:
                binding.bind_output(name, *place)
        else:
            for name, buffer in zip(names, buffers, strict=True):
                shape = tuple(buffer.shape)
                binding.bind_output(name, *place, np.float32, shape, buffer.data_ptr())
        current = torch.cuda.current_stream(self.device)
        if buffers is not None and self._stream is not None:
            self._stream.wait_stream(current)
            session.run_with_iobinding(binding, self._without_waiting())
            current.wait_stream(self._stream)
            for each in (*inputs, *buffers):
                each.record_stream(self._stream)  # otherwise its memory would be reused too early
            return buffers
        current.synchronize()
        session.run_with_iobinding(binding)  # waits for its own stream
        if buffers is not None:
            return buffers
        outputs = [torch.from_numpy(each) for each in binding.copy_outputs_to_cpu()]
        self._output_shapes[shapes] = [tuple(each.shape) for each in outputs]
        return outputs

    def _without_waiting(self) -> Any:
        options = self._ort.RunOptions()
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        return options

    def _buffers(self, shapes: Shapes) -> list[Tensor] | None:
        """Return memory for outputs, which torch's allocator reuses; None: sizes are unknown."""
        if shapes not in self._output_shapes:
            return None
        return [torch.empty(each, device=self.device) for each in self._output_shapes[shapes]]

    def _named_shapes(self, inputs: list[Tensor]) -> Shapes:
        """Return names and shapes of inputs.

        Raises:
            ModelError: the graph expects others.
        """
        wanted = self._graph.inputs
        if len(inputs) != len(wanted):
            raise ModelError(
                f"{len(inputs)} inputs are given, {self._graph.path} takes {len(wanted)}"
            )
        for (name, shape), given in zip(wanted, inputs, strict=True):
            if not _fits(tuple(given.shape), shape):
                raise ModelError(
                    f"{name} is {_text(tuple(given.shape))}, {self._graph.path.name} takes "
                    f"{_text(shape)}: export it with --size {_text(tuple(given.shape[-2:]))}, or "
                    "with --dynamic"
                )
        return tuple(
            (name, tuple(each.shape)) for (name, _), each in zip(wanted, inputs, strict=True)
        )

    def _session(self, shapes: Shapes) -> Any:
        """Return the session for inputs of these shapes; the least recently used one is closed."""
        if shapes not in self._opened:
            while len(self._opened) >= _ENGINES:
                self._opened.popitem(last=False)
            self._opened[shapes] = self._open(shapes)
        self._opened.move_to_end(shapes)
        return self._opened[shapes]

    def _open(self, shapes: Shapes) -> Any:
        """Open the graph.

        Raises:
            ModelError: it cannot be opened on the requested providers.
        """
        with ExitStack() as stack:
            providers = [
                (onnx_providers.PROVIDERS[name], self._provider_options(name, shapes, stack))
                for name in self._providers
            ]
            options = self._ort.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            options.log_severity_level = _ERRORS
            # Threads that spin between runs would take cores from the stages after the network.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            try:
                session = self._ort.InferenceSession(
                    str(self._graph.path), sess_options=options, providers=providers
                )
            except Exception as error:  # ONNX Runtime's errors have no common base
                raise ModelError(
                    f"{self._graph.path} cannot be opened by onnxruntime: {error}"
                ) from error
        onnx_providers.check_started(self._providers, session, self._ort)
        return session

    def _provider_options(self, provider: str, shapes: Shapes, stack: ExitStack) -> dict[str, str]:
        """Return a provider's options; for TensorRT, show progress until the stack is closed."""
        if provider == "tensorrt":
            key = tensorrt.key(self._graph, shapes, self.device, self._ort)
            stack.enter_context(tensorrt.building(key))
            return tensorrt.options(key, self.device)
        if provider != "cuda":
            return {}
        stream = (
            {} if self._stream is None else {"user_compute_stream": str(self._stream.cuda_stream)}
        )
        return {"device_id": str(self.device.index or 0), **stream}


def _check_precision(graph: Graph, dtype: str) -> None:
    if dtype not in ("float32", graph.precision):
        raise ModelSettingError(
            f"dtype is '{dtype}', {graph.path} was exported in {graph.precision}: expected "
            f"{graph.precision}, or an export with --fp16"
        )


def _fits(given: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(given) == len(wanted) and all(
        want in (None, have) for have, want in zip(given, wanted, strict=True)
    )


def _text(shape: tuple[int | None, ...]) -> str:
    return "x".join("?" if side is None else str(side) for side in shape)
