"""Score a model on rendered drives it never saw."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "score a model on rendered drives it never saw"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--model", default="zoedepth-tiny", help="name, folder or hub id")
    parser.add_argument("--drives", type=int, default=20, help="drives of ten frames each")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--out", type=Path, default=Path("out/evaluate"), help="picture's folder")


def run(options: argparse.Namespace) -> int:
    """Evaluate, print the scores and draw some frames."""
    from depth_ros.config import Settings
    from depth_ros.evaluation import rendered
    from depth_ros.pipeline import Pipeline

    pipeline = Pipeline.from_settings(Settings(model=options.model, device=options.device))
    result = rendered.run(pipeline, options.drives)
    rendered.save_picture(result, options.out / "preview.png")
    scores = result.scores
    print(
        f"AbsRel {scores.abs_rel:.3f}   delta1 {scores.delta1:.3f}   RMSE {scores.rmse_m:.3f} m   "
        f"{result.frames_per_s:.1f} frames/s on {pipeline.runtime.device}"
    )
    print(f"picture: {options.out / 'preview.png'}")
    return 0
