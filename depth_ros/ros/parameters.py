"""Settings as ROS parameters: declared with their ranges, read back, checked before they change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_ros import yaml_file
from depth_ros.config import SPECS, Settings, Spec, shared_names, split
from depth_ros.errors import ModelError, SettingError
from depth_ros.models.base import ModelFacts
from depth_ros.pipeline import check


class LiveSettings:
    """The settings of a node, which its parameters change.

    Args:
        node: declares the parameters, see declare().
        arguments: of the node and its process, such as --ros-args -p stride:=2.

    Attributes:
        settings: the present ones.
        model: facts about the loaded model, which must support them; None: no model is loaded.
    """

    def __init__(self, node: Node, arguments: Sequence[str]) -> None:
        self.settings = declare(node, arguments)
        self.model: ModelFacts | None = None
        node.add_pre_set_parameters_callback(cast)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._take)

    def _check(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        try:
            settings = changed(self.settings, changes)
            if self.model is not None:
                check(self.model, settings)
        except (SettingError, ModelError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take(self, changes: list[Parameter[Any]]) -> None:
        if any(each.name in SPECS for each in changes):  # rclpy declares others
            self.settings = changed(self.settings, changes)


def declare(node: Node, arguments: Sequence[str]) -> Settings:
    """Declare every setting as a parameter and return their values.

    An override of an unknown parameter causes a warning: it may be misspelt.

    Args:
        node: created with automatically_declare_parameters_from_overrides.
        arguments: see LiveSettings.

    Raises:
        SettingError: a value in a launch file or command line is not allowed, or a parameter
            has a setting's former name, unless it is given to all nodes.
    """
    given = {name: each.value for name, each in node.get_parameters_by_prefix("").items()}
    ours, warnings = split(given, _shared(arguments, node.get_name()))
    settings = Settings().with_values(**ours)
    for warning in warnings:
        node.get_logger().warning(warning)
    for name, value in settings.as_dict().items():
        if name in ours:
            node.undeclare_parameter(name)  # it has the given type, which may differ
        node.declare_parameter(name, value, descriptor(SPECS[name]), ignore_override=True)
    return settings


def _shared(arguments: Sequence[str], node: str) -> set[str]:
    """Return the parameters that only files give, and that may be meant for other nodes."""
    given: set[str] = set()
    files = []
    for flag, value in pairwise(arguments):
        if flag == "--params-file":
            with suppress(OSError, ValueError):  # a pipe, which rcl has emptied
                files.append(yaml_file.load(Path(value)))
        elif flag in ("-p", "--param"):
            target, _, name = value.partition(":=")[0].rpartition(":")
            given |= {name} if target in ("", node) else set()
    return shared_names(files, node) - given


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


def cast(parameters: list[Parameter]) -> list[Parameter]:
    """Convert parameters to the types of the settings, if their value stays the same."""
    return [_cast(each) if each.name in SPECS else each for each in parameters]


def _cast(parameter: Parameter) -> Parameter:
    value = SPECS[parameter.name].cast(parameter.value)
    unchanged = parameter.value is None or type(value) is type(parameter.value)
    return parameter if unchanged else Parameter(parameter.name, value=value)


def changed(settings: Settings, parameters: list[Parameter]) -> Settings:
    """Return the settings after a change.

    Raises:
        SettingError: the change is not allowed.
    """
    return settings.with_values(**{p.name: p.value for p in parameters if p.name in SPECS})
