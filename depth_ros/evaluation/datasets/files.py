"""Files of datasets: required files, images, integer depth, and optional libraries."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.arrays import DepthArray, FloatArray, ImageArray
from depth_ros.errors import DepthError, one_line
from depth_ros.input_files import regular

_NAMED = 3


class DatasetError(DepthError):
    """A dataset whose files are missing or not in their published layout."""


def require(root: Path, layout: str, *patterns: str) -> None:
    """Check that every pattern, relative to a folder, matches at least one file.

    Raises:
        DatasetError: some do not; the message contains them and the layout.
    """
    missing = [pattern for pattern in patterns if next(root.glob(pattern), None) is None]
    _refuse(root, layout, missing)


def require_files(root: Path, layout: str, paths: Iterable[Path]) -> None:
    """Check that every path exists.

    Raises:
        DatasetError: some do not; the message contains the first of them and the layout.
    """
    missing = [str(path.relative_to(root)) for path in paths if not path.exists()]
    _refuse(root, layout, missing)


def _refuse(root: Path, layout: str, missing: list[str]) -> None:
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise DatasetError(f"{root} lacks {', '.join(missing[:_NAMED])}{more}; expected {layout}")


def read_rgb(path: Path) -> ImageArray:
    """Return an image file as uint8 (H, W, 3) rgb.

    Raises:
        DatasetError: it is not an image.
    """
    return np.ascontiguousarray(_read(path, cv2.IMREAD_COLOR)[..., ::-1]).astype(np.uint8)


def read_uint16(path: Path) -> npt.NDArray[np.uint16]:
    """Return a PNG of one channel of 16 bits as uint16 (H, W).

    Raises:
        DatasetError: it has another format.
    """
    image = _read(path, cv2.IMREAD_UNCHANGED)
    if image.ndim != 2 or image.dtype != np.uint16:
        raise DatasetError(
            f"{path} is {image.dtype} of shape {image.shape}, expected one channel of 16 bits"
        )
    return image.astype(np.uint16)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return json.loads(regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read as JSON: {one_line(error)}") from error


def read_numbers(path: Path) -> FloatArray:
    """Return the numbers of a text file, a row per line.

    Raises:
        DatasetError: it cannot be read, is empty, or contains something else.
    """
    try:
        lines = regular(path).read_text(encoding="utf-8").splitlines()
        rows = [[float(word) for word in line.split()] for line in lines if line.strip()]
        return np.array(rows, np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path} cannot be read, expected rows of numbers: {one_line(error)}"
        ) from error


def metres(stored: npt.NDArray[np.uint16], per_metre: float) -> DepthArray:
    """Return integer depth in metres, in the same shape: NaN for 0."""
    depth_m = np.divide(stored, per_metre, dtype=np.float32)
    depth_m[stored == 0] = np.nan
    return depth_m


def where(depth_m: npt.NDArray[np.floating], valid: npt.ArrayLike) -> DepthArray:
    """Return depth as float32, with NaN for pixels that are not valid or not positive."""
    keep = np.asarray(valid, bool) & (depth_m > 0)
    return np.where(keep, depth_m, np.nan).astype(np.float32)


def optional(name: str) -> ModuleType:
    """Import a library that only some datasets need.

    Raises:
        DatasetError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DatasetError(f"this dataset needs {name}: pip install h5py scipy") from error


def _read(path: Path, flags: int) -> npt.NDArray[np.generic]:
    data = np.fromfile(regular(path), np.uint8)
    try:
        image = cv2.imdecode(data, flags)
    except cv2.error:  # no data, or a size that is too large
        image = None
    if image is None:
        raise DatasetError(f"{path} is not an image that OpenCV reads")
    return np.asarray(image)
