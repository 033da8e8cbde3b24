"""Published protocols as data: what is read, which pixels count, and where depth is cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_ros.arrays import DepthArray
from depth_ros.errors import DepthError, one_line
from depth_ros.evaluation import rendered
from depth_ros.evaluation.crops import CROPS
from depth_ros.evaluation.datasets import bag, ddad, diode, folder, ibims, kitti, nyu, sun_rgbd
from depth_ros.evaluation.datasets.files import DatasetError
from depth_ros.evaluation.datasets.sample import Samples


@dataclass(frozen=True)
class Protocol:
    """How scores of a dataset are made.

    Attributes:
        name: what the user says.
        layout: files that are expected, for people; empty: it needs none.
        open: starts to read them from a folder; checks them first.
        near_m, far_m: truth counts strictly between them.
        crop: name in crops.CROPS of the rectangle that counts.
        dense: whether truth has neighbours, so that contours can be compared.
        fill: a prediction without depth is near_m, one beyond range far_m, and all are clipped to
            the two, as published scores have it. Else they are left out, and coverage tells.
        note: where the protocol is from.
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
        """Return what there is in a folder.

        Raises:
            DatasetError: no folder is given, one is that is not read, or files are missing in it.
        """
        if self.layout and data is None:
            raise DatasetError(f"protocol '{self.name}' needs --data: a folder with {self.layout}")
        if data is not None and not self.layout:
            raise DatasetError(f"protocol '{self.name}' reads no data, expected no --data")
        try:
            return self.open(data or Path())
        except DepthError:
            raise
        except Exception as error:  # of a damaged file, each library its own
            raise DatasetError(
                f"{data} cannot be used: {type(error).__name__}: {one_line(error)}; "
                f"expected {self.layout}"
            ) from error

    def counted(self, truth_m: DepthArray) -> DepthArray:
        """Return truth (H, W) with NaN where it does not count."""
        rectangle = CROPS[self.crop](*truth_m.shape)
        counted = np.full_like(truth_m, np.nan)
        inner = truth_m[rectangle]
        inside = (inner > self.near_m) & (inner < self.far_m)
        counted[rectangle] = np.where(inside, inner, np.nan)
        return counted

    def filled(self, depth_m: DepthArray) -> DepthArray:
        """Return a prediction (H, W) as it is compared."""
        if not self.fill:
            return depth_m
        return np.nan_to_num(depth_m, nan=self.near_m, posinf=self.far_m).clip(
            self.near_m, self.far_m
        )


_NEAR_M = 1e-3  # what published code takes for "no measurement"


def _published(name: str, source: object, far_m: float, note: str, **facts: object) -> Protocol:
    layout, open_ = source.LAYOUT, source.samples  # type: ignore[attr-defined]
    return Protocol(name, layout, open_, _NEAR_M, far_m, note=note, **facts)  # type: ignore[arg-type]


def _own(name: str, layout: str, open_: Callable[[Path], Samples], note: str) -> Protocol:
    return Protocol(name, layout, open_, fill=False, note=note)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        _own("rendered", "", lambda _: rendered.samples(), "held-out drives"),
        _own("bag", bag.LAYOUT, bag.samples, "a recording of one's own robot"),
        _own("rgbd-folder", folder.LAYOUT, folder.samples, "images of one's own camera"),
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
    """Return the protocol that reads one's own data: a bag or a folder of RGB-D.

    Published datasets cannot be told from their files. Without data it is the rendered drives.

    Raises:
        DatasetError: it is neither of the two, or not there.
    """
    if data is None:
        return PROTOCOLS["rendered"]
    if not data.exists():
        raise DatasetError(f"{data} is not there, expected a bag or a folder of images")
    files = [data] if not data.is_dir() else [path for path in data.iterdir() if path.is_file()]
    if any(_BAG_FILES.intersection(path.suffixes) for path in files):
        return PROTOCOLS["bag"]
    if (data / "rgb").is_dir() and (data / "depth").is_dir():
        return PROTOCOLS["rgbd-folder"]
    raise DatasetError(
        f"{data} is neither a bag nor a folder with rgb/ and depth/; expected one of them, or "
        f"--protocol {', '.join(list(PROTOCOLS)[1:])}"
    )
