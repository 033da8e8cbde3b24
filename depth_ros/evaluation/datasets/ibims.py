"""iBims-1 (Koch et al. 2018): 100 images of 640x480 indoors, laser-scanned, with sharp contours."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from depth_ros.evaluation.datasets.files import optional, require, require_files, where
from depth_ros.evaluation.datasets.sample import Sample, Samples, each
from depth_ros.geometry.camera import Camera
from depth_ros.input_files import regular
from depth_ros.pipeline import Frame

LAYOUT = "imagelist.txt and ibims1_core_mat/<name>.mat for each of its names"
_FOLDER = "ibims1_core_mat"


def samples(root: Path) -> Samples:
    """Return the images of the list.

    Raises:
        DatasetError: files, or SciPy to read them, are missing.
    """
    require(root, LAYOUT, "imagelist.txt")
    names = regular(root / "imagelist.txt").read_text().split()
    require_files(root, LAYOUT, (root / _FOLDER / f"{name}.mat" for name in names))
    optional("scipy.io")
    return each(partial(_read, root), names)


def _read(root: Path, name: str) -> Sample:
    """Read one MATLAB struct; pixels without measurement and of glass are invalid."""
    data = optional("scipy.io").loadmat(regular(root / _FOLDER / f"{name}.mat"))["data"][0, 0]
    rgb = np.ascontiguousarray(data["rgb"], np.uint8)
    valid = (data["mask_invalid"] > 0) & (data["mask_transp"] > 0)
    height, width = rgb.shape[:2]
    # MATLAB's convention: K transposed, pixels counted from 1.
    k = data["calib"].astype(float)
    camera = Camera(width, height, k[0, 0], k[1, 1], k[2, 0] - 1, k[2, 1] - 1)
    return Sample(Frame(rgb, camera), where(data["depth"], valid), name)
