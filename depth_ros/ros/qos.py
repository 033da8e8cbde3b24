"""Quality of service (QoS) of the node's topics, and how a user overrides it.

As in other ROS nodes, by parameters such as qos_overrides./depth/image.publisher.reliability, with
the topic's full name after remapping. They are read when the topic is created.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

_POLICIES = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
)


def overridable(
    profile: QoSProfile, *fixed: QoSPolicyKind, entity_id: str | None = None
) -> dict[str, Any]:
    """Return arguments of create_publisher and create_subscription with QoS overrides.

    Args:
        profile: of the topic, if it is not overridden.
        fixed: policies that cannot be overridden.
        entity_id: distinguishes a second subscription to the topic from the first, as in
            qos_overrides./camera_info.subscription_latched.depth.
    """
    policies = [policy for policy in _POLICIES if policy not in fixed]
    # rclpy writes the overrides into the profile.
    return {
        "qos_profile": copy(profile),
        "qos_overriding_options": QoSOverridingOptions(policies, entity_id=entity_id),
    }


def profile(depth: int, reliable: bool, latched: bool) -> QoSProfile:
    """Return a QoS that is reliable or best effort, and transient local (latched) or volatile."""
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def override(node: Node, topic: str, policy: QoSPolicyKind) -> Any:
    """Return the user's override of a policy of a subscription; None: not overridden.

    Call it before the node subscribes: from then on every policy has a parameter.

    Args:
        topic: full name.
    """
    name = f"qos_overrides.{topic}.subscription.{policy.name.lower()}"
    return node.get_parameter(name).value if node.has_parameter(name) else None
