"""Options of a conversion: what to convert of a recording, and how."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from depth_ros.bag.storage_writers import STORAGES
from depth_ros.errors import BagSettingError, SettingError
from depth_ros.outputs.topics import EXTRAS

_NAMESPACE = re.compile(r"/?([A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*/?)?")


@dataclass(frozen=True)
class ConvertOptions:
    """What to convert of a recording, and how.

    Attributes:
        images: image topics, one for each camera; empty: the recording's only camera.
        infos: their camera_info topics; empty: the images' siblings.
        extras: outputs in addition to depth/image and depth/camera_info, see outputs.topics.EXTRAS.
        only_depth: copy nothing of the recording but its static transforms.
        prefix: namespace of the outputs; each of several cameras has its own below it.
        storage: of the new bag: mcap or sqlite3.
        start_s, end_s: part of the recording, in seconds from its start; None: to its end.
        every: convert only every n-th image.
        batch: images per run of the network.
        jobs: number of threads that decode and encode.
        split: images per file of the new bag; a crash loses at most this number.
        scan_rows: rows of pixels that a scan uses.
        scan_frame: frame of the scans, x ahead; empty: the images' frame without _optical.
        anchors: topic of the anchors; empty: the only one of its type.
        anchors_info: camera_info of anchors that are depth images; empty: the sibling topic.
        resume: continue an interrupted conversion to the same folder.

    Raises:
        SettingError: a value is out of its range.
    """

    images: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    only_depth: bool = False
    prefix: str = ""
    storage: str = "mcap"
    start_s: float = 0.0
    end_s: float | None = None
    every: int = 1
    batch: int = 1
    jobs: int = 2
    split: int = 500
    scan_rows: int = 1
    scan_frame: str = ""
    anchors: str = ""
    anchors_info: str = ""
    resume: bool = False

    def __post_init__(self) -> None:
        for name in ("every", "batch", "jobs", "split", "scan_rows"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if not self.start_s >= 0:
            raise SettingError(f"start is {self.start_s:g} s, expected 0 or more")
        if not _NAMESPACE.fullmatch(self.prefix):
            raise SettingError(
                f"prefix is '{self.prefix}', expected a namespace such as /depth: letters, digits "
                "and underscores between slashes, no digit first"
            )
        if self.storage not in STORAGES:
            raise SettingError(
                f"storage is '{self.storage}', expected one of {', '.join(STORAGES)}"
            )
        if unknown := set(self.extras) - set(EXTRAS):
            raise SettingError(
                f"extras are {sorted(unknown)}, expected some of {', '.join(EXTRAS)}"
            )

    def check_part(self, span_ns: int) -> None:
        """Check the chosen part against a recording's length.

        Raises:
            BagError: the part contains nothing of the recording.
        """
        span_s = span_ns / 1e9
        end_s = span_s if self.end_s is None else self.end_s
        if self.start_s > span_s or (self.end_s is not None and self.start_s >= self.end_s):
            raise BagSettingError(
                f"start is {self.start_s:g} s and end {end_s:g} s, expected start before end, and "
                f"within the recording's {span_s:.3f} s"
            )

    def as_command(self) -> dict[str, Any]:
        """Return the options that affect the result."""
        values = asdict(self)
        del values["resume"], values["jobs"]
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
