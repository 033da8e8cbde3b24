"""DPT (arXiv 2103.13413): MiDaS 3.1 (arXiv 2307.14460) and DINOv2's heads (arXiv 2304.07193)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import DepthModel, Environment, ModelEntry, Output
from depth_ros.models.preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocessing,
)
from depth_ros.models.resizing import Fit, Resize
from depth_ros.models.training_cameras import KITTI, NYU
from depth_ros.models.transformers_model import TransformersModel

_OF_ANY_SHAPE = ("beit", "swinv2")
"""Backbones that transformers can run on images that are not square."""


class Dpt(TransformersModel):
    """Any checkpoint of transformers' DPTForDepthEstimation.

    MiDaS and DPT output affine inverse depth. DINOv2's heads for NYU and KITTI output metres; they
    are recognised by their backbone and the projection before the head.
    """

    network_class = "DPTForDepthEstimation"
    processor = Preprocessing(384, 384, multiple=1, fit="warp", pad=False, resize="pillow_bicubic")
    cell = 32

    def with_fit(self, fit: Fit) -> Dpt:
        """Return the same model for another fit; ViT and hybrid backbones need squares."""
        network: Any = self.network
        if self.graphs:  # exported: refused in every family
            return super().with_fit(fit)
        backbone = getattr(network.network.config, "backbone_config", None)
        if getattr(backbone, "model_type", None) not in _OF_ANY_SHAPE:
            DepthModel.with_fit(self, fit)
        return super().with_fit(fit)

    @staticmethod
    def output_of(config: Any) -> Output:
        """Return metric depth for DINOv2's heads, affine inverse depth for all others."""
        backbone = getattr(config.backbone_config, "model_type", None)
        metric = backbone == "dinov2" and config.add_projection
        return Output.METRIC_DEPTH if metric else Output.AFFINE_INVERSE_DEPTH


def _midas(
    name: str,
    parameters_m: float,
    side: int,
    note: str,
    multiple: int = 1,
    resize: Resize = "pillow_bicubic",
    licence: str = "MIT",
) -> ModelEntry:
    return ModelEntry(
        name=f"dpt-{name}",
        family="dpt",
        source=f"Intel/dpt-{name}",
        output=Output.AFFINE_INVERSE_DEPTH,
        licence=licence,
        commercial=True,
        parameters_m=parameters_m,
        preprocessing=replace(
            Dpt.processor, height=side, width=side, multiple=multiple, resize=resize
        ),
        # MiDaS's own documentation: Swin V2 gives infinities in float16.
        half_safe="swinv2" not in name,
        note=note,
    )


_DINOV2_DATA: dict[str, tuple[float, Camera, Environment, str]] = {
    "nyu": (10, NYU, "indoor", "indoors"),
    "kitti": (80, KITTI, "outdoor", "roads"),
}


def _dinov2(size: str, parameters_m: float, data: str) -> ModelEntry:
    max_depth_m, camera, place, note = _DINOV2_DATA[data]
    return ModelEntry(
        name=f"dpt-dinov2-{size}-{data}",
        family="dpt",
        source=f"facebook/dpt-dinov2-{size}-{data}",
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=parameters_m,
        max_depth_m=max_depth_m,
        preprocessing=replace(
            Dpt.processor,
            multiple=14,
            pad=True,
            resize="none",
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        ),
        training_camera=camera,
        place=place,
        note=f"{note}; runs at the image's own size",
    )


_MIDAS_3 = "everywhere; MiDaS 3.0"
_DINOV2_SIZES = {"small": 37.2, "base": 112, "large": 340, "giant": 1199}

ENTRIES = (
    _midas("beit-large-512", 344, 512, "everywhere; MiDaS 3.1's best", multiple=32),
    _midas("beit-large-384", 343, 384, "everywhere", multiple=32),
    _midas("beit-base-384", 111, 384, "everywhere", multiple=32),
    _midas("swinv2-large-384", 212, 384, "everywhere"),
    _midas("swinv2-base-384", 101, 384, "everywhere"),
    _midas("swinv2-tiny-256", 40.9, 256, "everywhere; small"),
    _midas("large", 343, 384, _MIDAS_3, resize="pillow_bilinear", licence="Apache-2.0"),
    _midas("hybrid-midas", 122, 384, _MIDAS_3, licence="Apache-2.0"),
    *(_dinov2(*size, data) for size in _DINOV2_SIZES.items() for data in _DINOV2_DATA),
)
