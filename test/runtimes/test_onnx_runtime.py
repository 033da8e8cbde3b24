"""ONNX Runtime: the providers of a graph, their options, and no silent fallback."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.runtimes import providers, tensorrt
from depth_ros.runtimes.graph import Graph
from depth_ros.runtimes.onnx_runtime import WHOLE, GraphRuntime, OnnxRuntime
from depth_ros.runtimes.providers import PROVIDERS

CPU, CUDA, TENSORRT = PROVIDERS["cpu"], PROVIDERS["cuda"], PROVIDERS["tensorrt"]
GPU = torch.device("cuda", 0)


class Ort:
    """Replaces the module onnxruntime; its sessions double their inputs.

    installed are the providers that it was built with, broken those of them that do not start.
    """

    __version__ = "1.99"

    def __init__(self, installed: list[str], broken: tuple[str, ...] = ()) -> None:
        self.installed, self.broken = installed, broken
        self.opened: list[list[tuple[str, dict[str, str]]]] = []
        self.runs: list[dict[str, tuple[int, ...]]] = []

    def get_available_providers(self) -> list[str]:
        return self.installed

    def SessionOptions(self) -> Any:  # noqa: N802 - onnxruntime's name
        return SimpleNamespace(add_session_config_entry=lambda name, value: None)

    def InferenceSession(self, path: str, sess_options: Any, providers: Any) -> Any:  # noqa: N802
        self.opened.append(providers)
        started = [name for name, _ in providers if name not in self.broken]
        ort = self

        class Session:
            def get_providers(self) -> list[str]:
                return list(dict.fromkeys([*started, CPU]))

            def run(self, names: None, inputs: dict[str, Any]) -> list[Any]:
                ort.runs.append({name: each.shape for name, each in inputs.items()})
                return [2 * each.mean(1) for each in inputs.values()]

        return Session()


def graph(*shape: int | None, name: str = "pixels") -> Graph:
    return Graph(Path("network.onnx"), "abc", "float32", ((name, shape),))


def runtime(ort: Ort, requested: str = "cpu", *shape: int | None) -> OnnxRuntime:
    return OnnxRuntime({WHOLE: graph(*(shape or (None, 3, None, None)))}, "cpu", requested, ort=ort)


@pytest.mark.parametrize("requested", ["cuda", "tensorrt", "tensorrt,cuda,cpu", "cpu,cuda"])
def test_a_provider_that_is_not_installed_is_an_error_that_lists_what_is(requested: str) -> None:
    ort = Ort([CPU, "AzureExecutionProvider"])
    with pytest.raises(
        ModelError, match=r"is unavailable, onnxruntime 1\.99 has cpu, azure.*providers:=cpu"
    ):
        runtime(ort, requested)
    assert not ort.opened


def test_a_provider_that_does_not_start_is_an_error_and_no_fallback() -> None:
    ort = Ort([TENSORRT, CUDA, CPU], broken=(CUDA,))
    with pytest.raises(ModelError, match=r"cuda did not start.*runs on cpu"):
        runtime(ort, "cuda")


def test_providers_are_used_in_the_users_order() -> None:
    ort = Ort([TENSORRT, CUDA, CPU])
    runtime(ort, "cpu, cuda")
    assert [name for name, _ in ort.opened[0]] == [CPU, CUDA]


@pytest.mark.parametrize("text", ["", "gpu", "cuda;cpu", "cpu,cpu", "cuda,auto"])
def test_an_invalid_list_of_providers_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="expected auto, or some of tensorrt, cuda, cpu"):
        providers.choose(text, cuda=False)


@pytest.mark.parametrize(("cuda", "expected"), [(True, ("cuda",)), (False, ("cpu",))])
def test_auto_follows_the_device(cuda: bool, expected: tuple[str, ...]) -> None:
    assert providers.choose("auto", cuda) == expected


def test_two_packages_of_onnxruntime_are_named_as_the_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(providers, "version", lambda package: "1.0")
    with pytest.raises(ModelError, match="both installed and overwrite each other"):
        runtime(Ort([CPU]), "cuda")


def test_a_graph_of_one_image_answers_a_batch_image_by_image() -> None:
    ort = Ort([CPU])
    given = torch.rand(3, 3, 4, 6)
    output = runtime(ort, "cpu", 1, 3, None, None)(given)
    assert isinstance(output, torch.Tensor)
    assert ort.runs == [{"pixels": (1, 3, 4, 6)}] * 3
    torch.testing.assert_close(output, 2 * given.mean(1))


@pytest.mark.parametrize("shape", [(1, 3, 8, 6), (1, 4, 8, 8), (3, 8, 8)])
def test_inputs_that_the_graph_does_not_take_are_refused_with_their_shape(
    shape: tuple[int, ...],
) -> None:
    given = "x".join(map(str, shape))
    with pytest.raises(ModelError, match=rf"pixels is {given}, network\.onnx takes \?x3x8x8"):
        runtime(Ort([CPU]), "cpu", None, 3, 8, 8)(torch.rand(shape))
    with pytest.raises(ModelError, match="2 inputs are given"):
        runtime(Ort([CPU]))(torch.rand(1, 3, 8, 8), torch.rand(1))


def test_a_part_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="expected one called 'encoder'"):
        runtime(Ort([CPU])).part("encoder")
    with pytest.raises(ModelError, match="it has no part 'encoder'"):
        runtime(Ort([CPU])).part(WHOLE).part("encoder")


class Stream:
    """Records what it waits for, and who waits for it."""

    cuda_stream = 4711

    def __init__(self, log: list[tuple[Any, ...]], name: str) -> None:
        self.log, self.name = log, name

    def wait_stream(self, other: "Stream") -> None:
        self.log.append((f"{self.name} waits for {other.name}",))

    def synchronize(self) -> None:
        self.log.append((f"the host waits for {self.name}",))


class Binding:
    """Records bindings, and allocates outputs that ONNX Runtime must place itself."""

    def __init__(self, log: list[tuple[Any, ...]]) -> None:
        self.log = log

    def bind_input(self, *bound: Any) -> None:
        self.log.append(("in", *bound))

    def bind_output(self, *bound: Any) -> None:
        self.log.append(("out", *bound))

    def copy_outputs_to_cpu(self) -> list[Any]:
        return [np.full((1, 4, 6), 7, np.float32)]


def test_on_a_gpu_inputs_and_outputs_are_bound_where_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: list[tuple[Any, ...]] = []
    session = SimpleNamespace(
        io_binding=lambda: Binding(log),
        get_outputs=lambda: [SimpleNamespace(name="values")],
        run_with_iobinding=lambda binding, *options: log.append(("run", *options)),
        get_providers=lambda: [CUDA, CPU],
    )
    ort = Ort([CUDA, CPU])
    opened: list[Any] = []

    def inference_session(*_: Any, providers: Any, **__: Any) -> Any:
        opened.append(providers)
        return session

    monkeypatch.setattr(ort, "InferenceSession", inference_session)
    options: list[tuple[str, str]] = []
    run_options = SimpleNamespace(add_run_config_entry=lambda *entry: options.append(entry))
    monkeypatch.setattr(ort, "RunOptions", lambda: run_options, raising=False)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream(log, "torch"))
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream(log, "its stream"))
    recorded: list[Tensor] = []
    monkeypatch.setattr(Tensor, "record_stream", lambda self, stream: recorded.append(self))
    monkeypatch.setattr(torch, "empty", lambda shape, device: torch.zeros(shape))
    one = GraphRuntime(graph(None, 3, None, None), GPU, ("cuda",), ort)
    assert opened == [[(CUDA, {"device_id": "0", "user_compute_stream": "4711"})]]
    pixels = torch.rand(1, 3, 4, 6)
    first = one._run_on_device(session, (("pixels", (1, 3, 4, 6)),), [pixels])
    second = one._run_on_device(session, (("pixels", (1, 3, 4, 6)),), [pixels])
    bound_in = ("in", "pixels", "cuda", 0, np.float32, (1, 3, 4, 6), pixels.data_ptr())
    own = ("out", "values", "cuda", 0, np.float32, (1, 4, 6), second[0].data_ptr())
    assert log == [
        bound_in,
        ("out", "values", "cuda", 0),
        ("the host waits for torch",),
        ("run",),
        bound_in,
        own,
        ("its stream waits for torch",),
        ("run", run_options),
        ("torch waits for its stream",),
    ]
    assert options == [("disable_synchronize_execution_providers", "1")]
    assert {id(each) for each in recorded} == {id(pixels), id(second[0])}
    assert float(first[0].max()) == 7


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gpu = SimpleNamespace(name="Orin", major=8, minor=7)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: gpu)
    monkeypatch.setattr(tensorrt, "version", lambda: "10.3")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


SHAPES = (("pixels", (1, 3, 384, 512)), ("prompt_depth_m", (1, 1, 192, 256)))


@pytest.mark.usefixtures("one_gpu")
def test_tensorrt_gets_the_shapes_and_the_folder_of_its_engine(tmp_path: Path) -> None:
    key = tensorrt.key(graph(None, 3, None, None), SHAPES, GPU, Ort([TENSORRT]))
    options = tensorrt.options(key, GPU)
    text = "pixels:1x3x384x512,prompt_depth_m:1x1x192x256"
    assert {options[f"trt_profile_{end}_shapes"] for end in ("min", "opt", "max")} == {text}
    assert Path(options["trt_engine_cache_path"]).parent == tmp_path / "depth_ros" / "tensorrt"
    assert options["trt_engine_cache_enable"] == "True"
    assert options["trt_fp16_enable"] == options["trt_int8_enable"] == "False"


@pytest.mark.usefixtures("one_gpu")
def test_an_engine_is_found_again_by_all_that_it_depends_on_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def folder(each: Graph, shapes: tensorrt.Shapes = SHAPES, version: str = "1.99") -> Path:
        ort = Ort([TENSORRT])
        monkeypatch.setattr(ort, "__version__", version, raising=False)
        return tensorrt.key(each, shapes, GPU, ort).folder

    one = graph(None, 3, None, None)
    moved = Graph(Path("elsewhere.onnx"), one.sha256, one.precision, one.inputs)
    assert folder(one) == folder(one) == folder(moved)
    others = [
        folder(Graph(one.path, "def", one.precision, one.inputs)),
        folder(Graph(one.path, one.sha256, "float16", one.inputs)),
        folder(one, SHAPES[:1]),
        folder(one, version="2.0"),
    ]
    monkeypatch.setattr(tensorrt, "version", lambda: "10.4")
    others.append(folder(one))
    gpu = SimpleNamespace(name="Thor", major=10, minor=1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: gpu)
    others.append(folder(one))
    assert len({*others, folder(moved)}) == len(others)


def test_tensorrt_without_a_cuda_device_is_an_error() -> None:
    one = runtime(Ort([TENSORRT, CUDA, CPU]), "tensorrt,cuda")
    with pytest.raises(ModelError, match="provider tensorrt has device cpu"):
        one(torch.rand(1, 3, 8, 8))


@pytest.mark.usefixtures("one_gpu")
def test_a_new_engine_is_announced_and_a_kept_one_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = tensorrt.key(graph(None, 3, None, None), SHAPES, GPU, Ort([TENSORRT]))
    with tensorrt.building(key):
        (key.folder / "some.engine").touch()
    assert "TensorRT builds an engine for pixels:1x3x384x512" in capsys.readouterr().err
    with tensorrt.building(key):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("one_gpu")
def test_an_engine_of_an_unknown_tensorrt_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tensorrt, "version", lambda: "unknown")
    key = tensorrt.key(graph(None, 3, None, None), SHAPES, GPU, Ort([TENSORRT]))
    assert tensorrt.options(key, GPU)["trt_engine_cache_enable"] == "False"
    for _ in range(2):
        with tensorrt.building(key):
            (key.folder / "some.engine").touch()
        assert "at every start" in capsys.readouterr().err


@pytest.mark.usefixtures("one_gpu")
def test_each_shape_has_an_engine_of_its_own_and_few_stay_loaded() -> None:
    ort = Ort([TENSORRT, CUDA, CPU])
    one = GraphRuntime(graph(None, 3, None, None), GPU, ("tensorrt", "cuda"), ort)
    assert not ort.opened, "shapes are not known before the first image"
    for width in (6, 8, 6, 10, 12, 14, 6):
        one._session((("pixels", (1, 3, 4, width)),))
    shapes = [dict(each[0][1])["trt_profile_opt_shapes"] for each in ort.opened]
    assert shapes == [f"pixels:1x3x4x{width}" for width in (6, 8, 10, 12, 14, 6)][: len(shapes)]
    assert [name for name, _ in ort.opened[0]] == [TENSORRT, CUDA]
    assert len(one._opened) == 4


def test_a_missing_onnxruntime_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(
        ModelError, match="pip install onnxruntime, or with an NVIDIA GPU onnxruntime-gpu"
    ):
        OnnxRuntime({}, "cpu")
