"""What the node says once about its model."""

from __future__ import annotations

from typing import Any

from depth_ros.pipeline import Pipeline


def introduce(pipeline: Pipeline, logger: Any) -> None:
    """Log the model, its licence and the kind of its output; from now on log its notices."""
    entry = pipeline.model.entry
    allowed = "commercial use allowed" if entry.commercial else "NO commercial use"
    text = f"model {entry.name} ({entry.licence}, {allowed}) runs on {pipeline.device}"
    # rclpy allows only one severity for each line of code that logs.
    pipeline.notices.listen(
        warn=lambda text: logger.warning(text),
        inform=lambda text: logger.info(text),
    )
    (logger.info if entry.commercial else logger.warning)(f"{text} in {precision(pipeline)}")
    if not pipeline.metric:
        logger.warning(
            f"{entry.name} outputs {entry.output.value}, not metres: only depth/relative is "
            "published; set scale.mode:=ground or scale.mode:=anchors for depth and points"
        )


def precision(pipeline: Pipeline) -> str:
    """Return the precision of the weights: of the exported graphs, otherwise the setting."""
    precisions = {graph.precision for graph in pipeline.model.graphs.values()}
    return ", ".join(sorted(precisions)) or pipeline.settings.dtype
