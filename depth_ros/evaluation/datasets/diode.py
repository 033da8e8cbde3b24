"""DIODE (Vasiljevic et al. 2019), its indoor validation images of 1024x768, laser-scanned."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_ros.evaluation.datasets.files import read_rgb, require, require_files, where
from depth_ros.evaluation.datasets.sample import Sample, Samples, each
from depth_ros.geometry.camera import Camera
from depth_ros.input_files import regular
from depth_ros.pipeline import Frame

LAYOUT = (
    "val/indoors/scene_<n>/scan_<n>/<name>.png with <name>_depth.npy (H, W, 1) in metres and "
    "<name>_depth_mask.npy (H, W) next to it"
)
CAMERA = Camera(1024, 768, 886.81, 927.06, 512.0, 384.0)
"""The camera of every image, from the dataset's authors."""

_IMAGES = "val/indoors/scene_*/scan_*/*.png"


def samples(root: Path) -> Samples:
    """Return the images.

    Raises:
        DatasetError: files are missing.
    """
    require(root, LAYOUT, _IMAGES)
    images = sorted(root.glob(_IMAGES))
    require_files(root, LAYOUT, (_beside(i, part) for i in images for part in ("", "_mask")))
    return each(_read, images)


def _beside(image: Path, part: str) -> Path:
    return image.with_name(f"{image.stem}_depth{part}.npy")


def _read(image: Path) -> Sample:
    rgb = read_rgb(image)
    depth_m, valid = (np.load(regular(_beside(image, part))) for part in ("", "_mask"))
    height, width = rgb.shape[:2]
    truth_m = where(depth_m.reshape(height, width), valid.reshape(height, width))
    return Sample(Frame(rgb, CAMERA.scale(width, height)), truth_m, image.stem)
