"""Pictures of depth for people to look at: image, depth, truth and the cloud from above."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from depth_ros.config import Settings
from depth_ros.geometry.colour import colour_table, colourise

Rgb = npt.NDArray[np.uint8]

_SETTINGS = Settings()
NEAR_M, FAR_M = _SETTINGS.colour_near_m, _SETTINGS.colour_far_m
_WIDTH, _HEIGHT = 320, 240
_BAND = 22
_VIEW_M = 8.0
_TABLE = colour_table(_SETTINGS.colour_map)


class Row(NamedTuple):
    """What one row shows: an image, its depth, the truth, and points in the optical frame."""

    rgb: Rgb
    depth_m: npt.NDArray[np.float32]
    truth_m: npt.NDArray[np.float32] | None = None
    points: npt.NDArray[np.float32] | None = None


def grid(rows: list[Row]) -> Rgb:
    """Draw rows of image | depth | truth | cloud from above, under one line of titles."""
    pictures = [_cells(row) for row in rows]
    titles = list(pictures[0])
    body = np.vstack([np.hstack(list(cells.values())) for cells in pictures])
    band = np.zeros((_BAND, body.shape[1], 3), np.uint8)
    for index, title in enumerate(titles):
        place = (index * _WIDTH + 6, _BAND - 7)
        cv2.putText(band, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255,) * 3, 1, cv2.LINE_AA)
    return np.vstack([band, body])


def save(rgb: Rgb, path: Path) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])


def _cells(row: Row) -> dict[str, Rgb]:
    cells = {"image": _fit(row.rgb), f"depth, {NEAR_M:g}-{FAR_M:g} m": _depth(row.depth_m)}
    if row.truth_m is not None:
        cells["truth"] = _depth(row.truth_m)
    if row.points is not None:
        cells[f"cloud from above, {_VIEW_M:g} m"] = from_above(row.points)
    return cells


def _fit(rgb: Rgb) -> Rgb:
    """Shrink a picture to a cell; borders are black where its shape differs."""
    height, width = rgb.shape[:2]
    scale = min(_WIDTH / width, _HEIGHT / height)
    size = (round(width * scale), round(height * scale))
    cell = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    cell[: size[1], : size[0]] = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return cell


def _depth(depth_m: npt.NDArray[np.float32]) -> Rgb:
    coloured = colourise(torch.from_numpy(depth_m.copy()), NEAR_M, FAR_M, _TABLE)
    return _fit(coloured.numpy())


def from_above(points: npt.NDArray[np.float32]) -> Rgb:
    """Draw points (N, 3) of an optical frame from above, the camera at the bottom, heading up.

    Brighter is higher above the camera's axis; rings are one metre apart.
    """
    cell = np.full((_HEIGHT, _WIDTH, 3), 24, np.uint8)
    px_per_m = _HEIGHT / _VIEW_M
    for metre in range(1, int(_VIEW_M) + 1):
        radius = round(metre * px_per_m)
        cv2.circle(cell, (_WIDTH // 2, _HEIGHT - 1), radius, (60, 60, 60), 1, cv2.LINE_AA)
    x, y, z = points[np.isfinite(points).all(axis=1)].T
    u = np.round(_WIDTH / 2 + x * px_per_m).astype(int)
    v = np.round(_HEIGHT - 1 - z * px_per_m).astype(int)
    inside = (u >= 0) & (u < _WIDTH) & (v >= 0) & (v < _HEIGHT)
    order = np.argsort(-y[inside])
    height = np.clip((1.0 - y[inside]) / 2.0, 0.15, 1.0)[order, None]
    cell[v[inside][order], u[inside][order]] = (height * (255, 220, 120)).astype(np.uint8)
    return cell
