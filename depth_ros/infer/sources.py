"""The inputs of `depth_ros infer`: pictures, videos, folders, patterns and webcams."""

from __future__ import annotations

import re
from dataclasses import dataclass
from glob import glob
from itertools import chain, count
from pathlib import Path
from typing import Literal

from depth_ros.errors import SettingError

Kind = Literal["picture", "video", "webcam"]

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts")
_WEBCAM = re.compile(r"camera:(\d{1,3})")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_EXPECTED = (
    f"expected a picture ({' '.join(PICTURES)}), a video ({' '.join(VIDEOS)}), a folder, a pattern "
    "or camera:0"
)


@dataclass(frozen=True)
class Source:
    """One picture, video or webcam.

    Attributes:
        kind: picture, video or webcam.
        path: of the file; for a webcam its name, such as camera:0.
        name: prefix of its outputs' names, unique among the sources.
    """

    kind: Kind
    path: Path
    name: str

    @property
    def webcam(self) -> int:
        """The number of the webcam: 0 for /dev/video0."""
        return int(self.path.name.partition(":")[2])


def find(texts: list[str]) -> list[Source]:
    """Return the sources of the arguments, each file once.

    Raises:
        SettingError: an argument is a URL, does not exist, or is or contains neither pictures nor
            videos.
    """
    found: dict[Path, Kind] = {}
    for text in texts:
        if match := _WEBCAM.fullmatch(text):
            found[Path(f"camera:{int(match[1])}")] = "webcam"
        else:
            found |= {path: _kind(path) for path in _files(text)}
    names = _names(list(found))
    return [Source(kind, path, names[path]) for path, kind in found.items()]


def _files(text: str) -> list[Path]:
    """Return the files of an argument: itself, or those of its folder or pattern."""
    if _URL.match(text):
        raise SettingError(f"'{text}' is a URL, but infer only reads files: download it first")
    path = Path(text)
    if not text or not path.exists():
        matches = sorted(Path(match) for match in glob(text))
        paths = [path for match in matches for path in (_inside(match) or [match])]
    else:
        paths = _inside(path) if path.is_dir() else [path]
    if not paths:
        problem = "contains no pictures or videos" if text and path.is_dir() else "does not exist"
        raise SettingError(f"'{text}' {problem}, {_EXPECTED}")
    return paths


def _inside(folder: Path) -> list[Path]:
    """Return the pictures and videos of a folder, without subfolders."""
    if not folder.is_dir():
        return []
    known = (*PICTURES, *VIDEOS)
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in known)


def _kind(path: Path) -> Kind:
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        return "picture"
    if suffix in VIDEOS:
        return "video"
    raise SettingError(f"'{path}' is of an unknown kind, {_EXPECTED}")


def _names(paths: list[Path]) -> dict[Path, str]:
    """Return a unique name for each path: its own name if possible."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        stem = path.name.replace(":", "") if path.suffix == "" else path.stem
        numbered = (f"{stem}-{number}" for number in count(2))
        name = next(name for name in chain([stem], numbered) if name not in taken)
        taken.add(name)
        names[path] = name
    return names
