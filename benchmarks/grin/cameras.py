"""Accuracy with cameras that are not used in training, with and without their rays."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.grin.frames import HEIGHT, WIDTH, pipeline, score, views
from depth_ros.geometry.camera import Camera
from depth_ros.training.grin import FOV_DEG

_BEYOND_DEG = 10.0
_FISHEYE_DEG = 100.0


def cameras() -> dict[str, Camera | None]:
    """Return cameras by name; None are the drives' own."""
    narrow, wide = FOV_DEG[0] - _BEYOND_DEG, FOV_DEG[1] + _BEYOND_DEG
    f_px = WIDTH / math.radians(_FISHEYE_DEG)
    middle = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    fisheye = Camera(WIDTH, HEIGHT, f_px, f_px, *middle, "equidistant", (0.0, 0.0, 0.0, 0.0))
    return {
        "55 to 75 degrees": None,
        f"{narrow:.0f} degrees": Camera.from_fov(WIDTH, HEIGHT, narrow),
        f"{wide:.0f} degrees": Camera.from_fov(WIDTH, HEIGHT, wide),
        "65 degrees, 16:9": Camera.from_fov(2 * round(HEIGHT * 8 / 9), HEIGHT, 65.0),
        f"fisheye, {_FISHEYE_DEG:.0f} degrees": fisheye,
    }


def table(models: Sequence[str], count: int) -> str:
    """Return AbsRel of every model with every camera, and its ratio to the first camera's."""
    heads = "".join(f"{name:>26}" for name in models)
    lines = [f"{'camera':<24}{heads}   AbsRel (times the first)"]
    first: list[float] = []
    for name, camera in cameras().items():
        seen = list(views(count, camera))
        errors = [score(pipeline(model), seen, name).scores.abs_rel for model in models]
        first = first or errors
        cells = (
            f"{error:>18.3f} ({error / known:.2f})"
            for error, known in zip(errors, first, strict=True)
        )
        lines.append(f"{name:<24}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)
