"""Messages of a recording that were not used, and why; each is counted once."""

from __future__ import annotations

from pathlib import Path

from depth_ros.bag.reader import Record, Recording
from depth_ros.errors import one_line


class Losses:
    """Messages that could not be used, and damage that may hide others."""

    def __init__(self) -> None:
        self._errors: dict[str, dict[int, str]] = {}
        self._files: dict[Path, str] = {}
        self._damage: dict[str, None] = {}
        self._notes: dict[str, None] = {}

    def add(self, record: Record, error: Exception) -> None:
        """Add a message that cannot be used."""
        self._errors.setdefault(record.topic, {})[record.time_ns] = one_line(error)

    def add_file(self, path: Path, error: Exception) -> None:
        """Add an image of a folder that cannot be used."""
        self._files[path] = one_line(error)

    def add_damage(self, recording: Recording) -> None:
        """Add a recording's damage; call it after the recording was read."""
        self._damage.update(dict.fromkeys(recording.damage))
        self._notes.update(dict.fromkeys(recording.notes))

    @property
    def damaged(self) -> bool:
        """Whether an unknown number of messages may be missing."""
        return bool(self._damage)

    def lines(self) -> list[str]:
        """Return the warnings: a line for each topic, the images of a folder, and each damage."""
        errors = [
            f"warning: {len(found)} messages of {topic} left out: {next(iter(found.values()))}"
            for topic, found in self._errors.items()
        ]
        if self._files:
            first = next(iter(self._files.values()))
            errors.append(f"warning: {len(self._files)} images left out: {first}")
        notes = [f"warning: {text}" for text in self._notes]
        return [f"damaged: {text}" for text in self._damage] + notes + errors
