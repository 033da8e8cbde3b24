"""Options of an export."""

from __future__ import annotations

from dataclasses import dataclass

from depth_ros.errors import SettingError

TOLERANCES = {"float32": 1e-3, "float16": 0.02, "int8": 0.1}
"""Maximum relative error of depth by precision: float32: of all pixels; others: of the mean."""


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        size: height and width of the network's input; None: the model's own, if it has one.
        dynamic: whether the size is dynamic.
        precision: float32, float16 or int8.
        tolerance: error above which nothing is written; None: the value in TOLERANCES.
        overwrite: replace files that exist.

    Raises:
        SettingError: options contradict each other, or a value is not allowed.
    """

    size: tuple[int, int] | None = None
    dynamic: bool = False
    precision: str = "float32"
    tolerance: float | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.precision not in TOLERANCES:
            raise SettingError(
                f"precision is '{self.precision}', expected one of {', '.join(TOLERANCES)}"
            )
        if self.size is not None and (self.dynamic or min(self.size) < 1):
            raise SettingError(
                f"size is {self.size} and dynamic {self.dynamic}, expected a size above zero, or "
                "dynamic"
            )

    @property
    def limit(self) -> float:
        """The error above which nothing is written."""
        return TOLERANCES[self.precision] if self.tolerance is None else self.tolerance
