"""TFMessage without tf2_msgs: the name, the hash and the description are those of the real type."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy")

from depth_ros.bag.types import TYPESTORE
from depth_ros.bag.writer import static_transform
from depth_ros.ros import tf_message
from test.ros.conftest import START_NS, Peer

# Of tf2_msgs since Iron, as `ros2 topic info -v /tf` shows it.
DIGEST = "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"


@pytest.fixture
def kind() -> type:
    found = tf_message.tf_message()
    if found is None:
        pytest.skip("not the wheels of Jazzy or Kilted, or not Fast DDS")
    return found


@pytest.fixture
def sent() -> bytes:
    """A serialised transform."""
    message = static_transform("base", "camera", np.eye(4), START_NS)
    return bytes(TYPESTORE.serialize_cdr(message, tf_message.KIND))


def test_serialised_messages_arrive_as_they_were_sent(peer: Peer, kind: type, sent: bytes) -> None:
    received: list[bytes] = []
    publisher = peer.ros.create_publisher(kind, "/tf", 10)
    peer.ros.create_subscription(kind, "/tf", received.append, 10, raw=True)
    peer.wait(publisher.get_subscription_count, "the match")
    publisher.publish(sent)
    peer.wait(lambda: received, "the message")
    assert bytes(received[0]) == sent


def test_others_see_the_type_of_tf2(peer: Peer, kind: type) -> None:
    peer.ros.create_publisher(kind, "/tf", 10)
    (info,) = peer.wait(lambda: peer.ros.get_publishers_info_by_topic("/tf"), "the publisher")
    assert info.topic_type == tf_message.KIND
    assert str(info.topic_type_hash) == DIGEST


def test_the_node_describes_the_type(peer: Peer, kind: type) -> None:
    service = pytest.importorskip("type_description_interfaces.srv").GetTypeDescription
    peer.ros.create_publisher(kind, "/tf", 10)
    request = service.Request(type_name=tf_message.KIND, type_hash=DIGEST)
    response = peer.call(service, "/peer/get_type_description", request)
    assert response.successful, response.failure_reason
    described = response.type_description
    assert described.type_description.type_name == tf_message.KIND
    (field,) = described.type_description.fields
    assert field.name == "transforms"
    assert field.type.nested_type_name == "geometry_msgs/msg/TransformStamped"
    names = [each.type_name for each in described.referenced_type_descriptions]
    assert names == sorted(names)
    assert {"geometry_msgs/msg/TransformStamped", "std_msgs/msg/Header"} < {*names}


def test_a_message_that_is_not_serialised_is_refused(peer: Peer, kind: type) -> None:
    publisher = peer.ros.create_publisher(kind, "/tf", 10)
    with pytest.raises(TypeError):
        publisher.publish(kind())


def test_on_another_installation_there_is_no_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf_message, "_VERSIONS", ("3.",))
    assert tf_message.tf_message.__wrapped__() is None
    monkeypatch.setattr(tf_message, "_WHEEL", "no-such-wheel")
    assert tf_message.tf_message.__wrapped__() is None
