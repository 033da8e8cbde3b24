"""The topics of the outputs; a light module, for the command line too."""

from __future__ import annotations

from typing import NamedTuple

IMAGE, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
CLOUD, SCAN = "sensor_msgs/msg/PointCloud2", "sensor_msgs/msg/LaserScan"


class OutputTopic(NamedTuple):
    """A topic of an output.

    Attributes:
        kind: type of its messages.
        needs: the attribute of pipeline.Wanted that it needs; empty: it needs no network.
    """

    kind: str
    needs: str = ""


TOPICS = {
    "depth/camera_info": OutputTopic(INFO),
    "depth/relative": OutputTopic(IMAGE, "relative"),
    "depth/image": OutputTopic(IMAGE, "image"),
    "depth/color": OutputTopic(IMAGE, "colours"),
    "depth/confidence": OutputTopic(IMAGE, "image"),
    "depth/uncertainty": OutputTopic(IMAGE, "image"),
    "points": OutputTopic(CLOUD, "points"),
    "points/nav": OutputTopic(CLOUD, "navigation"),
    "scan": OutputTopic(SCAN, "navigation"),
}
"""All outputs by their names below a camera's namespace, in the order of publication."""

OF_DEPTH = tuple(TOPICS)[2:]
"""Outputs of metric depth."""

EXTRAS = {
    "points": "points",
    "nav": "points/nav",
    "color": "depth/color",
    "scan": "scan",
    "confidence": "depth/confidence",
    "uncertainty": "depth/uncertainty",
}
"""Topics that a conversion adds to depth/image and depth/camera_info on request, by option."""


def available(metric: bool, relative: bool, confidence: bool) -> list[str]:
    """Return the topics that a model's node may publish.

    Args:
        metric: whether depth in metres is available.
        relative: whether the network's own values are relative.
        confidence: whether the network may output confidence.
    """
    apart = {"depth/camera_info": True, "depth/relative": relative, "depth/confidence": confidence}
    return [topic for topic in TOPICS if apart.get(topic, metric)]
