"""From predictions to metres: the scale is measured on each possible frame and filtered."""

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
_FIELD_ANCHORS = 1000  # more anchors make the field slower, but no better

Reference = Mount | Anchors
"""A metric reference: the camera's height above the ground, or measured points."""


@dataclass(frozen=True)
class Scale:
    """Scale and shift to metres: depth, or inverse depth, is scale * value + shift.

    Attributes:
        scale, shift: in metres, or in 1/metres for inverse depth.
        deviation: relative standard deviation of the scale.
        age_s: time since the last measurement.
        reach_m: maximum depth at which the scale is valid. The shift of a relative prediction is
            measured from the camera's pitch and the ground within this depth; at twice this depth,
            depth can be wrong by a factor of two or more.
        field: remaining error after scale and shift, measured at anchors; None: not significant.
    """

    scale: float
    shift: float
    deviation: float
    age_s: float
    reach_m: float = math.inf
    field: Field | None = None

    def corrected(self, values: Tensor, kind: str, send: Callable[[Tensor], Tensor]) -> Tensor:
        """Return values (H, W) such that scale * value + shift includes the field.

        Args:
            values: (H, W) prediction.
            kind: of the values, see ground.find_ground.
            send: copies a tensor from the host to the device of values.
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
    """Measures and keeps the scale and shift of one camera's predictions.

    Attributes:
        refused: reason why the last frame gave no measurement; empty if it gave one.
    """

    def __init__(self) -> None:
        self._filter = ScaleFilter()
        self._reach_m = math.inf
        self._field: Field | None = None
        self.refused = "no ground or anchors yet"

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
        """Measure scale and shift on a frame; if that is impossible, keep the last ones.

        Args:
            values: (H, W) prediction.
            kind: kind of the values, see ground.find_ground.
            rays: (H, W, 2) viewing rays of the camera.
            reference: the camera's mount, or anchors.
            stamp_ns: time of the frame.
            smooth: filter over time, instead of using each measurement unfiltered.
            field: also correct errors that vary over the image, if anchors show them.
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
            self._field = (
                self._find_field(values, kind, reference)
                if field and isinstance(reference, Anchors)
                else None
            )

    def _find_field(self, values: Tensor, kind: str, anchors: Anchors) -> Field | None:
        """Return the remaining error of the current scale and shift at anchors."""
        few = anchors.thinned(_FIELD_ANCHORS)
        line = sample(values, few) * self._filter.scale + self._filter.shift
        with np.errstate(divide="ignore"):
            line_m = 1 / line if kind == _INVERSE else line
        height, width = values.shape
        return fit_field(few.pixels, line_m, few.depth_m, (width, height))

    def refuse(self, reason: str) -> None:
        """Store the reason why a frame gave no measurement."""
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
        """Restore a state from as_dict().

        Raises:
            ScaleError: it is not a valid state.
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
        """Return the scale for a frame at a time.

        Raises:
            ScaleError: no scale was measured yet, or the last one is too old.
        """
        if not self._filter.ready:
            raise ScaleError(f"no scale yet: {self.refused}")
        age_s = self._filter.age_s(stamp_ns)
        # Negative after a bag was restarted.
        if not 0 <= age_s <= max_age_s:
            raise ScaleError(
                f"the last scale is {age_s:.1f} s old, expected {max_age_s:g} s at most: "
                f"{self.refused}"
            )
        f = self._filter
        return Scale(f.scale, f.shift, f.deviation, age_s, self._reach_m, self._field)


class FixedScale:
    """A scale that is known in advance and valid for every frame; used instead of a Scaler.

    Args:
        scale: None: unknown.
    """

    refused = ""

    def __init__(self, scale: Scale | None) -> None:
        self._scale = scale

    def update(self, *measurement: object) -> None:
        """Ignore a frame."""

    def refuse(self, reason: str) -> None:
        """Ignore the reason why a frame gave no measurement."""

    def as_dict(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Ignore a state."""

    def at(self, stamp_ns: int, max_age_s: float) -> Scale:
        """Return the scale, which does not age.

        Raises:
            ScaleError: no scale is known.
        """
        if self._scale is None:
            raise ScaleError("no scale is known")
        return self._scale


def _measure(values: Tensor, kind: str, rays: Tensor, reference: Reference) -> Fit:
    if isinstance(reference, Mount):
        return find_ground(values, kind, rays, reference)
    return align(values, kind, reference)
