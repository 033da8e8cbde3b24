"""GLPN (arXiv 2201.07436): a SegFormer encoder with a small decoder for metric depth."""

from __future__ import annotations

from typing import Any

from depth_ros.models import preprocessing
from depth_ros.models.transformers_model import TransformersModel


class Glpn(TransformersModel):
    """Any checkpoint of transformers' GLPNForDepthEstimation."""

    network_class = "GLPNForDepthEstimation"
    processor = preprocessing.GLPN
    cell = 32

    @staticmethod
    def max_depth_m_of(config: Any) -> float:
        """Return the factor of the head's sigmoid."""
        return float(config.max_depth)

    @staticmethod
    def bounded(config: Any) -> bool:
        """Return True: the head ends in a sigmoid."""
        return True
