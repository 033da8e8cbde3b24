"""Stand-ins for launch's classes, which need no ROS."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPO = Path(__file__).parents[2]

Load = Callable[[str], dict[str, Any]]


class Action:
    """Stands for any class of launch: keeps its arguments."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.arguments, self.keywords = arguments, keywords

    def perform(self, context: dict[str, str]) -> str:
        """A LaunchConfiguration's value."""
        return context[self.arguments[0]]


def action(name: str) -> type[Action]:
    return type(name, (Action,), {})


MODULES: dict[str, dict[str, Any]] = {
    "ament_index_python.packages": {"get_package_share_directory": lambda name: str(REPO)},
    "launch": {name: action(name) for name in ("LaunchDescription", "LaunchDescriptionEntity")},
    "launch.actions": {
        name: action(name)
        for name in (
            *("DeclareLaunchArgument", "IncludeLaunchDescription"),
            *("OpaqueFunction", "SetEnvironmentVariable"),
        )
    },
    "launch.conditions": {"IfCondition": action("IfCondition")},
    "launch.launch_context": {"LaunchContext": dict},
    "launch.launch_description_sources": {
        "PythonLaunchDescriptionSource": action("PythonLaunchDescriptionSource")
    },
    "launch.substitutions": {
        name: action(name) for name in ("LaunchConfiguration", "PythonExpression")
    },
    "launch_ros": {},
    "launch_ros.actions": {name: action(name) for name in ("LifecycleNode", "Node")},
    "ament_index_python": {},
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Returns what a launch file defines."""
    for name, members in MODULES.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return lambda name: runpy.run_path(str(REPO / "launch" / name))
