"""The torch runtime: device, precision, and no silent fallback."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch._inductor import config as inductor

from depth_ros import runtimes
from depth_ros.config import SPECS
from depth_ros.errors import ModelError
from depth_ros.runtimes import is_lost
from depth_ros.runtimes.graph import Graph
from depth_ros.runtimes.torch_runtime import TorchRuntime, choose_device

NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")


class Recorder(nn.Module):
    """Records its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.seen: list[tuple[torch.dtype, bool, bool]] = []

    def forward(self, pixels: Tensor) -> Tensor:
        self.seen.append((pixels.dtype, torch.is_inference_mode_enabled(), self.training))
        return pixels.mean(1) * self.scale


@NO_CUDA
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7"])
def test_cuda_that_is_not_there_is_an_error_and_no_fallback(name: str) -> None:
    with pytest.raises(ModelError, match=rf"'{name}' is unavailable.*device:=cpu"):
        choose_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "mps", "cpu:x"])
def test_a_name_that_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="expected auto, cpu, cuda"):
        choose_device(name)


@NO_CUDA
def test_auto_is_the_cpu_without_cuda() -> None:
    assert choose_device("auto") == torch.device("cpu")


def test_the_runtimes_are_those_that_the_setting_allows() -> None:
    assert ("auto", *runtimes.RUNTIMES) == SPECS["runtime"].choices
    with pytest.raises(ModelError, match="runtime 'tvm' is unknown, expected one of torch"):
        runtimes.create("tvm", nn.Identity(), "cpu", "float32")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ModelError, match="dtype is 'int8'"):
        TorchRuntime(nn.Identity(), "cpu", "int8")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_network_runs_in_its_precision_without_gradients_and_answers_in_float32(
    dtype: str,
) -> None:
    network = Recorder()
    output = TorchRuntime(network, "cpu", dtype)(torch.ones(1, 3, 4, 6))
    assert isinstance(output, torch.Tensor)
    assert network.seen == [(getattr(torch, dtype), True, False)]
    assert output.dtype == torch.float32
    assert not output.requires_grad
    assert not network.scale.requires_grad


def test_several_inputs_and_outputs_pass_in_their_order() -> None:
    class Swap(nn.Module):
        def forward(self, image: torch.Tensor, prompt: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return prompt, image.mean((1, 2, 3))

    runtime = TorchRuntime(Swap(), "cpu", "bfloat16")
    maps, numbers = runtime(torch.full((2, 3, 4, 6), 2.0), torch.ones(2, 1, 5, 7))
    assert (maps.shape, maps.dtype) == ((2, 1, 5, 7), torch.float32)
    assert numbers.tolist() == [2.0, 2.0]


class Parts(nn.Module):
    """Two networks in one, of which one casts by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.plain, self.exact = Recorder(), Recorder()
        self.exact.casts_itself = True  # type: ignore[assignment]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_part_runs_alone_in_the_whole_networks_precision(dtype: str) -> None:
    network = Parts()
    part = TorchRuntime(network, "cpu", dtype).part("plain")
    assert part(torch.ones(1, 3, 4, 6)).dtype == torch.float32  # type: ignore[union-attr]
    assert network.plain.seen == [(getattr(torch, dtype), True, False)]
    assert network.exact.seen == []
    assert (part.device, part.dtype) == (torch.device("cpu"), getattr(torch, dtype))


def test_a_part_is_made_once() -> None:
    runtime = TorchRuntime(Parts(), "cpu")
    assert runtime.part("plain") is runtime.part("plain")
    assert runtime.part("plain") is not runtime.part("exact")


def test_a_network_that_casts_by_itself_gets_float32_and_has_the_weights_precision() -> None:
    network = Parts()
    runtime = TorchRuntime(network, "cpu", "bfloat16")
    exact = runtime.part("exact")(torch.full((1, 3, 4, 6), 1.001))
    assert network.exact.seen == [(torch.float32, True, False)]
    assert network.exact.scale.dtype == torch.bfloat16
    assert isinstance(exact, Tensor)
    assert float(exact.mean()) == pytest.approx(1.001, abs=1e-6)


class Shrink(nn.Module):
    """As small as a network with a convolution can be."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, 4, 3, stride=2)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.layer(pixels).relu()
        return maps.mean(1), maps.mean((1, 2, 3))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_convolutions_on_the_cpu_run_with_channels_last(dtype: str) -> None:
    network = Shrink()
    TorchRuntime(network, "cpu", dtype)
    assert network.layer.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="this machine has no C++ compiler")
def test_a_compiled_network_gives_the_same_result_and_compiles_each_size_once() -> None:
    sizes = [(8, 12), (12, 8), (8, 12)]
    images = [torch.rand(1, 3, *size) for size in sizes]
    eager, compiled = TorchRuntime(Shrink(), "cpu"), TorchRuntime(Shrink(), "cpu", compiled=True)
    counters.clear()
    for image in images:
        torch.testing.assert_close(compiled(image), eager(image))
    assert counters["stats"]["unique_graphs"] == 2


def test_a_compiler_error_names_the_setting_to_avoid_it() -> None:
    # Not monkeypatch, which leaves some of torch's options deleted.
    broken = inductor.patch({"cpp.cxx": (None, "no-such-compiler"), "force_disable_caches": True})
    expected = r"torch\.compile failed, set compile:=false.*C\+\+"
    with broken, pytest.raises(ModelError, match=expected):
        TorchRuntime(Shrink(), "cpu", compiled=True)(torch.rand(1, 3, 9, 7))


def test_an_exported_network_is_not_compiled_again() -> None:
    graph = Graph(Path("network.onnx"), "abc", "float32", (("pixels", (1, 3, 8, 8)),))
    with pytest.raises(ModelError, match=r"compile is true for an \.onnx file"):
        runtimes.create("auto", nn.Identity(), "cpu", "float32", {"": graph}, compiled=True)


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("CUDA error: an illegal memory access was encountered\nCompile with ...", True),
        ("CUDA failure 719: unspecified launch failure ; GPU=0 ; hostname=robot", True),
        ("HIP error: invalid device function", True),
        ("CUDA out of memory. Tried to allocate 2.00 GiB", False),
        ("CUDA error: out of memory\nCUDA kernel errors might be ...", False),
        ("CUDA failure 2: out of memory ; GPU=0 ; hostname=robot", False),
        ("shape mismatch", False),
    ],
)
def test_permanent_errors_lose_the_device_and_short_memory_does_not(text: str, lost: bool) -> None:
    assert is_lost(RuntimeError(text)) is lost
