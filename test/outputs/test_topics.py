"""The topics of the outputs."""

from __future__ import annotations

from dataclasses import fields

from depth_ros.outputs.topics import EXTRAS, OF_DEPTH, TOPICS, available
from depth_ros.pipeline import Wanted


def test_every_topic_needs_an_output_of_the_pipeline_or_nothing() -> None:
    names = {field.name for field in fields(Wanted)}
    assert {topic.needs for topic in TOPICS.values()} == names | {""}


def test_extras_and_outputs_of_depth_are_topics() -> None:
    assert set(EXTRAS.values()) == {*OF_DEPTH} - {"depth/image"}
    assert set(TOPICS) - {*OF_DEPTH} == {"depth/camera_info", "depth/relative"}


def test_topics_are_available_as_the_model_is() -> None:
    assert available(metric=True, relative=True, confidence=True) == list(TOPICS)
    assert available(False, True, False) == ["depth/camera_info", "depth/relative"]
    given = available(metric=True, relative=False, confidence=False)
    assert set(TOPICS) - set(given) == {"depth/relative", "depth/confidence"}
