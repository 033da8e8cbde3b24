"""Our clouds through sensor_msgs_py, the reader that ROS users have."""

from array import array
from typing import Any

import numpy as np
import pytest
import torch

from depth_ros import messages
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import CloudPacker

point_cloud2 = pytest.importorskip("sensor_msgs_py.point_cloud2")
sensor_msgs = pytest.importorskip("sensor_msgs.msg")

CAMERA = Camera(12, 9, 10.0, 11.0, 5.2, 4.1)


def cloud(colour: bool, organised: bool) -> Any:
    rng = np.random.default_rng(0)
    depth_m = torch.from_numpy(rng.uniform(0.5, 8, (9, 12)).astype(np.float32))
    depth_m[2, 3], depth_m[4, 5] = torch.nan, torch.inf
    rgb = torch.from_numpy(rng.integers(0, 256, (9, 12, 3)).astype(np.uint8))
    packer = CloudPacker(torch.from_numpy(CAMERA.rays().copy()), colour)
    payload = packer.pack(depth_m, rgb, organised).numpy()
    width, step = payload.shape[-2:]
    return sensor_msgs.PointCloud2(
        height=payload.shape[0] if organised else 1,
        width=width,
        point_step=step,
        row_step=width * step,
        is_dense=not organised,
        fields=[
            sensor_msgs.PointField(name=f.name, offset=f.offset, datatype=f.datatype, count=f.count)
            for f in messages.cloud_fields(colour)
        ],
        data=array("B", payload.tobytes()),
    )


@pytest.mark.parametrize("organised", [True, False])
@pytest.mark.parametrize("colour", [True, False])
def test_sensor_msgs_py_reads_the_points_that_our_reader_reads(
    colour: bool, organised: bool
) -> None:
    message = cloud(colour, organised)
    theirs = point_cloud2.read_points(message, field_names=["x", "y", "z"])
    ours = messages.points_from_cloud(message).xyz.reshape(-1, 3)
    assert len(ours) == (108 if organised else 106)
    for index, name in enumerate("xyz"):
        assert np.array_equal(np.ravel(theirs[name]), ours[:, index], equal_nan=True)
