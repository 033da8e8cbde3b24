"""Qualities of service: as ROS overrides them, and publishers that are silent while inactive."""

from __future__ import annotations

from typing import Any

import pytest

from test.ros.conftest import LOG, Bench, take

pytest.importorskip("rclpy")

from lifecycle_msgs.msg import State, Transition
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from test.ros.test_lifecycle import change, state

LATCHED, VOLATILE = DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE
BEST_EFFORT, RELIABLE = ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE


def override(topic: str, kind: str, **policies: Any) -> tuple[str, ...]:
    """Arguments that override the QoS of a topic, as on a command line."""
    pairs = [(f"qos_overrides.{topic}.{kind}.{name}", value) for name, value in policies.items()]
    return tuple(word for name, value in pairs for word in ("-p", f"{name}:={value}"))


def published(bench: Bench, topic: str) -> QoSProfile:
    """The QoS of the only publisher of a topic, as the graph has it."""
    find = bench.peer.ros.get_publishers_info_by_topic
    (found,) = bench.peer.wait(lambda: find(topic), topic)
    return found.qos_profile


def asked_for(bench: Bench) -> set[tuple[DurabilityPolicy, int]]:
    """Durability and depth of the node's subscriptions to camera_info."""
    own = [each for each in bench.node.subscriptions if each.topic_name == "/camera_info"]
    return {(each.qos_profile.durability, each.qos_profile.depth) for each in own}


def subscribed(bench: Bench, topic: str) -> list[QoSProfile]:
    find = bench.peer.ros.get_subscriptions_info_by_topic
    return [each.qos_profile for each in bench.peer.wait(lambda: find(topic), topic)]


def test_the_user_overrides_the_qos_of_one_output_and_no_other(bench: Bench) -> None:
    given = override("/points", "publisher", reliability="best_effort", durability="volatile")
    bench.start(arguments=given)
    assert published(bench, "/points").reliability == BEST_EFFORT
    for topic in ("/depth/image", "/depth/camera_info", "/depth/color"):
        assert published(bench, topic).reliability == RELIABLE


def test_depth_may_be_latched_and_stays_so_when_it_is_configured_anew(bench: Bench) -> None:
    given = override("/depth/image", "publisher", durability="transient_local", depth=1)
    bench.start(arguments=given, autostart=False)
    for _ in range(2):
        assert change(bench, Transition.TRANSITION_CONFIGURE)
        durability = published(bench, "/depth/image").durability
        assert durability == DurabilityPolicy.TRANSIENT_LOCAL
        assert change(bench, Transition.TRANSITION_CLEANUP)
        bench.peer.wait(lambda: not bench.peer.ros.count_publishers("/depth/image"))


def test_the_user_overrides_the_qos_of_inputs_by_their_remapped_names(bench: Bench) -> None:
    given = override("/cam/rgb", "subscription", reliability="reliable")
    given += override("/cam/camera_info", "subscription", reliability="reliable")
    bench.start("depth/image", arguments=("-r", "image:=/cam/rgb", *given))
    for topic in ("/cam/rgb", "/cam/camera_info"):
        assert [each.reliability for each in subscribed(bench, topic)] == [RELIABLE]
    bench.deliver("/cam/camera_info", take().info(), "camera_info")
    bench.deliver("/cam/rgb", take().image(), "image")
    bench.answers(take())


def latch(bench: Bench) -> None:
    """Publish a camera_info once, and keep it for who comes late."""
    qos = QoSProfile(depth=1, durability=LATCHED)
    bench.peer.ros.create_publisher(CameraInfo, "camera_info", qos).publish(take().info())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {(VOLATILE, 100), (LATCHED, 1)}),
        ({"depth": 7}, {(VOLATILE, 7), (LATCHED, 1)}),
        ({"reliability": "reliable", "durability": "transient_local"}, {(LATCHED, 100)}),
    ],
    ids=["not overridden", "depth", "latched"],
)
def test_a_latched_camera_info_arrives_however_the_user_asks_for_it(
    bench: Bench, given: dict[str, Any], expected: set[Any]
) -> None:
    latch(bench)
    arguments = override("/camera_info", "subscription", **given)
    bench.start("depth/image", "/diagnostics", arguments=arguments, stale_after_s=0.5)
    bench.peer.wait(lambda: bench.total("camera_info"), "the latched camera_info")
    assert asked_for(bench) == expected
    bench.deliver("image", take().image(), "image")
    bench.answers(take())

    def runs(status: Any) -> bool:
        bench.peer.publish("image", take().image())
        return bool(status.message == "running")

    bench.peer.wait(lambda: bench.node.health.silent_s("camera_info") > 1.0)
    bench.report(runs)  # it is not expected to be sent again


def test_who_wants_no_latched_camera_info_gets_none(bench: Bench) -> None:
    latch(bench)
    bench.start(arguments=override("/camera_info", "subscription", durability="volatile"))
    # Longer than it takes until the node looks again for who publishes.
    bench.peer.wait(lambda: bench.node.health.silent_s("camera_info") > 1.0)
    assert asked_for(bench) == {(VOLATILE, 100)}
    assert not bench.total("camera_info")


def test_the_depth_of_latched_camera_info_is_overridden_by_a_name_of_its_own(bench: Bench) -> None:
    latch(bench)
    bench.start(arguments=override("/camera_info", "subscription_latched", depth=4))
    bench.peer.wait(lambda: asked_for(bench) == {(VOLATILE, 100), (LATCHED, 4)})


def test_anchors_and_diagnostics_have_overrides_too(bench: Bench) -> None:
    given = override("/anchors", "subscription", reliability="reliable")
    given += override("/diagnostics", "publisher", reliability="best_effort")
    bench.start(arguments=given, scale_mode="anchors", extrinsics="parameters")
    assert [each.reliability for each in subscribed(bench, "/anchors")] == [RELIABLE]
    assert published(bench, "/diagnostics").reliability == BEST_EFFORT


@pytest.mark.parametrize("value", ["often", "7"])
def test_an_override_that_is_none_is_told_and_nothing_is_configured(
    bench: Bench, value: str
) -> None:
    given = override("/points", "publisher", reliability=value)
    bench.peer.listen(LOG)
    node = bench.start("/diagnostics", arguments=given, autostart=False)
    assert not change(bench, Transition.TRANSITION_CONFIGURE)
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED
    bench.warning("cannot configure")
    assert node.health.model_failed


def test_outputs_are_silent_until_the_node_is_active(bench: Bench) -> None:
    node = bench.start(autostart=False)
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    outputs = [each for each in node.publishers if hasattr(each, "is_activated")]
    assert {each.topic_name for each in outputs} == {
        "/depth/image",
        "/depth/camera_info",
        "/depth/color",
        "/depth/uncertainty",
        "/points",
        "/points/nav",
        "/scan",
    }
    for transition, active in (
        (Transition.TRANSITION_ACTIVATE, True),
        (Transition.TRANSITION_DEACTIVATE, False),
        (Transition.TRANSITION_ACTIVATE, True),
    ):
        assert change(bench, transition)
        assert [each.is_activated for each in outputs] == [active] * len(outputs)
