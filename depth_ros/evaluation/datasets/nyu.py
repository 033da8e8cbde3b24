"""NYU Depth V2 (Silberman et al. 2012): 654 test images of 640x480 indoors, Kinect depth.

Either the published nyu_depth_v2_labeled.mat (HDF5) with splits.mat, or the PNGs and JPEGs that BTS
and its successors extract from it. Both contain raw depth, on which published scores are based.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from depth_ros.evaluation.datasets.files import (
    metres,
    optional,
    read_rgb,
    read_uint16,
    require,
    require_files,
    where,
)
from depth_ros.evaluation.datasets.sample import Sample, Samples, each
from depth_ros.geometry.camera import Camera
from depth_ros.input_files import regular
from depth_ros.pipeline import Frame

LAYOUT = (
    "nyu_depth_v2_labeled.mat and splits.mat, or "
    "test/<scene>/rgb_<number>.jpg with sync_depth_<number>.png next to it"
)
CAMERA = Camera(640, 480, 518.8579, 519.4696, 325.5824, 253.7362)
"""The Kinect's colour camera, from the dataset's toolbox."""

_LABELED = "nyu_depth_v2_labeled.mat"
# The labelled images have a white border, which is black in the extracted ones.
_INNER = (slice(7, 474), slice(7, 632))


def samples(root: Path) -> Samples:
    """Return the test images of either layout.

    Raises:
        DatasetError: files or the libraries that read them are missing.
    """
    if (root / _LABELED).exists():
        return _labelled(root)
    require(root, LAYOUT, "test/*/rgb_*.jpg")
    images = sorted(root.glob("test/*/rgb_*.jpg"))
    require_files(root, LAYOUT, map(_depth_of, images))
    return each(_read, images)


def _depth_of(image: Path) -> Path:
    return image.with_name(image.name.replace("rgb_", "sync_depth_")).with_suffix(".png")


def _read(image: Path) -> Sample:
    truth_m = metres(read_uint16(_depth_of(image)), 1000)
    return Sample(Frame(read_rgb(image), CAMERA), truth_m, f"{image.parent.name}/{image.stem}")


def _labelled(root: Path) -> Samples:
    require(root, LAYOUT, "splits.mat")
    optional("h5py")
    numbers = optional("scipy.io").loadmat(regular(root / "splits.mat"))["testNdxs"].ravel()
    return each(partial(_read_labelled, root / _LABELED), [int(number) for number in numbers])


def _read_labelled(path: Path, number: int) -> Sample:
    """Read image `number`, counted from 1; MATLAB's arrays (H, W, 3, N) are transposed."""
    with optional("h5py").File(regular(path), "r") as file:
        image = file["images"][number - 1].transpose(2, 1, 0)
        depth_m = file["rawDepths"][number - 1].T
    rgb = np.zeros_like(image)
    rgb[_INNER] = image[_INNER]
    return Sample(Frame(rgb, CAMERA), where(depth_m, True), f"{number:05}")
