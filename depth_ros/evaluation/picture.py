"""Pictures of depth: image, depth, truth and the cloud from above."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from depth_ros.arrays import DepthArray, ImageArray
from depth_ros.config import Settings
from depth_ros.geometry.colour import colour_table, colourise

_SETTINGS = Settings()
NEAR_M, FAR_M = _SETTINGS.colour_near_m, _SETTINGS.colour_far_m
WIDTH, HEIGHT = 320, 240
"""Size of a cell in pixels."""
_BAND = 22
_VIEW_M = 8.0
_RINGS = 8
_TABLE = colour_table(_SETTINGS.colour_map)


class Row(NamedTuple):
    """One row of a picture: image, depth, truth, points in the optical frame, and confidence."""

    rgb: ImageArray
    depth_m: DepthArray
    truth_m: DepthArray | None = None
    points: npt.NDArray[np.float32] | None = None
    confidence: DepthArray | None = None


def grid(rows: list[Row]) -> ImageArray:
    """Draw rows of image, depth and the optional parts, under one line of titles."""
    pictures = [_cells(row) for row in rows]
    titles = list(pictures[0])
    body = np.vstack([np.hstack(list(cells.values())) for cells in pictures])
    band = np.zeros((_BAND, body.shape[1], 3), np.uint8)
    for index, title in enumerate(titles):
        place = (index * WIDTH + 6, _BAND - 7)
        cv2.putText(band, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255,) * 3, 1, cv2.LINE_AA)
    return np.vstack([band, body])


def save(rgb: ImageArray, path: Path) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, rgb[..., ::-1])[1].tobytes())


def _cells(row: Row) -> dict[str, ImageArray]:
    cells = {"image": fit(row.rgb), f"depth, {NEAR_M:g}-{FAR_M:g} m": coloured(row.depth_m)}
    if row.truth_m is not None:
        cells["truth"] = coloured(row.truth_m)
    if row.confidence is not None:
        grey = (255 * np.nan_to_num(row.confidence)).astype(np.uint8)
        cells["confidence: black 0, white 1"] = fit(np.repeat(grey[..., None], 3, axis=-1))
    if row.points is not None:
        cells[f"cloud from above, {_VIEW_M:g} m"] = from_above(row.points)
    return cells


def fit(rgb: ImageArray, width: int = WIDTH, height: int = HEIGHT) -> ImageArray:
    """Resize a picture to a size; black borders keep its aspect ratio."""
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
    cell = np.zeros((height, width, 3), np.uint8)
    cell[: size[1], : size[0]] = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return cell


def coloured(depth_m: DepthArray, near_m: float = NEAR_M, far_m: float = FAR_M) -> ImageArray:
    """Draw a depth image (H, W) in a cell, coloured from near to far."""
    return fit(colourise(torch.from_numpy(depth_m.copy()), near_m, far_m, _TABLE).numpy())


def from_above(points: npt.NDArray[np.float32], view_m: float = _VIEW_M) -> ImageArray:
    """Draw points (N, 3) of an optical frame from above; the camera is at the bottom, facing up.

    Brighter is higher above the camera's axis; rings are an eighth of the view apart.
    """
    cell = np.full((HEIGHT, WIDTH, 3), 24, np.uint8)
    px_per_m = HEIGHT / view_m
    for ring in range(1, _RINGS + 1):
        radius = round(ring * HEIGHT / _RINGS)
        cv2.circle(cell, (WIDTH // 2, HEIGHT - 1), radius, (60, 60, 60), 1, cv2.LINE_AA)
    x, y, z = points[np.isfinite(points).all(axis=1)].T
    u = np.round(WIDTH / 2 + x * px_per_m).astype(int)
    v = np.round(HEIGHT - 1 - z * px_per_m).astype(int)
    inside = (u >= 0) & (u < WIDTH) & (v >= 0) & (v < HEIGHT)
    order = np.argsort(-y[inside])
    height = np.clip((1.0 - y[inside]) / 2.0, 0.15, 1.0)[order, None]
    cell[v[inside][order], u[inside][order]] = (height * (255, 220, 120)).astype(np.uint8)
    return cell
