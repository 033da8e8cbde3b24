"""GLPN (arXiv 2201.07436): a SegFormer encoder with a small decoder for metric depth."""

from __future__ import annotations

from typing import Any

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Environment, ModelEntry, Output
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.training_cameras import KITTI, NYU
from depth_ros.models.transformers_model import TransformersModel


class Glpn(TransformersModel):
    """Any checkpoint of transformers' GLPNForDepthEstimation."""

    network_class = "GLPNForDepthEstimation"
    processor = Preprocessing(
        multiple=32,
        fit="floor",
        pad=False,
        resize="pillow_bilinear",
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
    )
    cell = 32

    @staticmethod
    def max_depth_m_of(config: Any) -> float:
        """Return the factor of the head's sigmoid."""
        return float(config.max_depth)

    @staticmethod
    def bounded(config: Any) -> bool:
        """Return True: the head ends in a sigmoid."""
        return True


def _entry(
    data: str, max_depth_m: float, camera: Camera, place: Environment, note: str
) -> ModelEntry:
    return ModelEntry(
        name=f"glpn-{data}",
        family="glpn",
        source=f"vinvino02/glpn-{data}",
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0 by its card; its encoder is SegFormer's, not for commercial use",
        commercial=False,
        parameters_m=61.2,
        max_depth_m=max_depth_m,
        preprocessing=Glpn.processor,
        training_camera=camera,
        trained_with=Preprocessing(multiple=32, pad=False, resize="none"),
        place=place,
        note=f"{note}; runs at about the image's own size",
    )


ENTRIES = (
    _entry("nyu", 10, NYU, "indoor", "indoors"),
    _entry("kitti", 80, KITTI, "outdoor", "roads"),
)
