"""TIPSv2's depth head (google-deepmind/tips): metric bins on a frozen vision transformer."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from depth_ros.models.base import ModelEntry, Output, Prediction, Raw
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.training_cameras import NYU
from depth_ros.models.transformers_model import TransformersModel


class Tipsv2(TransformersModel):
    """Any checkpoint of transformers' Tipsv2DptForDepthEstimation, without its other heads."""

    network_class = "Tipsv2DptForDepthEstimation"
    processor = Preprocessing(
        448,
        448,
        multiple=1,
        fit="warp",
        pad=False,
        resize="pillow_bilinear",
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
    )
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


ENTRIES = (
    ModelEntry(
        name="tipsv2-base-nyu",
        family="tipsv2_dpt",
        source="google/tipsv2-b14-dpt",
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=110,
        max_depth_m=10,
        preprocessing=Tipsv2.processor,
        training_camera=NYU,
        place="indoor",
        note="indoors; needs transformers 5.23",
    ),
)
