"""How far a conversion has come, noted in the bag that it writes, to go on from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from depth_ros.errors import BagError, DepthError
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import CameraState

_VERSION = 1
_COUNTS = ("frames", "answered", "skipped")


@dataclass
class Progress:
    """How far a conversion has come.

    Attributes:
        command: what decides on the result; only the same command can go on.
        records: messages of the input that are done with.
        frames: images by camera.
        answered: of them, those that depth was written for, by camera.
        skipped: of them, those that gave none, by reason.
        examples: the first error of each reason.
        scales: what makes each camera's depth metric, see freeze().
        complete: whether the input has come to its end.
        guess: what is to be said of a camera that was guessed; empty where it was not.
        version: of the note's form.
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
        """Return it as a bag notes it; it does not change when the progress does."""
        return asdict(self)

    @classmethod
    def from_note(cls, note: dict[str, Any], command: dict[str, Any]) -> Progress:
        """Return what a bag notes.

        Raises:
            BagError: no conversion wrote the bag, or another command did.
        """
        if "command" not in note:
            raise BagError("the bag is none that a conversion wrote, expected one to go on with")
        if not _is_note(note):
            raise BagError(
                f"the bag's note of its progress cannot be read, expected version {_VERSION}"
            )
        before = note["command"]
        if changed := [name for name in command if before.get(name) != command[name]]:
            told = "; ".join(f"{n} was {before.get(n)!r}, is {command[n]!r}" for n in changed)
            raise BagError(f"only the same command can go on: {told}")
        return cls(**note)

    def count_frame(self, camera: str) -> None:
        """Count an image that is to be answered."""
        self.frames[camera] = self.frames.get(camera, 0) + 1

    def count_answer(self, camera: str) -> None:
        """Count an image that gave depth."""
        self.answered[camera] = self.answered.get(camera, 0) + 1

    def skip(self, error: Exception) -> None:
        """Count an image that gives no depth."""
        reason = type(error).__name__
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        self.examples.setdefault(reason, str(error))


def _is_note(note: dict[str, Any]) -> bool:
    """Return whether a note has the fields of Progress, in their types: it may be from anywhere."""
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
    """Return a camera and its state in JSON's own types."""
    return {"camera": asdict(camera), **state.as_dict()}


def thaw(frozen: dict[str, Any], state_of: Callable[[Camera], CameraState]) -> Camera:
    """Restore the state of a camera, and return the camera.

    Args:
        frozen: what freeze() returned.
        state_of: returns the state to restore.

    Raises:
        BagError: frozen is something else.
    """
    try:
        fields = frozen["camera"]
        camera = Camera(**{**fields, "coefficients": tuple(fields["coefficients"])})
        state_of(camera).restore(frozen)
    except (KeyError, TypeError, ValueError, DepthError) as error:
        raise BagError(f"the noted scale cannot be read: {error}") from error
    return camera
