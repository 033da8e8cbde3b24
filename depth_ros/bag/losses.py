"""What of a recording was not used, and why: each message once, however often it is read."""

from __future__ import annotations

from depth_ros.bag.reader import Record, Recording
from depth_ros.errors import one_line


class Losses:
    """Messages that could not be used, and damage that hides others."""

    def __init__(self) -> None:
        self._errors: dict[str, dict[int, str]] = {}
        self._damage: dict[str, None] = {}
        self._notes: dict[str, None] = {}

    def add(self, record: Record, error: Exception) -> None:
        """Note a message that cannot be used."""
        self._errors.setdefault(record.topic, {})[record.time_ns] = one_line(error)

    def add_damage(self, recording: Recording) -> None:
        """Note what of a recording could not be read; to be called after it was."""
        self._damage.update(dict.fromkeys(recording.damage))
        self._notes.update(dict.fromkeys(recording.notes))

    @property
    def damaged(self) -> bool:
        """Whether messages may be missing that nobody counted."""
        return bool(self._damage)

    def lines(self) -> list[str]:
        """Return what is to be said, a line for each topic and each damaged place."""
        errors = [
            f"warning: {len(found)} messages of {topic} left out: {next(iter(found.values()))}"
            for topic, found in self._errors.items()
        ]
        notes = [f"warning: {text}" for text in self._notes]
        return [f"damaged: {text}" for text in self._damage] + notes + errors
