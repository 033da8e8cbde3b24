"""DDAD (Guizilini et al. 2020), its validation scenes' front camera, as published.

The layout is that of TRI's original archive (DGP scenes), without any export: the lidar points of
the same sample are transformed by both sensors' poses and projected; of several points in a pixel
the nearest counts. No mask is needed, because the front camera does not see the car.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.arrays import DepthArray, FloatArray
from depth_ros.evaluation.datasets.files import (
    DatasetError,
    read_json,
    read_rgb,
    require,
    require_files,
)
from depth_ros.evaluation.datasets.sample import Sample, Samples, each
from depth_ros.geometry.camera import Camera
from depth_ros.input_files import regular
from depth_ros.messages.transforms import matrix_of_pose
from depth_ros.pipeline import Frame

LAYOUT = (
    "ddad.json whose scene_splits['1'] (validation) names <scene>/scene_<hash>.json; with each "
    "calibration/<hash>.json, rgb/CAMERA_01/<stamp>.png and point_cloud/LIDAR/<stamp>.npz"
)
_CAMERA, _LIDAR, _VALIDATION = "camera_01", "lidar", "1"


def samples(root: Path) -> Samples:
    """Return every sample of the validation scenes.

    Raises:
        DatasetError: files are missing or not in DGP's format.
    """
    require(root, LAYOUT, "ddad.json")
    try:
        split = read_json(root / "ddad.json")["scene_splits"][_VALIDATION]
        scenes = [root / name for name in sorted(split["filenames"])]
        require_files(root, LAYOUT, scenes)
        records = [record for scene in scenes for record in _records(scene)]
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{root} is not DDAD's: {error!r}; expected {LAYOUT}") from error
    require_files(root, LAYOUT, (path for *paths, _, _ in records for path in paths))
    return each(_read, records)


def _records(scene: Path) -> list[tuple[Path, Path, Path, Any, Any]]:
    """Return image, points and calibration files with both sensors' poses, in time order."""
    description, folder = read_json(scene), scene.parent
    data = {datum["key"]: datum for datum in description["data"]}
    records = []
    for sample in description["samples"]:
        named = {
            data[key]["id"]["name"].lower(): data[key]["datum"] for key in sample["datum_keys"]
        }
        image, points = named[_CAMERA]["image"], named[_LIDAR]["point_cloud"]
        calibration = folder / "calibration" / f"{sample['calibration_key']}.json"
        paths = (folder / image["filename"], folder / points["filename"], calibration)
        records.append((*paths, image["pose"], points["pose"]))
    return records


def _read(record: tuple[Path, Path, Path, Any, Any]) -> Sample:
    image, points, calibration, image_pose, points_pose = record
    rgb = read_rgb(image)
    camera = _camera(calibration, *rgb.shape[:2])
    pose = _transform(image_pose)
    motion = np.linalg.inv(pose) @ _transform(points_pose)
    xyz = np.load(regular(points))["data"][:, :3].astype(np.float64)
    scene = image.parents[2].name
    truth_m = splat(xyz @ motion[:3, :3].T + motion[:3, 3], camera)
    return Sample(Frame(rgb, camera), truth_m, f"{scene}/{image.stem}", scene, pose)


def splat(points: FloatArray, camera: Camera) -> DepthArray:
    """Return the depth image (H, W) of points (N, 3): the nearest of each pixel, NaN for none."""
    pixels = np.floor(camera.project(points))
    inside = ((pixels >= 0) & (pixels < (camera.width, camera.height))).all(axis=1)
    u, v = pixels[inside].astype(int).T
    depth_m = np.full((camera.height, camera.width), np.inf)
    np.minimum.at(depth_m, (v, u), points[inside, 2])
    return np.where(np.isfinite(depth_m), depth_m, np.nan).astype(np.float32)


def _camera(calibration: Path, height: int, width: int) -> Camera:
    known = read_json(calibration)
    names = [name.lower() for name in known["names"]]
    k = known["intrinsics"][names.index(_CAMERA)]
    return Camera(width, height, k["fx"], k["fy"], k["cx"], k["cy"])


def _transform(pose: Any) -> FloatArray:
    """Return the 4x4 transform of DGP's pose: a unit quaternion and a translation [m]."""
    q, t = pose["rotation"], pose["translation"]
    return matrix_of_pose((q["qx"], q["qy"], q["qz"], q["qw"]), (t["x"], t["y"], t["z"]))
