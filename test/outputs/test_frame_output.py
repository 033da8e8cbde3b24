"""The outputs of a frame, as the node and a conversion use them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from depth_ros.bag.types import TYPESTORE
from depth_ros.bag.writer import header, message
from depth_ros.outputs.frame_output import FrameOutput, depth_output
from depth_ros.outputs.topics import OF_DEPTH, TOPICS
from depth_ros.pipeline import Cloud, DepthFrame, Frame, Pipeline, Place
from test.bag.recordings import CAMERA, FRAME_ID, picture, pipeline, scene


def estimated(subject: Pipeline) -> DepthFrame:
    depth = subject(Frame(picture(scene(0)), CAMERA, 1, FRAME_ID))
    return replace(depth, confidence=torch.full_like(depth.depth_m, 0.5))


@pytest.mark.parametrize("topic", OF_DEPTH)
def test_every_output_fills_a_message_of_its_topics_type(topic: str) -> None:
    subject = pipeline()
    output = depth_output(topic, subject, estimated(subject), Place())
    content = output.content(output.on_host())
    kind = TOPICS[topic].kind
    made = message(kind, header(1, output.frame_id), content)
    again: Any = TYPESTORE.deserialize_cdr(TYPESTORE.serialize_cdr(made, kind), kind)
    frame_id = "camera_frame" if topic == "scan" else FRAME_ID
    assert again.header.frame_id == frame_id
    data = again.ranges if topic == "scan" else again.data
    assert (
        data.tobytes()
        == np.ascontiguousarray(content["ranges" if topic == "scan" else "data"]).tobytes()
    )


def test_points_use_the_memory_that_they_are_given() -> None:
    subject, given = pipeline(), []

    def allocate(count: int) -> torch.Tensor:
        given.append(torch.empty(count))
        return given[-1]

    values = depth_output("points", subject, estimated(subject), Place(), allocate).values
    assert values.data_ptr() == given[0].data_ptr()


def test_rows_that_are_not_valid_are_not_on_the_host() -> None:
    cloud = Cloud(torch.zeros(9, 12, dtype=torch.uint8), torch.tensor(4))
    output = FrameOutput(cloud.payload, lambda values: {}, FRAME_ID, cloud.count)
    assert output.on_host().shape == (4, 12)
