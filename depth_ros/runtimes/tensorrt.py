"""TensorRT engines: built once for a GPU, its software, a graph and its shapes, then cached."""

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
    """What an engine depends on: it is valid only if all of these are equal.

    Attributes:
        gpu: its name and compute capability.
        onnxruntime, tensorrt, cuda: versions, or "unknown".
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
    def is_cacheable(self) -> bool:
        """Whether TensorRT's version is known; a cached engine might not fit another version."""
        return self.tensorrt != _UNKNOWN

    @property
    def folder(self) -> Path:
        """Folder of the cached engine, below $XDG_CACHE_HOME or ~/.cache."""
        text = "\n".join(f"{name}={value}" for name, value in asdict(self).items())
        return cache() / hashlib.sha256(text.encode()).hexdigest()[:32]


def cache() -> Path:
    """Return the folder of all engines."""
    return user_cache.folder("tensorrt")


def key(graph: Graph, shapes: Shapes, device: torch.device, ort: Any) -> EngineKey:
    """Return the key of a graph's engine on a GPU.

    Raises:
        ModelError: the device is not a GPU: torch must name the GPU that the engine is for.
    """
    if device.type != "cuda":
        raise ModelError(
            f"provider tensorrt has device {device}, expected a CUDA device: install a CUDA build "
            "of torch, which names the GPU that engines are built for"
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
    """Return the provider's options, with which it caches its engine.

    An engine for exactly one shape of each input is the fastest, and all images of a camera have
    one size.
    """
    folder = str(key.folder)
    values = {
        "device_id": str(device.index or 0),
        "trt_engine_cache_enable": str(key.is_cacheable),
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": folder,
        "trt_fp16_enable": str(key.precision == "float16"),
        "trt_int8_enable": str(key.precision == "int8"),
    }
    ends = ("min", "opt", "max")
    return values | {f"trt_profile_{end}_shapes": key.shapes for end in ends}


def profile(shapes: Shapes) -> str:
    """Return shapes in the format of TensorRT's provider: name:1x3x384x512,other:1x5."""
    return ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in shapes)


@contextmanager
def building(key: EngineKey) -> Iterator[None]:
    """Show the elapsed time while an engine is being built, which takes minutes."""
    key.folder.mkdir(parents=True, exist_ok=True)
    if key.is_cacheable and any(key.folder.glob("*.engine")):
        yield
        return
    often = "once" if key.is_cacheable else "at every start, as its version is unknown"
    text = f"TensorRT builds an engine for {key.shapes} on {key.gpu}, {often}"
    with tqdm(desc=text, bar_format="{desc}: {elapsed}"):
        yield


def version() -> str:
    """Return TensorRT's version: of the installed library, or of its pip package."""
    if found := _library_version():
        return found
    packages = (each for each in distributions() if each.name.lower().startswith("tensorrt"))
    return next((each.version for each in packages), _UNKNOWN)


def _library_version() -> str:
    name = find_library("nvinfer")
    if name is None:
        return ""
    try:
        library: Any = ctypes.CDLL(name)
    except OSError:
        return ""
    return str(library.getInferLibVersion())
