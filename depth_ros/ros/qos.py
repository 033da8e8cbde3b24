"""Qualities of service of the node's topics, and how a user overrides them.

As of other ROS nodes, by parameters such as qos_overrides./depth/image.publisher.reliability, with
the topic's full name, after remapping. They count from the topic's creation on.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions

_POLICIES = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
)


def overridable(profile: QoSProfile, *fixed: QoSPolicyKind) -> dict[str, Any]:
    """Return what lets a user override a profile, as create_publisher and _subscription take it.

    Args:
        profile: of the topic, if nobody overrides it.
        fixed: policies that nobody may override.
    """
    policies = [policy for policy in _POLICIES if policy not in fixed]
    # rclpy writes what is overridden into the profile.
    return {
        "qos_profile": copy(profile),
        "qos_overriding_options": QoSOverridingOptions(policies),
    }


def overrides(node: Node, topic: str, policy: QoSPolicyKind) -> bool:
    """Return whether the user overrides a policy of a subscription to a topic, by its full name."""
    name = f"qos_overrides.{topic}.subscription.{policy.name.lower()}"
    return bool(node.has_parameter(name))
