"""How a network is exported."""

from __future__ import annotations

from dataclasses import dataclass

from depth_ros.errors import SettingError

TOLERANCES = {"float32": 1e-3, "float16": 0.02, "int8": 0.1}
"""By precision: in float32 of the largest relative error of depth, in others of the mean."""


@dataclass(frozen=True)
class Options:
    """How a network is exported.

    Attributes:
        size: height and width of the network's input; None: the model's own where it has one.
        dynamic: leave the size open.
        precision: float32, float16 or int8.
        tolerance: error above which nothing is written, see TOLERANCES; None: what stands there.
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
