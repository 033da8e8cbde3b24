"""A model by its settings: loaded, executed on a device, and checked against them."""

from __future__ import annotations

from functools import partial
from typing import cast

from depth_ros import models, runtimes
from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.models import DepthModel
from depth_ros.models.base import Executor, Mirrored, ModelFacts
from depth_ros.models.preprocessing import Fit
from depth_ros.pipeline.predictor import NetworkPredictor
from depth_ros.pipeline.renderer import no_confidence
from depth_ros.runtimes.torch_runtime import choose_device


def check(model: ModelFacts, settings: Settings) -> None:
    """Refuse settings that a model does not support.

    Raises:
        ModelError: float16 is unsafe for the model, it needs anchors that the settings do not give,
            takes no mirror image, or gives no confidence where the settings want some.
    """
    if settings.dtype == "float16" and not model.entry.half_safe:
        raise ModelError(f"model '{settings.model}' overflows in float16, say dtype:=bfloat16")
    if model.prompt_size and settings.scale_mode != "anchors":
        raise ModelError(
            f"model '{settings.model}' completes depth that another sensor measured, "
            "say scale_mode:=anchors"
        )
    if settings.flip and model.denoises:
        raise ModelError(
            f"model '{settings.model}' knows the camera, which has no mirror image: "
            "say flip:=false, and samples:=2 or more"
        )
    if settings.min_confidence and not model.has_confidence(settings.samples):
        raise ModelError(no_confidence(model))


def load(settings: Settings) -> NetworkPredictor:
    """Load the model that the settings name, on the device that they name; see check()."""
    model = models.load(settings.model, settings.weights)
    if settings.image_fit != "auto":
        model = model.fitted(cast(Fit, settings.image_fit))
    check(model, settings)
    return predictor(model, settings)


def predictor(model: DepthModel, settings: Settings) -> NetworkPredictor:
    """Return what runs a loaded model on the device and in the way that the settings say.

    Raises:
        ModelError: the device is not available, or executes no such model.
    """
    on_cuda = choose_device(settings.device).type == "cuda"
    create = partial(
        runtimes.create,
        settings.runtime,
        model.unasking() if on_cuda else model.network,
        settings.device,
        settings.dtype,
        model.graphs,
        settings.providers,
    )
    compiled = settings.compile == "true"
    # On CUDA what is compiled is captured, beside what is not.
    runtime: Executor = create(compiled and (bool(model.graphs) or not on_cuda))
    faster: Executor | None = None
    if on_cuda and settings.compile != "false" and not model.graphs:
        faster = create(True)
    if settings.flip:
        runtime, faster = Mirrored(runtime), faster and Mirrored(faster)
    return NetworkPredictor(model, runtime, faster=faster)
