"""Makers of messages of both kinds."""

from __future__ import annotations

import pytest

from test.messages.makers import Maker, rclpy_maker, rosbags_maker


@pytest.fixture(scope="module", params=[rclpy_maker, rosbags_maker], ids=["rclpy", "rosbags"])
def make(request: pytest.FixtureRequest) -> Maker:
    maker: Maker = request.param()
    return maker
