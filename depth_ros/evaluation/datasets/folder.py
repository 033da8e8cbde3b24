"""A folder of your own images: colour and depth with equal names, one camera, one clip."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from depth_ros.arrays import FloatArray
from depth_ros.bag.losses import Losses
from depth_ros.errors import DepthError
from depth_ros.evaluation.datasets.files import (
    DatasetError,
    metres,
    read_json,
    read_numbers,
    read_rgb,
    read_uint16,
    require,
    require_files,
    where,
)
from depth_ros.evaluation.datasets.sample import Sample, Samples, read_one
from depth_ros.geometry.camera import Camera
from depth_ros.input_files import regular
from depth_ros.pipeline import Frame

LAYOUT = (
    "rgb/<name>.png or .jpg; depth/<name>.png (16 bit, millimetres) or .npy (metres), on the "
    "colour image's pixels; camera.json (fx, fy, cx, cy in pixels; for lenses also lens and "
    "coefficients) or intrinsics.txt (K as 3x3, or 'fx fy cx cy'); poses.txt if known (a line of "
    "12 or 16 numbers per image: world from camera)"
)
_IMAGES = {".png", ".jpg", ".jpeg"}
_POSE_ROWS, _PINHOLE = 12, 4
_Item = tuple[Path, Path, FloatArray | None]


def samples(root: Path) -> Samples:
    """Return the images, sorted by name; those that cannot be used are left out and counted.

    Raises:
        DatasetError: files are missing, or the camera or poses are not in this layout; while
            reading: no image can be used.
    """
    require(root, LAYOUT, "rgb/*", "depth/*")
    intrinsics = _intrinsics(root)
    images = sorted(path for path in (root / "rgb").iterdir() if path.suffix.lower() in _IMAGES)
    depths = [_depth_of(root, image) for image in images]
    require_files(root, LAYOUT, depths)
    items = list(zip(images, depths, _poses(root, len(images)), strict=True))
    losses = Losses()
    return Samples(partial(_usable, root, intrinsics, items, losses), len(items), losses)


def _usable(
    root: Path, intrinsics: dict[str, object], items: list[_Item], losses: Losses
) -> Iterator[Sample]:
    used = 0
    for item in items:
        try:
            sample = read_one(partial(_read, intrinsics), item)
        except DepthError as error:
            losses.add_file(item[0], error)
            continue
        used += 1
        yield sample
    if not used:
        raise DatasetError(f"{root} has no usable image: {'; '.join(losses.lines())}")


def _depth_of(root: Path, image: Path) -> Path:
    array = root / "depth" / f"{image.stem}.npy"
    return array if array.exists() else array.with_suffix(".png")


def _read(intrinsics: dict[str, object], item: _Item) -> Sample:
    image, depth, pose = item
    rgb = read_rgb(image)
    if depth.suffix == ".npy":
        truth_m = where(np.load(regular(depth)), True)
    else:
        truth_m = metres(read_uint16(depth), 1000)
    if truth_m.shape != rgb.shape[:2]:
        raise DatasetError(f"{depth} has shape {truth_m.shape}, its image {rgb.shape[:2]}")
    height, width = rgb.shape[:2]
    return Sample(
        Frame(rgb, Camera(width, height, **intrinsics)),  # type: ignore[arg-type]
        truth_m,
        image.stem,
        "rgb",
        pose,
    )


def _intrinsics(root: Path) -> dict[str, object]:
    """Return Camera's arguments without the image's size."""
    if (root / "camera.json").exists():
        known = read_json(root / "camera.json")
        names = {"fx", "fy", "cx", "cy"}
        if not isinstance(known, dict) or not names <= set(known):
            raise DatasetError(f"{root / 'camera.json'} lacks some of {sorted(names)}")
        chosen = {name: known[name] for name in (*sorted(names), "lens") if name in known}
        return {**chosen, "coefficients": tuple(known.get("coefficients", ()))}
    require(root, LAYOUT, "intrinsics.txt")
    numbers = read_numbers(root / "intrinsics.txt").ravel()
    if len(numbers) not in (_PINHOLE, 9):
        raise DatasetError(f"{root / 'intrinsics.txt'} has {len(numbers)} numbers, expected 4 or 9")
    k = numbers if len(numbers) == _PINHOLE else numbers[[0, 4, 2, 5]]
    return dict(zip(("fx", "fy", "cx", "cy"), k.tolist(), strict=True))


def _poses(root: Path, count: int) -> list[FloatArray] | list[None]:
    path = root / "poses.txt"
    if not path.exists():
        return [None] * count
    rows = read_numbers(path)
    if len(rows) != count or rows.shape[1] not in (_POSE_ROWS, 16):
        raise DatasetError(
            f"{path} has shape {rows.shape}, expected ({count}, 12) or ({count}, 16)"
        )
    last = np.tile([0.0, 0.0, 0.0, 1.0], (count, 1))
    return list(np.hstack([rows[:, :_POSE_ROWS], last]).reshape(-1, 4, 4))
