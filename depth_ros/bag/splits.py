"""Write a rosbag2 file by file: after a crash, the finished files are a complete bag."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from depth_ros import yaml_file
from depth_ros.bag.storage_writers import STORAGES, Storage, qos_text
from depth_ros.bag.types import Topic
from depth_ros.errors import BagError, BagSettingError

_METADATA, _UNFINISHED = "metadata.yaml", ".unfinished"
_ROOT, _NOTE = "rosbag2_bagfile_information", "depth_ros"
# The newest version whose QoS format Humble can read.
_VERSION = 8


class SplitBag:
    """A rosbag2 folder of numbered files, mcap with zstd or sqlite3.

    The file being written stays in a subfolder until it is finished. Then it is moved to the other
    files, and metadata.yaml is replaced by one that lists it: the folder is a readable bag at any
    time.

    Args:
        path: the folder; an existing bag is continued after its last file.
        storage: a name of STORAGES.

    Raises:
        BagError: the folder exists and is not a bag of this storage, or cannot be written.
    """

    def __init__(self, path: Path, storage: str = "mcap") -> None:
        self.path, self._storage = path, storage
        self._unfinished = path / _UNFINISHED
        self._file: Storage | None = None
        self._topics: dict[str, dict[str, Any]] = {}  # of the file that is being written
        self._times_ns: tuple[int, int] | None = None
        if _in_use(path):
            self._information = _read(path)
            if self._information["storage_identifier"] != storage:
                kind = self._information["storage_identifier"]
                raise BagSettingError(
                    f"{path} is a bag of {kind}, expected {storage} to continue it"
                )
        else:
            self._information = _nothing(storage)
            shutil.rmtree(self._unfinished, ignore_errors=True)
            try:
                path.mkdir(parents=True, exist_ok=True)
                self._replace_metadata()
            except OSError as error:
                raise BagError(f"{path} cannot be created: {error}") from error

    @property
    def new(self) -> bool:
        """Whether the bag has no messages and no note yet."""
        begun = self._information["files"] or self._unfinished.exists()
        return not begun and not self.note

    @property
    def note(self) -> dict[str, Any]:
        """The note of the last finish()."""
        return note(self._information)

    def write(self, topic: Topic, time_ns: int, data: bytes | memoryview) -> None:
        """Write a serialised message at a bag time.

        Raises:
            OSError: it could not be written; call discard() then.
        """
        file = self._file or self._open()
        if topic.name not in self._topics:
            file.add(topic)
            self._topics[topic.name] = _described(topic)
        file.write(topic.name, time_ns, data)
        self._topics[topic.name]["message_count"] += 1
        first_ns, last_ns = self._times_ns or (time_ns, time_ns)
        self._times_ns = min(first_ns, time_ns), max(last_ns, time_ns)

    def finish(self, note: dict[str, Any]) -> None:
        """Finish the file, and add it and a note to the bag; the next write starts another file.

        Raises:
            OSError: it could not be written; call discard() then.
        """
        file, self._file = self._file, None
        if file is not None:
            file.close()
            os.replace(file.path, self.path / file.path.name)
            _add(self._information, self._part(file.path.name))
        shutil.rmtree(self._unfinished, ignore_errors=True)
        self._information["custom_data"] = {_NOTE: json.dumps(note, sort_keys=True)}
        self._replace_metadata()

    def discard(self) -> None:
        """Delete the file that is being written; the bag ends with the file before it."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(Exception):  # it may fail again for the same reason
                file.abort()
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def _open(self) -> Storage:
        number = len(self._information["files"])
        shutil.rmtree(self._unfinished, ignore_errors=True)  # left by a run that was killed
        self._unfinished.mkdir()
        opened = STORAGES[self._storage]
        name = f"{self.path.name}_{number}{opened.ENDING}"
        self._file = opened(self._unfinished / name)
        self._topics, self._times_ns = {}, None
        return self._file

    def _part(self, name: str) -> dict[str, Any]:
        """Return the metadata of a bag that consists of the present file alone."""
        first_ns, last_ns = self._times_ns or (0, 0)
        file = {
            "starting_time": {"nanoseconds_since_epoch": first_ns},
            "duration": {"nanoseconds": last_ns - first_ns},
            "message_count": sum(each["message_count"] for each in self._topics.values()),
        }
        return {
            **file,
            "relative_file_paths": [name],
            "files": [{"path": name, **file}],
            "topics_with_message_count": list(self._topics.values()),
        }

    def _replace_metadata(self) -> None:
        yaml, text = YAML(typ="safe"), StringIO()
        yaml.default_flow_style = False
        yaml.dump({_ROOT: self._information}, text)
        new = self.path / f"{_METADATA}.tmp"
        new.write_text(text.getvalue())
        os.replace(new, self.path / _METADATA)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other conversions; a missing folder is created.

    The operating system's lock on the folder itself ends with the process, even after a crash, and
    leaves no file behind.

    Raises:
        BagError: another process holds the lock, or the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BagError(f"{folder} cannot be created: {error.strerror or error}") from error
    try:
        with suppress(OSError):  # file systems without locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BagError(f"another conversion is writing to {folder}") from error
        yield
    finally:
        os.close(handle)


def note(information: dict[str, Any]) -> dict[str, Any]:
    """Return a bag's note from its metadata; empty if there is none.

    Raises:
        BagError: the note is damaged.
    """
    custom = information.get("custom_data")
    text = custom.get(_NOTE) if isinstance(custom, dict) else None
    try:
        noted: Any = json.loads(text) if text else {}
    except (TypeError, ValueError, RecursionError) as error:
        raise BagError(f"the bag's note cannot be read: {error}") from error
    return noted if isinstance(noted, dict) else {}


def noted_guess(information: dict[str, Any]) -> str:
    """Return the description of a guessed camera from a bag's metadata; empty if none."""
    try:
        guess = note(information).get("guess")
    except BagError:
        return ""
    return guess if isinstance(guess, str) else ""


def _in_use(path: Path) -> bool:
    """Return whether a path contains more than the leftovers of a run killed at its start."""
    if not path.is_dir():
        return path.exists()
    return any(each.name not in (f"{_METADATA}.tmp", _UNFINISHED) for each in path.iterdir())


def _read(path: Path) -> dict[str, Any]:
    """Return the metadata of a bag to continue, after a check: it may come from anywhere."""
    try:
        information: dict[str, Any] = yaml_file.load(path / _METADATA)[_ROOT]
        _check(information)
    except Exception as error:  # errors of YAML and of wrong types
        raise BagError(f"{path} is not a bag that can be continued: {error}") from error
    return information


def _check(information: dict[str, Any]) -> None:
    for name, plain in _nothing("").items():
        if name != "custom_data" and type(information[name]) is not type(plain):
            raise ValueError(f"{name} is {str(information[name])[:80]!r}")
    topics = information["topics_with_message_count"]
    sum((*_times_ns(information), *(each["message_count"] for each in topics)))
    _ = {each["topic_metadata"]["name"] for each in topics}


def _nothing(storage: str) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "storage_identifier": storage,
        "relative_file_paths": [],
        "duration": {"nanoseconds": 0},
        "starting_time": {"nanoseconds_since_epoch": 0},
        "message_count": 0,
        "topics_with_message_count": [],
        "compression_format": "",
        "compression_mode": "",
        "files": [],
        "custom_data": None,
        "ros_distro": "rosbags",
    }


def _described(topic: Topic) -> dict[str, Any]:
    """Return the metadata of a topic without messages."""
    metadata = {
        "name": topic.name,
        "type": topic.kind,
        "serialization_format": "cdr",
        "offered_qos_profiles": qos_text(topic.qos),
        "type_description_hash": topic.definition.digest,
    }
    return {"topic_metadata": metadata, "message_count": 0}


def _add(whole: dict[str, Any], part: dict[str, Any]) -> None:
    """Add the metadata of one more file to those of a bag."""
    times_ns = [_times_ns(each) for each in (whole, part) if each["message_count"]]
    first_ns = min(first for first, _ in times_ns)
    whole["starting_time"] = {"nanoseconds_since_epoch": first_ns}
    whole["duration"] = {"nanoseconds": max(last for _, last in times_ns) - first_ns}
    whole["message_count"] += part["message_count"]
    whole["relative_file_paths"] += part["relative_file_paths"]
    whole["files"] += part["files"]
    known = {each["topic_metadata"]["name"]: each for each in whole["topics_with_message_count"]}
    for topic in part["topics_with_message_count"]:
        name = topic["topic_metadata"]["name"]
        if name in known:
            known[name]["message_count"] += topic["message_count"]
        else:
            whole["topics_with_message_count"].append(topic)


def _times_ns(information: dict[str, Any]) -> tuple[int, int]:
    first: int = information["starting_time"]["nanoseconds_since_epoch"]
    return first, first + information["duration"]["nanoseconds"]
