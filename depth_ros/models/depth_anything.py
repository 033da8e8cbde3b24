"""Depth Anything V1 (arXiv 2401.10891) and V2 (arXiv 2406.09414), relative and metric."""

from __future__ import annotations

from typing import Any

from depth_ros.models import preprocessing
from depth_ros.models.base import Output
from depth_ros.models.transformers_model import TransformersModel


class DepthAnything(TransformersModel):
    """Any checkpoint of transformers' DepthAnythingForDepthEstimation."""

    network_class = "DepthAnythingForDepthEstimation"
    processor = preprocessing.DEPTH_ANYTHING

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
