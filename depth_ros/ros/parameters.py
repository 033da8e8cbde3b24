"""Settings as ROS parameters: declared with their ranges, read back, checked before they change."""

from __future__ import annotations

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_ros.config import SPECS, Settings, Spec
from depth_ros.errors import SettingError


def declare(node: Node) -> Settings:
    """Declare every setting as a parameter and return their values.

    Raises:
        SettingError: a launch file or command line gave a value that is not allowed.
    """
    for spec in SPECS.values():
        try:
            node.declare_parameter(spec.name, spec.default, descriptor(spec))
        except Exception as error:  # rclpy raises several unrelated types for a bad override
            raise SettingError(f"parameter {spec.name}: {error}") from error
    return Settings().with_values(**{name: node.get_parameter(name).value for name in SPECS})


def descriptor(spec: Spec) -> ParameterDescriptor:
    """Return the parameter descriptor of a setting."""
    described = ParameterDescriptor(
        description=spec.help,
        read_only=not spec.live,
        additional_constraints=f"one of: {', '.join(map(str, spec.choices))}"
        if spec.choices
        else "",
    )
    if spec.low is not None and spec.high is not None:
        if isinstance(spec.default, (float, tuple)):
            described.floating_point_range = [
                FloatingPointRange(from_value=spec.low, to_value=spec.high)
            ]
        else:
            described.integer_range = [
                IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)
            ]
    return described


def changed(
    settings: Settings, parameters: list[Parameter]
) -> tuple[Settings, SetParametersResult]:
    """Return the settings after a change, or the same ones and the reason why it is refused."""
    values = {p.name: p.value for p in parameters if p.name in SPECS}
    try:
        return settings.with_values(**values), SetParametersResult(successful=True)
    except SettingError as error:
        return settings, SetParametersResult(successful=False, reason=str(error))
