"""A conversion, as a worker of a fleet carries it out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from depth_ros.errors import BagError


def convert_one(source: str, out: str, plan: dict[str, Any]) -> str:
    """Convert a bag; a conversion that was interrupted before is resumed.

    Args:
        source: the bag.
        out: folder of the new bag.
        plan: of Plan.as_dict().

    Returns:
        Damage and warnings, or nothing.

    Raises:
        DepthError: the bag cannot be converted, or no frame of it was answered.
    """
    from depth_ros.bag.plan import Plan

    chosen = Plan.from_dict(plan)
    if Path(out).exists():
        chosen = replace(chosen, options=replace(chosen.options, resume=True))
    summary = chosen.execute([Path(source)], Path(out))
    if summary.failure:
        raise BagError("; ".join([summary.failure, *summary.problems()]))
    return "; ".join(summary.problems())
