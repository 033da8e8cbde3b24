"""Load the model that settings name, check the settings, and execute it on a device."""

from __future__ import annotations

from functools import partial
from typing import cast

from depth_ros import models, runtimes
from depth_ros.config import Settings
from depth_ros.errors import ModelSettingError
from depth_ros.models import DepthModel
from depth_ros.models.base import Executor, ModelFacts
from depth_ros.models.mirrored import Mirrored
from depth_ros.models.resizing import Fit
from depth_ros.pipeline.predictor import NetworkPredictor
from depth_ros.pipeline.renderer import no_confidence
from depth_ros.runtimes.capture import Graphs
from depth_ros.runtimes.torch_runtime import choose_device
from depth_ros.runtimes.tuning import Tuner


def check(model: ModelFacts, settings: Settings) -> None:
    """Refuse settings that a model does not support.

    Raises:
        ModelError: float16 is unsafe for the model, it needs anchors and scale.mode is not
            anchors, it does not support flip or undistort, or it outputs no confidence for
            min_confidence.
    """
    if settings.dtype == "float16" and not model.entry.half_safe:
        raise ModelSettingError(
            f"model '{settings.model}' overflows in float16, set dtype:=bfloat16"
        )
    if model.prompt_size and settings.scale_mode != "anchors":
        raise ModelSettingError(
            f"model '{settings.model}' completes depth that another sensor measured, "
            "set scale.mode:=anchors"
        )
    if settings.flip and model.denoises:
        raise ModelSettingError(
            f"model '{settings.model}' uses the camera's rays, which flip does not mirror: "
            "set flip:=false, and grin.samples:=2 or more"
        )
    if settings.undistort == "pinhole" and model.denoises:
        raise ModelSettingError(
            f"model '{settings.model}' uses the rays of the camera's own lens: "
            "set undistort:=auto or off"
        )
    if settings.min_confidence and not model.has_confidence(settings.grin_samples):
        raise ModelSettingError(no_confidence(model))


def load(settings: Settings) -> NetworkPredictor:
    """Load the model that the settings name, on the device that they name; see check()."""
    model = models.load(settings.model, settings.weights)
    if settings.image_fit != "auto":
        model = model.with_fit(cast(Fit, settings.image_fit))
    check(model, settings)
    return predictor(model, settings)


def predictor(model: DepthModel, settings: Settings) -> NetworkPredictor:
    """Return a predictor that executes a loaded model as the settings specify.

    Raises:
        ModelError: the device is unavailable, or cannot execute this model.
    """
    device = choose_device(settings.device)
    on_cuda, graphs = device.type == "cuda", Graphs.on(device)
    create = partial(
        runtimes.create,
        settings.runtime,
        model.capturable_network() if on_cuda else model.network,
        settings.device,
        settings.dtype,
        model.graphs,
        settings.providers,
        tuner=_tuner(graphs, settings.dtype),
    )
    compiled = settings.compile == "true"
    # On CUDA the compiled network is the faster one of the captured graphs.
    runtime: Executor = create(compiled=compiled and (bool(model.graphs) or not on_cuda))
    faster: Executor | None = None
    if on_cuda and settings.compile != "false" and not model.graphs:
        faster = create(compiled=True)
    if settings.flip:
        runtime, faster = Mirrored(runtime), faster and Mirrored(faster)
    return NetworkPredictor(model, runtime, faster=faster, graphs=graphs)


def _tuner(graphs: Graphs | None, dtype: str) -> Tuner | None:
    """Return what finds the fastest way to run networks in half precision on a GPU."""
    if graphs is None or dtype == "float32":
        return None
    return Tuner(graphs.device, dtype, graphs.notices.inform)
