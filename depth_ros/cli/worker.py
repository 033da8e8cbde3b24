"""A conversion in a worker of a fleet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from depth_ros.errors import BagError


def convert_one(source: str, out: str, plan: dict[str, Any]) -> str:
    """Convert a bag; resume an interrupted conversion.

    Args:
        source: the bag.
        out: folder of the new bag.
        plan: see Plan.as_dict().

    Returns:
        Damage and warnings; empty if there are none.

    Raises:
        DepthError: the bag cannot be converted, or no frame has depth.
    """
    from depth_ros.bag.plan import Plan

    chosen = Plan.from_dict(plan)
    if Path(out).exists():
        chosen = replace(chosen, options=replace(chosen.options, resume=True))
    summary = chosen.execute([Path(source)], Path(out))
    if summary.failure:
        raise BagError("; ".join([summary.failure, *summary.problems()]))
    return "; ".join(summary.problems())
