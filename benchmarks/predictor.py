"""The part of a pipeline that runs the network."""

from __future__ import annotations

from depth_ros.pipeline import NetworkPredictor, Pipeline


def predictor_of(pipeline: Pipeline) -> NetworkPredictor:
    """Return a pipeline's predictor, which runs the network."""
    assert isinstance(pipeline.predictor, NetworkPredictor)
    return pipeline.predictor
