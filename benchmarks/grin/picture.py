"""Image, depth, truth and confidence of some frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.grin.frames import View, pipeline
from depth_ros.evaluation.picture import Row, grid, save

_SAMPLES = 5


def draw(model: str, seen: Sequence[View], out: Path) -> str:
    """Write the picture and return where it is."""
    subject = pipeline(model, grin_samples=_SAMPLES)
    rows = []
    for frame, truth_m in seen:
        depth = subject(frame)
        assert depth.confidence is not None
        confidence = depth.confidence.cpu().numpy()
        rows.append(Row(frame.rgb, depth.depth_m.cpu().numpy(), truth_m, confidence=confidence))
    save(grid(rows), out)
    return f"picture: {out}"
