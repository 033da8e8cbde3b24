"""TIPSv2's depth head (google-deepmind/tips): metric bins on a frozen vision transformer."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from depth_ros.models import preprocessing
from depth_ros.models.base import Prediction, Raw
from depth_ros.models.transformers_model import TransformersModel


class Tipsv2(TransformersModel):
    """Any checkpoint of transformers' Tipsv2DptForDepthEstimation, without its other heads."""

    network_class = "Tipsv2DptForDepthEstimation"
    processor = preprocessing.TIPSV2
    cell = 14

    @staticmethod
    def max_depth_m_of(config: Any) -> float:
        """Return the depth of the last bin."""
        return float(config.max_depth)

    @staticmethod
    def bounded(config: Any) -> bool:
        """Return True: the bins lie between two depths."""
        return True

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Resize depth to the image, bilinear as transformers does."""
        assert isinstance(raw, Tensor)
        values = self.preprocessing.restore(raw, height, width, mode="bilinear")
        return Prediction(values, self.entry.output)
