"""KITTI (Geiger et al. 2013), the Eigen test split with its improved truth (Uhrig et al. 2017).

652 of the 697 listed images have that truth. Images and truth are first cropped to the KITTI
benchmark's 1216x352, as in ZoeDepth's evaluation.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from depth_ros.evaluation import crops
from depth_ros.evaluation.datasets.files import (
    DatasetError,
    metres,
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
    "*eigen_test_files_with_gt.txt (lines 'image truth focal'), "
    "raw/<date>/<drive>/image_02/data/<number>.png, raw/<date>/calib_cam_to_cam.txt, "
    "gts/<drive>/proj_depth/groundtruth/image_02/<number>.png"
)
_SPLIT = "*eigen_test_files_with_gt.txt"
_CALIBRATION = "calib_cam_to_cam.txt"
_PER_METRE = 256


def samples(root: Path) -> Samples:
    """Return the images of the split that have truth.

    Raises:
        DatasetError: files are missing.
    """
    require(root, LAYOUT, _SPLIT)
    split = regular(next(root.glob(_SPLIT))).read_text().splitlines()
    pairs = [(line.split()[0], line.split()[1]) for line in split if line.strip()]
    pairs = [(image, truth) for image, truth in pairs if truth != "None"]
    paths = [root / "raw" / image for image, _ in pairs]
    paths += [root / "gts" / truth for _, truth in pairs]
    paths += sorted({_calibration_of(root, image) for image, _ in pairs})
    require_files(root, LAYOUT, paths)
    return each(partial(_read, root), pairs)


def _calibration_of(root: Path, image: str) -> Path:
    return root / "raw" / Path(image).parts[0] / _CALIBRATION


def _read(root: Path, pair: tuple[str, str]) -> Sample:
    image, truth = pair
    rgb, stored = read_rgb(root / "raw" / image), read_uint16(root / "gts" / truth)
    height, width = rgb.shape[:2]
    if stored.shape != (height, width):
        raise DatasetError(f"{truth} has shape {stored.shape}, its image {(height, width)}")
    rows, columns = crops.kitti_benchmark(height, width)
    fx, fy, cx, cy = _intrinsics(_calibration_of(root, image))
    camera = Camera(width, height, fx, fy, cx, cy).crop(
        columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
    )
    drive, number = Path(image).parts[1], Path(image).stem
    frame = Frame(np.ascontiguousarray(rgb[rows, columns]), camera)
    return Sample(frame, metres(stored[rows, columns], _PER_METRE), f"{drive}/{number}")


@lru_cache(maxsize=16)
def _intrinsics(path: Path) -> tuple[float, float, float, float]:
    """Return fx, fy, cx, cy of the rectified left colour camera."""
    lines = (line.partition(":") for line in regular(path).read_text().splitlines())
    values = {name: rest for name, _, rest in lines}
    try:
        p = [float(number) for number in values["P_rect_02"].split()]
        return p[0], p[5], p[2], p[6]
    except (KeyError, IndexError, ValueError) as error:
        raise DatasetError(f"{path} has no P_rect_02 of 12 numbers") from error
