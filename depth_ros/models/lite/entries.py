"""zoedepth-lite's checkpoint."""

from __future__ import annotations

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import ModelEntry, Output
from depth_ros.models.embedded import WEIGHTS
from depth_ros.models.lite.config import MODEL_TYPE, LiteConfig, preprocessing_of

_SIZES = LiteConfig()
_WIDTH, _HEIGHT, _F_PX = _SIZES.width, _SIZES.height, _SIZES.training_f_px

ENTRIES = (
    ModelEntry(
        name="zoedepth-lite",
        family=MODEL_TYPE,
        source=str(WEIGHTS / "zoedepth-lite"),
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=3.4,
        max_depth_m=_SIZES.max_depth_m,
        preprocessing=preprocessing_of(_SIZES),
        training_camera=Camera(_WIDTH, _HEIGHT, _F_PX, _F_PX, (_WIDTH - 1) / 2, (_HEIGHT - 1) / 2),
        place="indoor",
        note="embedded; real and synthetic rooms; for CPUs",
    ),
)
