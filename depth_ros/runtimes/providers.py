"""Selection of ONNX Runtime's execution providers: exactly the requested ones, or an error.

ONNX Runtime itself silently leaves out a provider that is not installed or does not start, and
runs on the CPU instead.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from depth_ros.errors import ModelError, ModelSettingError

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""ONNX Runtime's name of each provider."""

_CURE = (
    "on x86 with an NVIDIA GPU `pip uninstall onnxruntime` and `pip install onnxruntime-gpu`, "
    "on a Jetson NVIDIA's own onnxruntime-gpu; or set providers:=cpu"
)
_CLASH = "; onnxruntime and onnxruntime-gpu are both installed and overwrite each other"


def import_onnxruntime() -> Any:
    """Return the module onnxruntime.

    Raises:
        ModelError: it is not installed, or cannot be loaded.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            f"runtime onnxruntime cannot be loaded ({error}): pip install onnxruntime, or with an "
            "NVIDIA GPU onnxruntime-gpu; never both"
        ) from error
    return onnxruntime


def choose(text: str, cuda: bool) -> tuple[str, ...]:
    """Return the providers that a setting names, in its order.

    Args:
        text: names, separated by commas; auto: cuda on a CUDA device, otherwise cpu.
        cuda: whether the device is a CUDA device.

    Raises:
        ModelError: a name is unknown, or named twice.
    """
    if text == "auto":
        return ("cuda",) if cuda else ("cpu",)
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= PROVIDERS.keys() or len(set(names)) < len(names):
        raise ModelSettingError(
            f"providers is '{text}', expected auto, or some of {', '.join(PROVIDERS)} in priority "
            "order, separated by commas"
        )
    return names


def check_installed(requested: tuple[str, ...], ort: Any) -> None:
    """Refuse providers that this ONNX Runtime was not built with.

    Raises:
        ModelError: one is unavailable; the message lists the available ones.
    """
    installed = ort.get_available_providers()
    for name in requested:
        if PROVIDERS[name] not in installed:
            raise ModelError(
                f"provider {name} is unavailable, onnxruntime {ort.__version__} has "
                f"{', '.join(map(_short, installed))}{_clash()}: {_CURE}"
            )


def check_started(requested: tuple[str, ...], session: Any, ort: Any) -> None:
    """Refuse a session that ONNX Runtime has opened with fewer providers than requested.

    Raises:
        ModelError: one is installed and did not start.
    """
    started = session.get_providers()
    for name in requested:
        if PROVIDERS[name] not in started:
            raise ModelError(
                f"provider {name} did not start, onnxruntime {ort.__version__} runs on "
                f"{', '.join(map(_short, started))}{_clash()}: it needs an NVIDIA GPU with its "
                "driver, and the CUDA, cuDNN and TensorRT that onnxruntime-gpu was built for; or "
                "set providers:=cpu"
            )


def _short(provider: str) -> str:
    names = {known: name for name, known in PROVIDERS.items()}
    return names.get(provider, provider.removesuffix("ExecutionProvider").lower())


def _clash() -> str:
    return _CLASH if all(map(_is_installed, ("onnxruntime", "onnxruntime-gpu"))) else ""


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
