"""Exchange with a running depth node over DDS: image in, depth and a cloud out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from depth_ros import messages, node_process
from depth_ros.arrays import DepthArray, FloatArray, ImageArray
from depth_ros.bag import writer
from depth_ros.bag.reader import Record
from depth_ros.bag.types import TYPESTORE
from depth_ros.errors import DepthError
from depth_ros.geometry.camera import Camera

IMAGE, INFO, TF = "/camera/color/image_raw", "/camera/color/camera_info", "/tf"
FRAME = "camera_color_optical_frame"
ODOM = "odom"


class Answer(NamedTuple):
    """The node's outputs for an image.

    Attributes:
        depth_m: (H, W) float32.
        points_m: (N, 3) float32 in the optical frame, from the requested cloud topic.
    """

    depth_m: DepthArray
    points_m: npt.NDArray[np.float32]


class Exchange:
    """Talks to the node through a process that uses ROS; see exchanging()."""

    def __init__(self, connection: Connection, log: Path) -> None:
        self._connection, self._log = connection, log

    def __call__(
        self,
        rgb: ImageArray,
        camera: Camera,
        world_from_optical: FloatArray,
        stamp_ns: int,
    ) -> Answer | None:
        """Return the node's answer to an image (H, W, 3); None if the node dropped the image.

        Raises:
            DepthError: no node is running, or it does not answer.
        """
        asked = (
            (TF, writer.static_transform(ODOM, FRAME, world_from_optical, stamp_ns)),
            (INFO, writer.camera_info(camera, stamp_ns, FRAME)),
            (IMAGE, writer.image(rgb, "rgb8", stamp_ns, FRAME)),
        )
        try:
            self._connection.send((stamp_ns, [_record(*each, stamp_ns) for each in asked]))
            answers = self._connection.recv()
        except (EOFError, OSError) as error:
            raise DepthError(f"the exchange with the node ended, see {self._log}") from error
        if isinstance(answers, str):
            raise DepthError(f"{answers}, see {self._log}")
        return None if answers is None else _answer(answers)


@contextmanager
def exchanging(log: Path, cloud_topic: str) -> Iterator[Exchange]:
    """Run the process that talks to the node; stop it afterwards.

    Args:
        log: the node's log file, for error messages.
        cloud_topic: topic of the requested clouds.
    """
    ours, theirs = Pipe()
    command = [sys.executable, "-m", "depth_ros.ros.exchange", str(theirs.fileno()), cloud_topic]
    process = subprocess.Popen(command, env=node_process.environment(), pass_fds=[theirs.fileno()])
    theirs.close()
    try:
        yield Exchange(ours, log)
    finally:
        ours.close()
        process.wait()


def _record(topic: str, message: Any, stamp_ns: int) -> Record:
    kind = message.__msgtype__
    return Record(topic, kind, stamp_ns, bytes(TYPESTORE.serialize_cdr(message, kind)))


def _answer(records: list[Record]) -> Answer:
    decoded = {record.kind: record.message() for record in records}
    depth_m = messages.depth_from_image(decoded["sensor_msgs/msg/Image"])
    return Answer(depth_m, messages.points_from_cloud(decoded["sensor_msgs/msg/PointCloud2"])[0])
