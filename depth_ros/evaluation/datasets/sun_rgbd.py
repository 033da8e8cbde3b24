"""SUN RGB-D (Song et al. 2015): 5050 test images of four depth cameras indoors.

The truth is depth_bfx, the refined depth that the dataset's own toolbox uses.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from depth_ros.evaluation.datasets.files import (
    DatasetError,
    metres,
    optional,
    read_numbers,
    read_rgb,
    read_uint16,
    require,
    require_files,
)
from depth_ros.evaluation.datasets.sample import Sample, Samples, each
from depth_ros.geometry.camera import Camera
from depth_ros.input_files import regular
from depth_ros.pipeline import Frame

LAYOUT = (
    "SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat and, for each folder of its alltest under "
    "SUNRGBD/, image/<name>.jpg, depth_bfx/<name>.png and intrinsics.txt"
)
_SPLIT = "SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat"


def samples(root: Path) -> Samples:
    """Return the test images.

    Raises:
        DatasetError: files, or SciPy to read the split, are missing.
    """
    require(root, LAYOUT, _SPLIT)
    cells = optional("scipy.io").loadmat(regular(root / _SPLIT))["alltest"].ravel()
    # The split contains paths of its authors' disk.
    folders = [
        root / "SUNRGBD" / str(cell[0]).rstrip("/").partition("SUNRGBD/")[2] for cell in cells
    ]
    require_files(root, LAYOUT, (f / part for f in folders for part in ("image", "depth_bfx")))
    require_files(root, LAYOUT, (folder / "intrinsics.txt" for folder in folders))
    return each(_read, folders)


def _read(folder: Path) -> Sample:
    rgb = read_rgb(_only(folder / "image", "*.jpg"))
    stored = _rotated(read_uint16(_only(folder / "depth_bfx", "*.png")))
    k = read_numbers(folder / "intrinsics.txt").reshape(3, 3)
    height, width = rgb.shape[:2]
    camera = Camera(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    return Sample(Frame(rgb, camera), metres(stored, 1000), folder.name)


def _rotated(stored: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Return millimetres, which are stored with their 16 bits rotated left by 3."""
    return ((stored >> 3) | (stored << 13)).astype(np.uint16)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise DatasetError(f"{folder} holds {len(found)} of {pattern}, expected one")
    return found[0]
