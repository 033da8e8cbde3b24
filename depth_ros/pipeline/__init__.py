"""Frames to metric depth: a pipeline of predictor, metric scaler and renderer."""

from depth_ros.pipeline.camera_state import CameraState, CameraStates
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.estimate import Estimate
from depth_ros.pipeline.frame import Frame
from depth_ros.pipeline.laser_scan import Scan
from depth_ros.pipeline.loading import check
from depth_ros.pipeline.pipeline import Pipeline
from depth_ros.pipeline.place import Place
from depth_ros.pipeline.predictor import NetworkPredictor, Predictor
from depth_ros.pipeline.renderer import Cloud
from depth_ros.pipeline.wanted import Wanted

__all__ = [
    "CameraState",
    "CameraStates",
    "Cloud",
    "DepthFrame",
    "Estimate",
    "Frame",
    "NetworkPredictor",
    "Pipeline",
    "Place",
    "Predictor",
    "Scan",
    "Wanted",
    "check",
]
