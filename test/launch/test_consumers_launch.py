"""The launch files for Nav2, RTAB-Map and scans: what they start, with which files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from depth_ros.outputs import topics
from test.launch.conftest import REPO, Action, Load
from test.launch.test_consumers import Table

FILES = ("nav2.launch.py", "rtabmap.launch.py", "laserscan.launch.py")


def started(load: Load, name: str, **arguments: str) -> tuple[dict[str, str], list[Action]]:
    """The defaults of a launch file's arguments, and what it starts."""
    (entities,) = load(name)["generate_launch_description"]().arguments
    declared = [e for e in entities if type(e).__name__ == "DeclareLaunchArgument"]
    assert entities[: len(declared)] == declared, "arguments are declared before they are used"
    assert all(each.keywords["description"] for each in declared)
    defaults = {each.arguments[0]: each.keywords["default_value"] for each in declared}
    actions: list[Action] = []
    for entity in entities[len(declared) :]:
        if type(entity).__name__ == "OpaqueFunction":
            actions += entity.keywords["function"]({**defaults, **arguments})
        else:
            actions.append(entity)
    return defaults, actions


def nodes(actions: list[Action]) -> dict[str, dict[str, Any]]:
    of_ros = [each.keywords for each in actions if type(each).__name__ == "Node"]
    return {each.get("name", each["executable"]): each for each in of_ros}


@pytest.mark.parametrize("name", FILES)
def test_each_starts_the_depth_node_with_a_preset_that_exists(load: Load, name: str) -> None:
    defaults, actions = started(load, name)
    (depth,) = [each for each in actions if type(each).__name__ == "IncludeLaunchDescription"]
    assert depth.arguments[0].arguments == (str(REPO / "launch" / "depth.launch.py"),)
    assert (REPO / "config" / "presets" / f"{defaults['preset']}.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "file", "sections"),
    [
        ("nav2.launch.py", "costmap_file", {"local_costmap"}),
        ("rtabmap.launch.py", "rtabmap_file", {"rgbd_sync", "rgbd_odometry", "rtabmap"}),
        ("laserscan.launch.py", "laserscan_file", {"depthimage_to_laserscan"}),
    ],
)
def test_the_nodes_have_the_names_that_their_file_has_parameters_of(
    load: Load, name: str, file: str, sections: set[str]
) -> None:
    defaults, actions = started(load, name)
    assert yaml.safe_load(Path(defaults[file]).read_text()).keys() == sections
    assert sections <= nodes(actions).keys()


def test_the_costmap_is_found_by_its_lifecycle_manager(load: Load) -> None:
    running = nodes(started(load, "nav2.launch.py")[1])
    costmap = running["local_costmap"]
    managed = running["lifecycle_manager_costmap"]["parameters"][0]["node_names"]
    assert managed == [f"{costmap['namespace']}/{costmap['name']}"]


@pytest.mark.parametrize(
    ("image", "base", "info"),
    [
        ("/cam/image_raw", "/cam/image_raw", "/cam/camera_info"),
        ("/cam/image_raw/compressed", "/cam/image_raw", "/cam/camera_info"),
    ],
)
def test_rtabmap_synchronises_the_nodes_depth_with_the_cameras_image(
    load: Load, image: str, base: str, info: str
) -> None:
    _, actions = started(load, "rtabmap.launch.py", image=image)
    sync = nodes(actions)["rgbd_sync"]
    assert dict(sync["remappings"]) == {
        "rgb/image": base,
        "rgb/camera_info": info,
        "depth/image": "depth/image",
    }
    transport = {"rgb_image_transport": "compressed"} if image != base else {}
    assert sync["parameters"][-1] == transport


def test_a_recording_waits_for_the_subscriber_of_its_images(load: Load) -> None:
    """Nobody subscribes to all of its topics."""
    play = nodes(started(load, "nav2.launch.py")[1])["depth_ros"]
    words = [
        each if isinstance(each, str) else f"<{each.arguments[0]}>" for each in play["arguments"]
    ]
    assert words == ["play", "<bag>", "--clock", "100", "--wait-for", "<image>"]


# What RTAB-Map's nodes subscribe to and declare, by package and executable: facts of the sources of
# rtabmap_ros 0.22.1 for Jazzy, beside the parameters of test_consumers.NODES.
TOPICS = {
    ("rtabmap_sync", "rgbd_sync"): {"rgb/image", "rgb/camera_info", "depth/image"},
    ("rtabmap_odom", "rgbd_odometry"): {"rgbd_image", "imu"},
    ("rtabmap_slam", "rtabmap"): {"rgbd_image", "odom"},
    ("rtabmap_viz", "rtabmap_viz"): {"rgbd_image", "odom"},
}
DECLARED: dict[str, Table] = {
    "rgbd_sync": {"rgb_image_transport": str},
    "rgbd_odometry": {},
    "rtabmap": {"odom_frame_id": str, "database_path": str},
    "rtabmap_viz": {"odom_frame_id": str, "subscribe_rgbd": bool, "approx_sync": bool},
}


@pytest.mark.parametrize("odometry", ["true", "false"])
@pytest.mark.parametrize("image", ["/cam/image_raw", "/cam/image_raw/compressed"])
def test_rtabmaps_nodes_have_the_topics_and_parameters_that_the_launch_file_sets(
    load: Load, image: str, odometry: str
) -> None:
    found = nodes(started(load, "rtabmap.launch.py", image=image, odometry=odometry)[1])
    assert {(each["package"], name) for name, each in found.items()} == TOPICS.keys()
    for name, each in found.items():
        assert name == each["executable"]
        assert {topic for topic, _ in each.get("remappings", ())} <= TOPICS[each["package"], name]
        _, common, *own = each["parameters"]
        declared = {**DECLARED[name], "use_sim_time": bool}
        for parameter, value in {**common, **{k: v for one in own for k, v in one.items()}}.items():
            assert type(value) is declared.get(parameter), parameter


def test_rtabmap_takes_odometry_of_wheels_from_tf(load: Load) -> None:
    """Images and the wheels' topic would have to have the same stamps, as approx_sync is false."""
    for odometry, expected in (("false", "odom"), ("true", None)):
        found = nodes(started(load, "rtabmap.launch.py", odometry=odometry)[1])
        for name in ("rtabmap", "rtabmap_viz"):
            values = {k: v for one in found[name]["parameters"][1:] for k, v in one.items()}
            assert values.get("odom_frame_id") == expected


def test_scans_are_made_of_the_nodes_depth(load: Load) -> None:
    defaults, actions = started(load, "laserscan.launch.py")
    assert defaults["scan"] not in topics.TOPICS, "the node publishes on it, too"
    remapped = dict(nodes(actions)["depthimage_to_laserscan"]["remappings"])
    assert remapped["depth"] == "depth/image"
    assert remapped["depth_camera_info"] == "depth/camera_info"
