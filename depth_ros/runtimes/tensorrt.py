"""TensorRT's engines: built once for a GPU, its software, a graph and its shapes, then kept."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from depth_ros.errors import ModelError
from depth_ros.runtimes import user_cache
from depth_ros.runtimes.graph import Graph

_UNKNOWN = "unknown"

Shapes = tuple[tuple[str, tuple[int, ...]], ...]
"""Names of inputs and their shapes."""


@dataclass(frozen=True)
class EngineKey:
    """What an engine is good for: it is of use to none that differs in any of these.

    Attributes:
        gpu: its name and compute capability.
        onnxruntime, tensorrt, cuda: versions; unknown where one cannot be told.
        graph: its hash.
        precision: of the graph.
        shapes: of its inputs.
    """

    gpu: str
    onnxruntime: str
    tensorrt: str
    cuda: str
    graph: str
    precision: str
    shapes: str

    @property
    def keeps(self) -> bool:
        """Whether it is kept: of a TensorRT of unknown version it may not fit the next one."""
        return self.tensorrt != _UNKNOWN

    @property
    def folder(self) -> Path:
        """Where the engine is kept: below $XDG_CACHE_HOME, or ~/.cache."""
        said = "\n".join(f"{name}={value}" for name, value in asdict(self).items())
        return cache() / hashlib.sha256(said.encode()).hexdigest()[:32]


def cache() -> Path:
    """Return the folder of all engines."""
    return user_cache.folder("tensorrt")


def key(graph: Graph, shapes: Shapes, device: torch.device, ort: Any) -> EngineKey:
    """Return the key of a graph's engine on a GPU.

    Raises:
        ModelError: the device is no GPU: torch cannot say whose engine it would be.
    """
    if device.type != "cuda":
        raise ModelError(
            f"provider tensorrt was asked for on device {device}, expected a CUDA device: install "
            "a CUDA build of torch, which names the GPU that engines are built for"
        )
    gpu = torch.cuda.get_device_properties(device)
    return EngineKey(
        gpu=f"{gpu.name} sm{gpu.major}{gpu.minor}",
        onnxruntime=ort.__version__,
        tensorrt=version(),
        cuda=str(torch.version.cuda),
        graph=graph.sha256,
        precision=graph.precision,
        shapes=profile(shapes),
    )


def options(key: EngineKey, device: torch.device) -> dict[str, str]:
    """Return what the provider is to be told, so that it keeps its engine and finds it again.

    One engine serves one shape of each input: it is the fastest for a camera, whose images are all
    of one size.
    """
    folder = str(key.folder)
    told = {
        "device_id": str(device.index or 0),
        "trt_engine_cache_enable": str(key.keeps),
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": folder,
        "trt_fp16_enable": str(key.precision == "float16"),
        "trt_int8_enable": str(key.precision == "int8"),
    }
    ends = ("min", "opt", "max")
    return told | {f"trt_profile_{end}_shapes": key.shapes for end in ends}


def profile(shapes: Shapes) -> str:
    """Return shapes as TensorRT's provider writes them: name:1x3x384x512,other:1x5."""
    return ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in shapes)


@contextmanager
def building(key: EngineKey) -> Iterator[None]:
    """Show how long an engine is being built, if it is: minutes in which nothing else is heard."""
    key.folder.mkdir(parents=True, exist_ok=True)
    if key.keeps and any(key.folder.glob("*.engine")):
        yield
        return
    often = "once" if key.keeps else "anew at every start, as its version cannot be told"
    said = f"TensorRT builds an engine for {key.shapes} on {key.gpu}, {often}"
    with tqdm(desc=said, bar_format="{desc}: {elapsed}"):
        yield


def version() -> str:
    """Return TensorRT's version: of the library that is installed, or of its package for pip."""
    found = _library_version()
    return found or next(_package_versions(), _UNKNOWN)


def _library_version() -> str:
    name = find_library("nvinfer")
    if name is None:
        return ""
    try:
        library: Any = ctypes.CDLL(name)
    except OSError:
        return ""
    return str(library.getInferLibVersion())


def _package_versions() -> Iterator[str]:
    for each in distributions():
        if each.name.lower().startswith("tensorrt"):
            yield each.version
