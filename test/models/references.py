"""References for comparison: transformers' processors, and rules implemented in NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.prompt_depth_anything import image_processing_pil_prompt_depth_anything
from transformers.models.zoedepth.image_processing_pil_zoedepth import ZoeDepthImageProcessorPil

PROCESSORS = {
    "DPTImageProcessor": DPTImageProcessorPil,
    "PromptDepthAnythingImageProcessor": (
        image_processing_pil_prompt_depth_anything.PromptDepthAnythingImageProcessorPil
    ),
    "ZoeDepthImageProcessor": ZoeDepthImageProcessorPil,
}


def image(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return rgb blocks of random colours with sharp edges."""
    rng = np.random.default_rng(height)
    coarse = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    grown = np.kron(coarse, np.ones((height // 6 + 1, width // 8 + 1, 1), np.uint8))
    return np.ascontiguousarray(grown[:height, :width])


def processor(folder: Path) -> Any:
    """Return transformers' own processor for a checkpoint."""
    name = json.loads((folder / "preprocessor_config.json").read_text())["image_processor_type"]
    return PROCESSORS[name].from_pretrained(folder)


def depth_pro_pixels(rgb: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float64]:
    """Return (3, side, side): normalise, then bilinear between pixel areas without a filter."""
    colours = (rgb / 255.0 - 0.5) / 0.5
    height, width = rgb.shape[:2]
    rows = (np.arange(side) + 0.5) * height / side - 0.5
    columns = (np.arange(side) + 0.5) * width / side - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    planes = [
        ndimage.map_coordinates(colours[..., c], grid, order=1, mode="nearest") for c in range(3)
    ]
    return np.stack(planes)
