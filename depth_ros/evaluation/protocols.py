"""Evaluation protocols as data: the dataset, the valid pixels, and the range of depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_ros.arrays import DepthArray
from depth_ros.errors import DepthError, SettingError, one_line
from depth_ros.evaluation import rendered
from depth_ros.evaluation.crops import CROPS
from depth_ros.evaluation.datasets import bag, ddad, diode, folder, ibims, kitti, nyu, sun_rgbd
from depth_ros.evaluation.datasets.files import DatasetError
from depth_ros.evaluation.datasets.sample import Samples


@dataclass(frozen=True)
class Protocol:
    """Rules for scoring a dataset.

    Attributes:
        name: its name on the command line.
        layout: description of the expected files; empty: it needs none.
        open: checks a folder and returns its samples.
        near_m, far_m: only truth strictly between them counts.
        crop: name in crops.CROPS of the rectangle that counts.
        dense: whether truth is dense, so that contours can be compared.
        fill: as for published scores, predictions without depth become near_m, those beyond
            range far_m, and all are clipped to the two. Otherwise they are left out, which
            coverage shows.
        note: source of the protocol.
    """

    name: str
    layout: str
    open: Callable[[Path], Samples]
    near_m: float = 0.0
    far_m: float = np.inf
    crop: str = "none"
    dense: bool = True
    fill: bool = True
    note: str = ""

    def samples(self, data: Path | None) -> Samples:
        """Return the samples of a folder.

        Raises:
            SettingError: a folder is required but missing, or not used but given.
            DatasetError: it lacks files.
        """
        if self.layout and data is None:
            raise SettingError(f"protocol '{self.name}' needs --data: a folder with {self.layout}")
        if data is not None and not self.layout:
            raise SettingError(f"protocol '{self.name}' reads no data, expected no --data")
        try:
            return self.open(data or Path())
        except DepthError:
            raise
        except Exception as error:  # errors of many libraries, from damaged files
            raise DatasetError(
                f"{data} cannot be used: {type(error).__name__}: {one_line(error)}; "
                f"expected {self.layout}"
            ) from error

    def counted(self, truth_m: DepthArray) -> DepthArray:
        """Return truth (H, W) with NaN for pixels that do not count."""
        rectangle = CROPS[self.crop](*truth_m.shape)
        counted = np.full_like(truth_m, np.nan)
        inner = truth_m[rectangle]
        inside = (inner > self.near_m) & (inner < self.far_m)
        counted[rectangle] = np.where(inside, inner, np.nan)
        return counted

    def filled(self, depth_m: DepthArray) -> DepthArray:
        """Return a prediction (H, W) filled as the protocol requires."""
        if not self.fill:
            return depth_m
        return np.nan_to_num(depth_m, nan=self.near_m, posinf=self.far_m).clip(
            self.near_m, self.far_m
        )


_NEAR_M = 1e-3  # up to here published code means "no measurement"


def _published(name: str, source: object, far_m: float, note: str, **facts: object) -> Protocol:
    layout, open_ = source.LAYOUT, source.samples  # type: ignore[attr-defined]
    return Protocol(name, layout, open_, _NEAR_M, far_m, note=note, **facts)  # type: ignore[arg-type]


def _own(name: str, layout: str, open_: Callable[[Path], Samples], note: str) -> Protocol:
    return Protocol(name, layout, open_, fill=False, note=note)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        _own("rendered", "", lambda _: rendered.samples(), "held-out drives"),
        _own("bag", bag.LAYOUT, bag.samples, "a recording of your own robot"),
        _own("rgbd-folder", folder.LAYOUT, folder.samples, "images of your own camera"),
        _published("nyu", nyu, 10, "654 images, Eigen crop (ZoeDepth)", crop="nyu-eigen"),
        _published(
            "kitti-eigen",
            kitti,
            80,
            "652 images, Garg crop (ZoeDepth)",
            crop="kitti-garg",
            dense=False,
        ),
        _published("diode-indoor", diode, 10, "325 images (ZoeDepth)"),
        _published("ibims", ibims, 10, "100 images (ZoeDepth)"),
        _published("sun-rgbd", sun_rgbd, 8, "5050 images (ZoeDepth)"),
        _published(
            "ddad", ddad, 80, "front camera (ZoeDepth); TRI's papers go to 200 m", dense=False
        ),
    )
}
"""Every protocol by name."""


_BAG_FILES = {".bag", ".db3", ".mcap"}


def protocol_of(data: Path | None) -> Protocol:
    """Return the protocol for the user's own data: a bag or a folder of RGB-D images.

    Published datasets are not detected. Without data, return the rendered drives.

    Raises:
        SettingError: data is neither of the two, or does not exist.
    """
    if data is None:
        return PROTOCOLS["rendered"]
    if not data.exists():
        raise SettingError(f"{data} does not exist, expected a bag or a folder of images")
    files = [data] if not data.is_dir() else [path for path in data.iterdir() if path.is_file()]
    if any(_BAG_FILES.intersection(path.suffixes) for path in files):
        return PROTOCOLS["bag"]
    if (data / "rgb").is_dir() and (data / "depth").is_dir():
        return PROTOCOLS["rgbd-folder"]
    raise SettingError(
        f"{data} is neither a bag nor a folder with rgb/ and depth/; expected one of them, or "
        f"--protocol {', '.join(list(PROTOCOLS)[1:])}"
    )
