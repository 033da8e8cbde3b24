"""DPT (arXiv 2103.13413): MiDaS 3.1 (arXiv 2307.14460) and DINOv2's heads (arXiv 2304.07193)."""

from __future__ import annotations

from typing import Any

from depth_ros.models import preprocessing
from depth_ros.models.base import DepthModel, Output
from depth_ros.models.preprocessing import Fit
from depth_ros.models.transformers_model import TransformersModel

_OF_ANY_SHAPE = ("beit", "swinv2")
"""Backbones that transformers can run on images that are not square."""


class Dpt(TransformersModel):
    """Any checkpoint of transformers' DPTForDepthEstimation.

    MiDaS and DPT output affine inverse depth. DINOv2's heads for NYU and KITTI output metres; they
    are recognised by their backbone and the projection before the head.
    """

    network_class = "DPTForDepthEstimation"
    processor = preprocessing.DPT
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
