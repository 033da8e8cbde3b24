"""GRIN's checkpoints."""

from __future__ import annotations

from depth_ros.models.base import ModelEntry, Output
from depth_ros.models.embedded import WEIGHTS
from depth_ros.models.grin.config import MODEL_TYPE, TINY, preprocessing_of

ENTRIES = (
    ModelEntry(
        name="grin-tiny",
        family=MODEL_TYPE,
        source=str(WEIGHTS / "grin-tiny"),
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=5.3,
        max_depth_m=20,
        preprocessing=preprocessing_of(TINY),
        half_safe=False,
        place="indoor",
        note="embedded; uses the camera's rays, outputs confidence; synthetic rooms only",
    ),
)
