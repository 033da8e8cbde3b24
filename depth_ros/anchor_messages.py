"""Anchors from messages of other sensors: clouds, scans and depth images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from depth_ros import messages
from depth_ros.arrays import FloatArray
from depth_ros.geometry.camera import Camera
from depth_ros.scale import anchors
from depth_ros.scale.anchors import OPTICAL_FROM_BODY, Anchors, pose_matrix


def anchors_from(
    message: Any,
    kind: str,
    pose: FloatArray,
    camera: Camera,
    sensor: Callable[[], Camera],
    max_pixels: int,
) -> Anchors:
    """Return the measurements in a message as anchors in the image of a camera.

    Points that the camera may see are thinned, evenly over the image and over depth.

    Args:
        message: sensor_msgs/PointCloud2, LaserScan, Image or CompressedImage.
        kind: of the message: points, scan or depth.
        pose: 4x4 transform of the sensor's frame to the camera's optical frame.
        camera: of the image.
        sensor: returns the camera of a depth image; its errors reach the caller.
        max_pixels: larger compressed depth images, according to the header, are not decoded.
    """
    points = _points(message, kind, sensor, max_pixels)
    return anchors.from_points(anchors.transform(points, pose), camera, anchors.MOST)


def optical_from_sensor(anchors_pose: tuple[float, ...], optical: bool) -> FloatArray:
    """Return the 4x4 transform of the setting anchors.pose to the camera's optical frame.

    Args:
        anchors_pose: x, y, z [m], roll, pitch, yaw [rad], see the setting.
        optical: whether the sensor's frame is an optical frame (REP 103).
    """
    pose = OPTICAL_FROM_BODY @ pose_matrix(*anchors_pose)
    return pose @ OPTICAL_FROM_BODY.T if optical else pose


def _points(message: Any, kind: str, sensor: Callable[[], Camera], max_pixels: int) -> FloatArray:
    """Return a message's points (N, 3) in its own frame."""
    if kind == "points":
        return np.asarray(messages.points_from_cloud(message).xyz, np.float64).reshape(-1, 3)
    if kind == "scan":
        limits = (message.range_min, message.range_max)
        angles = (message.angle_min, message.angle_increment)
        return anchors.points_from_scan(message.ranges, *angles, *limits)
    # The camera first: without it, decoding is of no use.
    camera = sensor()
    return anchors.from_depth(messages.depth_from(message, max_pixels), camera)
