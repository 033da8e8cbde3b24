"""DepthCrafter's published checkpoint."""

from __future__ import annotations

from depth_ros.models.base import ModelEntry, Output
from depth_ros.models.preprocessing import Preprocessing

FAMILY = "depthcrafter"

ENTRIES = (
    ModelEntry(
        name="depthcrafter",
        family=FAMILY,
        source="tencent/DepthCrafter",
        output=Output.AFFINE_INVERSE_DEPTH,
        licence="DepthCrafter (research only)",
        commercial=False,
        # The UNet, and what it shares with Stable Video Diffusion.
        parameters_m=2255,
        # As near as this comes to depthcrafter.images, which has a rule of its own for sizes.
        preprocessing=Preprocessing(multiple=64, pad=False, resize="none"),
        note="everywhere; whole recordings only, one scale each",
    ),
)
