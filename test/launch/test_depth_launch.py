"""The launch file's arguments, remaps and environment, with stand-ins for launch's classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from depth_ros.config import SPECS
from depth_ros.errors import SettingError
from test.launch.conftest import Action, Load

REPO = Path(__file__).parents[2]
PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE"


@pytest.fixture
def launch_file(load: Load, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the launch file defines."""
    monkeypatch.delenv(PROFILE, raising=False)
    return load("depth.launch.py")


@pytest.fixture
def declared(launch_file: dict[str, Any]) -> dict[str, Action]:
    """The declared arguments by name."""
    (entities,) = launch_file["generate_launch_description"]().arguments
    declarations = [e for e in entities if type(e).__name__ == "DeclareLaunchArgument"]
    return {declaration.arguments[0]: declaration for declaration in declarations}


Launch = Callable[..., dict[str, Action]]


@pytest.fixture
def launch(launch_file: dict[str, Any], declared: dict[str, Action]) -> Launch:
    """Returns the actions of a launch with some arguments, by their kinds."""
    defaults = {name: argument.keywords["default_value"] for name, argument in declared.items()}
    (entities,) = launch_file["generate_launch_description"]().arguments

    def run(**arguments: str) -> dict[str, Action]:
        assert arguments.keys() <= defaults.keys()
        actions = entities[-1].keywords["function"]({**defaults, **arguments})
        return {type(action).__name__: action for action in actions}

    return run


def parameters(node: Action) -> dict[str, Any]:
    """The parameters that are given beside the file."""
    values = [each for each in node.keywords["parameters"] if isinstance(each, dict)]
    return {name: value for given in values for name, value in given.items()}


def remaps(actions: dict[str, Action]) -> dict[str, str]:
    return dict(actions["LifecycleNode"].keywords["remappings"])


def test_every_parameter_and_argument_is_declared_with_a_default_and_a_description(
    launch_file: dict[str, Any], declared: dict[str, Action]
) -> None:
    assert declared.keys() == {*SPECS, *launch_file["ARGUMENTS"]}
    for argument in declared.values():
        assert isinstance(argument.keywords["default_value"], str)
        assert argument.keywords["description"]


def test_arguments_are_declared_once_and_before_they_are_used(
    launch_file: dict[str, Any], declared: dict[str, Action]
) -> None:
    (entities,) = launch_file["generate_launch_description"]().arguments
    assert [type(entity).__name__ for entity in entities] == [
        *["DeclareLaunchArgument"] * len(declared),
        "OpaqueFunction",
    ]


def test_the_node_starts_with_the_parameter_file_and_nothing_else(launch: Launch) -> None:
    node = launch()["LifecycleNode"].keywords
    assert (node["package"], node["executable"], node["name"]) == (
        "depth_ros",
        "depth_node",
        "depth",
    )
    assert node["namespace"] == ""
    assert node["parameters"][0] == str(REPO / "config" / "depth_ros.yaml")
    assert Path(node["parameters"][0]).is_file()
    assert parameters(launch()["LifecycleNode"]) == {"use_sim_time": False}


def test_arguments_override_the_parameter_file(launch: Launch) -> None:
    given = {
        "model": "zoedepth-nyu",
        "scale.mode": "anchors",
        "anchors.type": "scan",
        "runtime": "torch",
        "device": "cuda:1",
    }
    node = launch(**given, use_sim_time="True", params_file="/p.yaml", namespace="robot")
    assert parameters(node["LifecycleNode"]) == {**given, "use_sim_time": True}
    keywords = node["LifecycleNode"].keywords
    assert (keywords["parameters"][0], keywords["namespace"]) == ("/p.yaml", "robot")


def test_every_parameter_is_an_argument_of_its_type(launch: Launch) -> None:
    given = {
        "stride": "4",
        "max_depth_m": "6",
        "publish_points": "false",
        "edges.filter": "off",
        "ground.frame": "chassis",
        "anchors.pose": "[0, 0, 1, 0, 0.5, 0]",
    }
    found = parameters(launch(**given)["LifecycleNode"])
    assert found == {
        "stride": 4,
        "max_depth_m": 6.0,
        "publish_points": False,
        "edges.filter": "off",
        "ground.frame": "chassis",
        "anchors.pose": [0.0, 0.0, 1.0, 0.0, 0.5, 0.0],
        "use_sim_time": False,
    }
    assert isinstance(found["max_depth_m"], float)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stride": "0"}, "stride is 0"),
        ({"stride": "four"}, "stride is 'four'"),
        ({"anchors.pose": "[0"}, "no YAML"),
        ({"preset": "nav3"}, "preset is 'nav3', expected one of: look, mapping, nav2, slam"),
    ],
)
def test_what_an_argument_may_not_say_is_refused(
    launch: Launch, given: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        launch(**given)


@pytest.mark.parametrize("preset", ["nav2", "slam", "mapping", "look"])
def test_a_preset_beats_the_file_and_an_argument_beats_the_preset(
    launch: Launch, preset: str
) -> None:
    node = launch(preset=preset, stride="8", params_file="/p.yaml")["LifecycleNode"]
    first, second, third, *_ = node.keywords["parameters"]
    assert first == "/p.yaml"
    assert second == str(REPO / "config" / "presets" / f"{preset}.yaml")
    assert Path(second).is_file()
    assert third == {"stride": 8}


def test_the_log_level_reaches_the_node(launch: Launch) -> None:
    keywords = launch(log_level="debug")["LifecycleNode"].keywords
    assert keywords["arguments"] == ["--ros-args", "--log-level", "debug"]


@pytest.mark.parametrize(
    ("image", "camera_info"),
    [
        ("image", "camera_info"),
        ("image/compressed", "camera_info"),
        ("/image", "/camera_info"),
        ("/image/compressed", "/camera_info"),
        ("camera/image_raw", "camera/camera_info"),
        ("/camera/color/image_raw", "/camera/color/camera_info"),
        ("/camera/color/image_raw/compressed", "/camera/color/camera_info"),
    ],
)
def test_camera_info_is_the_images_sibling(launch: Launch, image: str, camera_info: str) -> None:
    assert remaps(launch(image=image)) == {"image": image, "camera_info": camera_info}


def test_camera_info_may_be_elsewhere(launch: Launch) -> None:
    given = remaps(launch(image="/camera/image_raw", camera_info="/calibration"))
    assert given == {"image": "/camera/image_raw", "camera_info": "/calibration"}


def test_anchors_bring_their_camera_info_along(launch: Launch) -> None:
    given = remaps(launch(anchors="/tof/depth/image_raw"))
    assert given["anchors"] == "/tof/depth/image_raw"
    assert given["anchors/camera_info"] == "/tof/depth/camera_info"
    assert "anchors" not in remaps(launch())


def test_several_cameras_have_their_names_in_their_topics(launch: Launch) -> None:
    actions = launch(cameras="front, left", image="/{camera}/color/image_raw", anchors="/scan")
    assert parameters(actions["LifecycleNode"])["cameras"] == ["front", "left"]
    assert remaps(actions) == {
        f"{name}/{topic}": said
        for name in ("front", "left")
        for topic, said in {
            "image": f"/{name}/color/image_raw",
            "camera_info": f"/{name}/color/camera_info",
            "anchors": "/scan",
            "anchors/camera_info": "/camera_info",
        }.items()
    }


def test_relative_topics_of_several_cameras_are_below_their_names(launch: Launch) -> None:
    assert remaps(launch(cameras="front", image="image_raw/compressed")) == {
        "front/image": "front/image_raw/compressed",
        "front/camera_info": "front/camera_info",
    }


def test_big_messages_get_a_profile(launch: Launch) -> None:
    variable = launch()["SetEnvironmentVariable"]
    assert variable.arguments == (PROFILE, str(REPO / "config" / "fastdds.xml"))
    assert Path(variable.arguments[1]).is_file()


def test_a_profile_of_the_users_own_stays(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROFILE, "/home/me/profile.xml")
    assert launch()["SetEnvironmentVariable"].arguments == (PROFILE, "/home/me/profile.xml")


def test_rviz_waits_for_its_argument(launch: Launch) -> None:
    rviz = launch(rviz="true", use_sim_time="true")["Node"].keywords
    assert (rviz["package"], rviz["condition"].arguments) == ("rviz2", ("true",))
    assert launch()["Node"].keywords["condition"].arguments == ("false",)
    assert Path(rviz["arguments"][1]).is_file()
    assert rviz["parameters"] == [{"use_sim_time": True}]


def rviz_shows(actions: dict[str, Action]) -> tuple[str, dict[str, str]]:
    """The Fixed Frame, and the topic of every display by its name."""
    path = Path(actions["Node"].keywords["arguments"][1])
    config = yaml.safe_load(path.read_text())["Visualization Manager"]
    if path.parent != REPO / "config":
        path.unlink()
    topics = {one["Name"]: one["Topic"]["Value"] for one in config["Displays"] if "Topic" in one}
    assert len({one["Name"] for one in config["Displays"]}) == len(config["Displays"])
    return config["Global Options"]["Fixed Frame"], topics


def test_rviz_shows_the_outputs_of_one_camera_in_its_frame(launch: Launch) -> None:
    shown = {"Points": "points", "Depth in colour": "depth/color"}
    assert rviz_shows(launch(rviz="true")) == ("camera_color_optical_frame", shown)
    assert rviz_shows(launch(rviz="true", rviz_frame="map")) == ("map", shown)


def test_rviz_runs_where_the_nodes_topics_are(launch: Launch) -> None:
    actions = launch(rviz="true", namespace="robot")
    assert actions["Node"].keywords["namespace"] == "robot"
    _, topics = rviz_shows(actions)
    assert not any(topic.startswith("/") for topic in topics.values())


def test_rviz_shows_every_camera(launch: Launch) -> None:
    frame, topics = rviz_shows(launch(rviz="true", cameras="front,left"))
    assert frame == "base_link"
    assert topics == {
        "Points, front": "front/points",
        "Depth in colour, front": "front/depth/color",
        "Points, left": "left/points",
        "Depth in colour, left": "left/depth/color",
    }


def test_without_rviz_nothing_is_written_for_it(launch: Launch) -> None:
    path = Path(launch(cameras="front", rviz_frame="map")["Node"].keywords["arguments"][1])
    assert path == REPO / "config" / "depth.rviz"
