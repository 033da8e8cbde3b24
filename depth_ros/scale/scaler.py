"""From predictions to metres: measured on each frame that allows it, smooth over time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from depth_ros.errors import ScaleError
from depth_ros.geometry.depth import scaled_depth
from depth_ros.scale.anchors import Anchors, align, sample
from depth_ros.scale.field import Field, fit_field
from depth_ros.scale.filter import ScaleFilter
from depth_ros.scale.fit import Fit
from depth_ros.scale.ground import Mount, find_ground

_INVERSE = "affine_inverse_depth"
_FIELD_ANCHORS = 1000  # more make a field no better, only slower

Reference = Mount | Anchors
"""What is known of the world: the camera's height over the ground, or some measured points."""


@dataclass(frozen=True)
class Scale:
    """What makes a network's values metres: depth, or inverse depth, is scale * value + shift.

    Attributes:
        scale, shift: of metres, or of 1/metres for inverse depth.
        deviation: standard deviation of the scale, as a share of it.
        age_s: time since it was last measured.
        reach_m: the largest depth that the scale holds for. The shift of a relative prediction
            follows from the camera's pitch and the ground within this reach; twice as far away,
            depth can be wrong by factors.
        field: the error that scale and shift leave, as measured at anchors; None: none is certain.
    """

    scale: float
    shift: float
    deviation: float
    age_s: float
    reach_m: float = math.inf
    field: Field | None = None

    def corrected(self, values: Tensor, kind: str, send: Callable[[Tensor], Tensor]) -> Tensor:
        """Return values (H, W) whose scale * value + shift has the field's factors.

        Args:
            values: of a kind, see ground.find_ground.
            kind: see there.
            send: brings a tensor of the host's to the device of values.
        """
        if self.field is None:
            return values
        line = values * self.scale + self.shift
        line = self.field.corrected(line, kind == _INVERSE, send)
        return line.sub_(self.shift).div_(self.scale)

    def depth_m(self, values: Tensor, kind: str) -> Tensor:
        """Return z-depth of values of a kind, see ground.find_ground; +inf at infinity."""
        return scaled_depth(values, self.scale, self.shift, kind == _INVERSE)


class Scaler:
    """Keeps the scale and shift of one camera's predictions.

    Attributes:
        refused: why the last frame gave no measurement; empty when it gave one.
    """

    def __init__(self) -> None:
        self._filter = ScaleFilter()
        self._reach_m = math.inf
        self._field: Field | None = None
        self.refused = "nothing to measure it by has come"

    def update(
        self,
        values: Tensor,
        kind: str,
        rays: Tensor,
        reference: Reference,
        stamp_ns: int,
        smooth: bool,
        field: bool = False,
    ) -> None:
        """Measure scale and shift on a frame; where that is impossible the last ones stay.

        Args:
            values: (H, W) prediction.
            kind: what the values are, see ground.find_ground.
            rays: (H, W, 2) viewing rays of the camera.
            reference: the camera's mount, or anchors.
            stamp_ns: the frame's time.
            smooth: filter over time, instead of taking every measurement at its word.
            field: take out what varies over the image too, where anchors show it.
        """
        try:
            fit = _measure(values, kind, rays, reference)
        except ScaleError as error:
            self.refuse(str(error))
            return
        if not smooth:
            self._filter.reset()
        accepted = self._filter.update(fit, stamp_ns)
        self.refused = "" if accepted else f"a scale of {fit.scale:.3g} jumps and is held back"
        self._reach_m = math.inf
        if isinstance(reference, Mount) and kind != "metric_depth":
            self._reach_m = reference.reach_m
        if accepted:
            anchored = field and isinstance(reference, Anchors)
            self._field = self._find_field(values, kind, reference) if anchored else None

    def _find_field(self, values: Tensor, kind: str, reference: Reference) -> Field | None:
        """Return the error that the current scale and shift leave at anchors."""
        assert isinstance(reference, Anchors)
        few = reference.thinned(_FIELD_ANCHORS)
        line = sample(values, few) * self._filter.scale + self._filter.shift
        with np.errstate(divide="ignore"):
            line_m = 1 / line if kind == _INVERSE else line
        height, width = values.shape
        return fit_field(few.pixels, line_m, few.depth_m, (width, height))

    def refuse(self, reason: str) -> None:
        """Note why a frame gave no measurement."""
        self.refused = reason

    def as_dict(self) -> dict[str, Any]:
        """Return the state in JSON types."""
        reach_m = self._reach_m if math.isfinite(self._reach_m) else None
        return {
            "filter": self._filter.as_dict(),
            "reach_m": reach_m,
            "refused": self.refused,
            "field": self._field and self._field.as_list(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state of as_dict().

        Raises:
            ScaleError: it is not such a state.
        """
        try:
            reach_m = math.inf if state["reach_m"] is None else float(state["reach_m"])
            self.refused = str(state["refused"])
            field = state["field"]
            self._field = None if field is None else Field.from_list(field)
            self._filter.restore(state["filter"])
        except (KeyError, TypeError, ValueError) as error:
            raise ScaleError(f"{str(state)[:80]} is not the state of a scale: {error}") from error
        if not reach_m > 0:
            raise ScaleError(f"reach_m is {reach_m}, expected above 0")
        self._reach_m = reach_m

    def at(self, stamp_ns: int, max_age_s: float) -> Scale:
        """Return the scale for a frame of a time.

        Raises:
            ScaleError: none was measured yet, or the last one is too old.
        """
        if not self._filter.ready:
            raise ScaleError(f"no scale yet: {self.refused}")
        age_s = self._filter.age_s(stamp_ns)
        # Negative after a bag began anew.
        if not 0 <= age_s <= max_age_s:
            raise ScaleError(
                f"the last scale is {age_s:.1f} s old, expected {max_age_s:g} s at most: "
                f"{self.refused}"
            )
        f = self._filter
        return Scale(f.scale, f.shift, f.deviation, age_s, self._reach_m, self._field)


class FixedScale:
    """A scale that is known beforehand and holds for every frame, in the place of a Scaler.

    Args:
        scale: None: there is none.
    """

    refused = ""

    def __init__(self, scale: Scale | None) -> None:
        self._scale = scale

    def update(self, *measurement: object) -> None:
        """Ignore a frame."""

    def refuse(self, reason: str) -> None:
        """Ignore why a frame gave no measurement."""

    def as_dict(self) -> dict[str, Any]:
        """Return no state, because there is none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Ignore a state."""

    def at(self, stamp_ns: int, max_age_s: float) -> Scale:
        """Return the scale, which does not age.

        Raises:
            ScaleError: there is none.
        """
        if self._scale is None:
            raise ScaleError("no scale is known")
        return self._scale


def _measure(values: Tensor, kind: str, rays: Tensor, reference: Reference) -> Fit:
    if isinstance(reference, Mount):
        return find_ground(values, kind, rays, reference)
    return align(values, kind, reference)
