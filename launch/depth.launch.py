"""Launch the depth node: ros2 launch depth_ros depth.launch.py image:=TOPIC.

Every parameter of the node is an argument too. An argument overrides the preset, and the preset
overrides params_file.
"""

import os
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from ruamel.yaml import YAML, YAMLError

from depth_ros.config import SPECS, Spec
from depth_ros.errors import SettingError
from depth_ros.topic_names import sibling
from launch import LaunchDescription, LaunchDescriptionEntity

SHARE = get_package_share_directory("depth_ros")
PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE"

# name: (default, description). camera_info's default follows the image topic.
ARGUMENTS = {
    "image": ("image", "image topic, raw, compressed or video"),
    "camera_info": ("", "camera_info topic; empty: the one beside the image topic"),
    "cameras": (
        "",
        "names of several cameras, separated by commas; {camera} in a topic stands for each",
    ),
    "anchors": ("", "topic of another sensor's points, for scale.mode:=anchors"),
    "preset": ("", "parameters for one purpose: nav2, slam, mapping or look; empty: none"),
    "namespace": ("", "namespace of the node and its topics"),
    "params_file": (os.path.join(SHARE, "config", "depth_ros.yaml"), "parameter file of the node"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
    "use_sim_time": ("false", "take time from /clock"),
    "rviz": ("false", "open RViz on the outputs"),
    "rviz_frame": (
        "",
        "Fixed Frame of RViz; empty: one camera's frame, or base_link for several cameras",
    ),
}
# cameras, a list, is above: its names stand in topics.
PARAMETERS = {name: spec for name, spec in SPECS.items() if name not in ARGUMENTS}
PRESETS = os.path.join(SHARE, "config", "presets")


def names(value: dict[str, str]) -> list[str]:
    """Return the cameras' names; none for a single camera."""
    return [name.strip() for name in value["cameras"].split(",") if name.strip()]


def typed(spec: Spec, text: str) -> Any:
    """Return the value of a parameter's argument, in the parameter's type.

    Raises:
        SettingError: it is not allowed.
    """
    value: Any = text
    if not isinstance(spec.default, str):
        try:
            value = YAML(typ="safe").load(text)
        except YAMLError as error:
            raise SettingError(f"{spec.name} is {text!r}, which is no YAML") from error
    checked = spec.check(value)
    return list(checked) if isinstance(checked, tuple) else checked


def parameters(value: dict[str, str]) -> list[Any]:
    """Return the node's parameters; later ones override earlier ones.

    Raises:
        SettingError: there is no such preset, or a value is not allowed.
    """
    said: list[Any] = [value["params_file"]]
    if value["preset"]:
        known = sorted(file.removesuffix(".yaml") for file in os.listdir(PRESETS))
        if value["preset"] not in known:
            raise SettingError(
                f"preset is '{value['preset']}', expected one of: {', '.join(known)}"
            )
        said.append(os.path.join(PRESETS, f"{value['preset']}.yaml"))
    given = {name: typed(spec, value[name]) for name, spec in PARAMETERS.items() if value[name]}
    cameras = {"cameras": names(value)} if names(value) else {}
    return [*said, given, cameras]


def remappings(value: dict[str, str]) -> list[tuple[str, str]]:
    """Return the node's topics, each with the user's name for it."""
    pairs = [
        ("image", value["image"]),
        ("camera_info", value["camera_info"] or sibling(value["image"])),
    ]
    if value["anchors"]:
        pairs.append(("anchors", value["anchors"]))
        pairs.append(("anchors/camera_info", sibling(value["anchors"])))
    several = [(name, *pair) for name in names(value) for pair in pairs]
    return [(f"{name}/{topic}", of(name, said)) for name, topic, said in several] or pairs


def of(camera: str, topic: str) -> str:
    """Return a camera's topic: its name stands where {camera} does, or before a relative one.

    A topic that is absolute and the same for all, such as one lidar's, stays as it is.
    """
    if "{camera}" in topic or topic.startswith("/"):
        return topic.replace("{camera}", camera)
    return f"{camera}/{topic}"


def rviz_file(value: dict[str, str]) -> str:
    """Return the file of RViz's displays: config/depth.rviz, or one like it for these arguments.

    Its topics are relative, and RViz runs in the node's namespace.
    """
    path = os.path.join(SHARE, "config", "depth.rviz")
    frame = value["rviz_frame"] or ("base_link" if names(value) else "")
    if not frame or value["rviz"].lower() not in ("true", "1"):
        return path
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    with open(path) as file:
        config = yaml.load(file)
    shown = config["Visualization Manager"]
    shown["Global Options"]["Fixed Frame"] = frame
    if names(value):
        shown["Displays"] = list(displays(shown["Displays"], names(value)))
    with tempfile.NamedTemporaryFile("w", prefix="depth-", suffix=".rviz", delete=False) as file:
        yaml.dump(config, file)
    return file.name


def displays(shown: list[dict[str, Any]], cameras: list[str]) -> Iterator[dict[str, Any]]:
    """Yield what is shown of a camera for each of them, and the rest as it is."""
    yield from (display for display in shown if "Topic" not in display)
    for camera in cameras:
        for display in deepcopy([display for display in shown if "Topic" in display]):
            display["Name"] += f", {camera}"
            display["Topic"]["Value"] = f"{camera}/{display['Topic']['Value']}"
            yield display


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the actions, now that the arguments have values."""
    declared = (*ARGUMENTS, *PARAMETERS)
    value = {name: LaunchConfiguration(name).perform(context) for name in declared}
    sim_time = {"use_sim_time": value["use_sim_time"].lower() == "true"}
    profile = os.environ.get(PROFILE) or os.path.join(SHARE, "config", "fastdds.xml")
    return [
        # Large messages are lost without it; a profile of the user's own stays.
        SetEnvironmentVariable(PROFILE, profile),
        LifecycleNode(
            package="depth_ros",
            executable="depth_node",
            name="depth",
            namespace=value["namespace"],
            output="screen",
            parameters=[*parameters(value), sim_time],
            remappings=remappings(value),
            arguments=["--ros-args", "--log-level", value["log_level"]],
        ),
        Node(
            package="rviz2",
            executable="rviz2",
            namespace=value["namespace"],
            arguments=["-d", rviz_file(value)],
            parameters=[sim_time],
            condition=IfCondition(value["rviz"]),
        ),
    ]


def generate_launch_description() -> LaunchDescription:
    """Return the description that ros2 launch runs."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    declared += [
        DeclareLaunchArgument(name, default_value="", description=spec.help)
        for name, spec in PARAMETERS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=nodes)])
