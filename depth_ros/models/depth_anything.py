"""Depth Anything V1 (arXiv 2401.10891) and V2 (arXiv 2406.09414), relative and metric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Environment, ModelEntry, Output
from depth_ros.models.dpt import Dpt
from depth_ros.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from depth_ros.models.training_cameras import HYPERSIM, VIRTUAL_KITTI
from depth_ros.models.transformers_model import TransformersModel


class DepthAnything(TransformersModel):
    """Any checkpoint of transformers' DepthAnythingForDepthEstimation.

    Its processor is DPTImageProcessor with the authors' fit. transformers' own fit is minimal: it
    resizes 640x360 to 518x294, the authors to 924x518.
    """

    network_class = "DepthAnythingForDepthEstimation"
    processor = replace(Dpt.processor, fit="lower_bound")

    @staticmethod
    def output_of(config: Any) -> Output:
        """Return the output that the checkpoint's depth_estimation_type means."""
        metric = config.depth_estimation_type == "metric"
        return Output.METRIC_DEPTH if metric else Output.AFFINE_INVERSE_DEPTH

    @staticmethod
    def max_depth_m_of(config: Any) -> float:
        """Return the factor of the sigmoid of a metric head; 0: relative depth."""
        return float(config.max_depth or 0) if config.depth_estimation_type == "metric" else 0.0

    @staticmethod
    def bounded(config: Any) -> bool:
        """Return whether the head is a sigmoid."""
        metric: bool = config.depth_estimation_type == "metric"
        return metric


_NC = "CC-BY-NC-4.0"
_BASE_MODELS = "Apache-2.0 (the base model's; its own card declares none)"
_METRIC: dict[Environment, tuple[float, Camera, str]] = {
    "indoor": (20, HYPERSIM, "indoors; trained on synthetic rooms"),
    "outdoor": (80, VIRTUAL_KITTI, "roads; trained on synthetic roads"),
}


def _entry(name: str, source: str, parameters_m: float, licence: str) -> ModelEntry:
    return ModelEntry(
        name=name,
        family="depth_anything",
        source=source,
        output=Output.AFFINE_INVERSE_DEPTH,
        licence=licence,
        commercial=licence != _NC,
        parameters_m=parameters_m,
        preprocessing=replace(
            DepthAnything.processor,
            height=518,
            width=518,
            multiple=14,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        ),
        note="everywhere",
    )


def _v1(size: str, parameters_m: float) -> ModelEntry:
    name = f"depth-anything-{size}"
    return _entry(name, f"LiheYoung/{name}-hf", parameters_m, "Apache-2.0")


def _v2(size: str, parameters_m: float, licence: str) -> ModelEntry:
    source = f"depth-anything/Depth-Anything-V2-{size.title()}-hf"
    return _entry(f"depth-anything-v2-{size}", source, parameters_m, licence)


def _v2_metric(place: Environment, size: str, parameters_m: float, licence: str) -> ModelEntry:
    max_depth_m, camera, note = _METRIC[place]
    source = f"depth-anything/Depth-Anything-V2-Metric-{place.title()}-{size.title()}-hf"
    return replace(
        _entry(f"depth-anything-v2-metric-{place}-{size}", source, parameters_m, licence),
        output=Output.METRIC_DEPTH,
        max_depth_m=max_depth_m,
        training_camera=camera,
        place=place,
        note=note,
    )


ENTRIES = (
    _v1("small", 24.8),
    _v1("base", 97.5),
    _v1("large", 335),
    _v2("small", 24.8, "Apache-2.0"),
    _v2("base", 97.5, _NC),
    _v2("large", 335, _NC),
    _v2_metric("indoor", "small", 24.8, _BASE_MODELS),
    _v2_metric("indoor", "base", 97.5, _NC),
    _v2_metric("indoor", "large", 335, _NC),
    _v2_metric("outdoor", "small", 24.8, _BASE_MODELS),
    _v2_metric("outdoor", "base", 97.5, _NC),
    _v2_metric("outdoor", "large", 335, _NC),
)
