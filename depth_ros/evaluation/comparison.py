"""Pictures that compare a prediction with the truth."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.evaluation.picture import WIDTH
from depth_ros.geometry.colour import colour_table, colourise, robust_range

ERROR_AT_WHITE = 0.5
"""Relative error that is drawn in the brightest colour."""

_SPARSE = 0.3  # share of pixels with truth below which single pixels would vanish when shrunk
_DOT_PX = 1.5  # of the picture
_TABLE = colour_table("turbo")


def comparison(rgb: ImageArray, depth_m: DepthArray, truth_m: DepthArray) -> ImageArray:
    """Draw image | prediction | truth | error in one row, at the image's shape.

    Both depths are coloured over the truth's range. The error is |d - g| / g, black if unknown or
    0, brightest from ERROR_AT_WHITE on. Sparse truth is drawn as dots.
    """
    near_m, far_m = robust_range(torch.from_numpy(truth_m))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.nan_to_num(np.abs(depth_m - truth_m) / truth_m, posinf=np.inf)
        inverse = np.nan_to_num(1 / truth_m, posinf=0)
        if np.mean(inverse > 0) < _SPARSE:
            dot = np.ones((max(1, round(_DOT_PX * rgb.shape[1] / WIDTH)),) * 2, np.uint8)
            error = cv2.dilate(error, dot).astype(error.dtype)
            inverse = cv2.dilate(inverse, dot).astype(inverse.dtype)
        drawn_m = np.where(inverse > 0, 1 / inverse, np.nan).astype(np.float32)
    depths = [
        colourise(torch.from_numpy(np.array(metres)), near_m, far_m, _TABLE).numpy()
        for metres in (depth_m, drawn_m)
    ]
    size = (WIDTH, round(WIDTH * rgb.shape[0] / rgb.shape[1]))
    return np.hstack([_shrunk(cell, size) for cell in (rgb, *depths, _coloured(error))])


def _coloured(error: npt.NDArray[np.floating]) -> ImageArray:
    grey = (255 * (error / ERROR_AT_WHITE).clip(0, 1)).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1])


def _shrunk(rgb: ImageArray, size: tuple[int, int]) -> ImageArray:
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
