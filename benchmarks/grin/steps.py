"""Accuracy and time over steps of the sampler and samples."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.grin.frames import View, pipeline, score

STEPS, SAMPLES = (1, 2, 4, 8, 16), (1, 5)


def table(model: str, seen: Sequence[View]) -> str:
    """Return scores on frames for every number of steps and samples."""
    lines = [
        f"{'steps':>6}{'samples':>9}{'AbsRel':>9}{'delta1':>9}   ms per frame: median [quartiles]"
    ]
    for samples in SAMPLES:
        for steps in STEPS:
            name = f"{steps} steps, {samples} samples"
            scores, ms = score(pipeline(model, grin_steps=steps, grin_samples=samples), seen, name)
            lines.append(
                f"{steps:>6}{samples:>9}{scores.abs_rel:>9.3f}{scores.delta1:>9.3f}"
                f"{ms.median:>10.0f} [{ms.low:.0f}, {ms.high:.0f}]"
            )
    return "\n".join(lines)
