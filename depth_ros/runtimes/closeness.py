"""How close two outputs of the same network are that were computed in different ways."""

from __future__ import annotations

from torch import Tensor

TOLERANCE = {"float32": 0.01, "float16": 0.03, "bfloat16": 0.15}
"""Maximum relative difference of a value, by precision."""

SHARE = 0.99
"""Share of all values that must be within the tolerance."""

_NEAR = 1e-3


def close_share(found: Tensor, expected: Tensor, dtype: str) -> float:
    """Return the share of values that are within the tolerance of a precision.

    Differences are relative, of small values relative to the mean. NaN equals NaN.
    """
    if not expected.numel():
        return 1.0
    unit = expected[expected.isfinite()].abs().mean().nan_to_num()
    limit = TOLERANCE[dtype] * expected.abs().clamp_min(_NEAR * unit)
    same = (found == expected) | (found.isnan() & expected.isnan())
    return float((same | ((found - expected).abs() <= limit)).float().mean())
