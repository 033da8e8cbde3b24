"""The registry of known checkpoints: what they are, their source and licence."""

from __future__ import annotations

import math

from depth_ros.models import (
    depth_anything,
    depth_pro,
    dpt,
    glpn,
    prompt_depth_anything,
    tipsv2,
    zoedepth,
)
from depth_ros.models.base import Environment, Family, ModelEntry
from depth_ros.models.depth_anything_3 import entries as da3
from depth_ros.models.depth_anything_3.model import DepthAnything3
from depth_ros.models.depthcrafter import entries as depthcrafter
from depth_ros.models.depthcrafter.model import DepthCrafter
from depth_ros.models.grin import entries as grin
from depth_ros.models.grin.config import MODEL_TYPE as GRIN
from depth_ros.models.grin.model import GrinModel
from depth_ros.models.lite import entries as lite
from depth_ros.models.lite.config import MODEL_TYPE as LITE
from depth_ros.models.lite.model import LiteModel
from depth_ros.models.metric3d import entries as metric3d
from depth_ros.models.metric3d.model import Metric3d
from depth_ros.models.moge import entries as moge
from depth_ros.models.moge.checkpoint import MODEL_TYPE as MOGE
from depth_ros.models.moge.model import MogeModel
from depth_ros.models.moge.published import PublishedMoge
from depth_ros.models.speed import CPU_MOST_M, Device, order

FAMILIES: dict[str, type[Family]] = {
    "zoedepth": zoedepth.ZoeDepth,
    LITE: LiteModel,
    "dpt": dpt.Dpt,
    "depth_anything": depth_anything.DepthAnything,
    "prompt_depth_anything": prompt_depth_anything.PromptDepthAnything,
    "depth_pro": depth_pro.DepthPro,
    GRIN: GrinModel,
    "glpn": glpn.Glpn,
    "tipsv2_dpt": tipsv2.Tipsv2,
    da3.FAMILY: DepthAnything3,
    metric3d.FAMILY: Metric3d,
    MOGE: MogeModel,
    moge.PUBLISHED: PublishedMoge,
}
"""The class that loads a checkpoint, by the model_type of its config.json."""

CLIP_FAMILIES: dict[str, type[DepthCrafter]] = {depthcrafter.FAMILY: DepthCrafter}
"""The class that loads a checkpoint for whole recordings."""


_ENTRIES = (
    *lite.ENTRIES,
    zoedepth.TINY,
    *grin.ENTRIES,
    *zoedepth.ENTRIES,
    *dpt.ENTRIES,
    *depth_anything.ENTRIES,
    *depth_pro.ENTRIES,
    *prompt_depth_anything.ENTRIES,
    *glpn.ENTRIES,
    *tipsv2.ENTRIES,
    *da3.ENTRIES,
    *moge.ENTRIES,
    *metric3d.ENTRIES,
    *depthcrafter.ENTRIES,
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}
"""Every known checkpoint by name."""


def select(
    place: Environment = "any", commercial: bool = False, device: Device | None = None
) -> list[ModelEntry]:
    """Return the known models for a place and, optionally, for commercial use and a device.

    Args:
        place: where the robot is.
        commercial: whether the licence must allow commercial use.
        device: the robot's device: only models that run live, the fastest measured ones first,
            then by size; for cpu only small ones, see speed. None: all, in the table's order.
    """
    chosen = [
        entry
        for entry in MODELS.values()
        if place in ("any", entry.place) or entry.place == "any"
        if entry.commercial or not commercial
    ]
    if device is None:
        return chosen
    most_m = CPU_MOST_M if device == "cpu" else math.inf
    live = [each for each in chosen if each.family in FAMILIES and each.parameters_m <= most_m]
    return sorted(live, key=lambda each: order(each.name, each.parameters_m, device))
