"""The progress of a conversion, stored in the bag that it writes, so that it can be resumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from depth_ros.errors import BagError, BagSettingError, DepthError
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import CameraState

_VERSION = 1
_COUNTS = ("frames", "answered", "skipped")


@dataclass
class Progress:
    """The progress of a conversion.

    Attributes:
        command: everything that affects the result; only the same command can continue.
        records: number of input messages that were processed.
        frames: number of images, by camera.
        answered: number of images that depth was written for, by camera.
        skipped: number of images without depth, by reason.
        examples: the first error of each reason.
        scales: state of each camera's scale, see freeze().
        complete: whether the end of the input was reached.
        guess: describes a guessed camera; empty if no camera was guessed.
        version: of the note's format.
    """

    command: dict[str, Any] = field(default_factory=dict)
    records: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    scales: dict[str, dict[str, Any]] = field(default_factory=dict)
    complete: bool = False
    guess: str = ""
    version: int = _VERSION

    def as_note(self) -> dict[str, Any]:
        """Return a copy in JSON types, as it is stored in the bag."""
        return asdict(self)

    @classmethod
    def from_note(cls, note: dict[str, Any], command: dict[str, Any]) -> Progress:
        """Return the progress that is stored in a bag.

        Raises:
            BagError: the bag was not written by a conversion, or by another command.
        """
        if "command" not in note:
            raise BagSettingError(
                "the bag was not written by a conversion, expected one to continue"
            )
        if not _is_note(note):
            raise BagError(
                f"the bag's note of its progress cannot be read, expected version {_VERSION}"
            )
        before = note["command"]
        if changed := [name for name in command if before.get(name) != command[name]]:
            differences = "; ".join(
                f"{n} was {before.get(n)!r}, is {command[n]!r}" for n in changed
            )
            raise BagSettingError(f"only the same command can continue: {differences}")
        return cls(**note)

    def count_frame(self, camera: str) -> None:
        """Count an image to convert."""
        self.frames[camera] = self.frames.get(camera, 0) + 1

    def count_answer(self, camera: str) -> None:
        """Count an image that depth was written for."""
        self.answered[camera] = self.answered.get(camera, 0) + 1

    def skip(self, error: Exception) -> None:
        """Count an image without depth."""
        reason = type(error).__name__
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        self.examples.setdefault(reason, str(error))


def _is_note(note: dict[str, Any]) -> bool:
    """Return whether a note, which anyone may have edited, has Progress's fields and types."""
    plain = Progress().as_note()
    return (
        note.keys() == plain.keys()
        and note["version"] == _VERSION
        and all(type(note[name]) is type(plain[name]) for name in plain)
        and note["records"] >= 0
        and all(type(count) is int for name in _COUNTS for count in note[name].values())
        and all(type(text) is str for text in note["examples"].values())
        and all(type(state) is dict for state in note["scales"].values())
    )


def freeze(camera: Camera, state: CameraState) -> dict[str, Any]:
    """Return a camera and its state in JSON types."""
    return {"camera": asdict(camera), **state.as_dict()}


def thaw(frozen: dict[str, Any], state_of: Callable[[Camera], CameraState]) -> Camera:
    """Restore the state of a camera, and return the camera.

    Args:
        frozen: the return value of freeze().
        state_of: returns the state to restore.

    Raises:
        BagError: frozen is not such a value.
    """
    try:
        fields = frozen["camera"]
        camera = Camera(**{**fields, "coefficients": tuple(fields["coefficients"])})
        state_of(camera).restore(frozen)
    except (KeyError, TypeError, ValueError, DepthError) as error:
        raise BagError(f"the stored scale cannot be read: {error}") from error
    return camera
