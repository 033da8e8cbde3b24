"""How far a conversion has come, noted in the bag that it writes, to go on from there."""

from __future__ import annotations

import base64
import io
import pickle
from dataclasses import asdict, dataclass, field
from typing import Any

from depth_ros.errors import BagError
from depth_ros.geometry.camera import Camera
from depth_ros.scale.scaler import Scaler

# What the state of a scale is made of. A bag may come from anywhere: nothing else is unpickled.
_ALLOWED = {
    "builtins": {"set"},
    "collections": {"deque"},
    "depth_ros.geometry.camera": {"Camera"},
    "depth_ros.scale.filter": {"ScaleFilter", "_Measurement"},
    "depth_ros.scale.scaler": {"Scaler"},
    "numpy": {"ndarray", "dtype"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy.core.numeric": {"_frombuffer"},
}


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
    """

    command: dict[str, Any] = field(default_factory=dict)
    records: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    scales: dict[str, str] = field(default_factory=dict)
    complete: bool = False

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


def freeze(camera: Camera, scaler: Scaler) -> str:
    """Return the state of a camera's scale as text."""
    return base64.b64encode(pickle.dumps((camera, scaler), protocol=4)).decode()


def thaw(text: str) -> tuple[Camera, Scaler]:
    """Return the state of a camera's scale.

    Raises:
        BagError: the text is not freeze()'s.
    """
    try:
        state = _Unpickler(io.BytesIO(base64.b64decode(text))).load()
        camera, scaler = state
    except Exception as error:  # pickle raises what it likes
        raise BagError(f"the noted scale cannot be read: {error}") from error
    return camera, scaler


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name not in _ALLOWED.get(module, ()):
            raise BagError(f"{module}.{name} has no place in the state of a scale")
        return super().find_class(module, name)
