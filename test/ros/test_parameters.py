"""Settings as parameters: declared, described, checked, and live where they say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_ros import config, share
from depth_ros.cli.given_settings import given
from depth_ros.config import FIELDS, SPECS, Settings
from depth_ros.errors import SettingError
from test.ros.conftest import Bench, set_parameters, stamp_of, take
from test.ros.test_confidence import LIVE_OF_DENOISING
from test.ros.test_navigation import LIVE_FOR_NAVIGATION
from test.ros.test_scale import LIVE_ABOVE_GROUND, LIVE_AMONG_ANCHORS

pytest.importorskip("rclpy")

import rclpy
from rcl_interfaces.srv import DescribeParameters, GetParameters

from depth_ros.ros.node import DepthNode

REPO = Path(__file__).parents[2]
OUTPUTS = ("depth/image", "depth/color", "points")


def call(bench: Bench, kind: Any, service: str, request: Any) -> Any:
    name = bench.node.get_fully_qualified_name()
    return bench.peer.call(kind, f"{name}/{service}", request)


def values(bench: Bench) -> dict[str, Any]:
    request = GetParameters.Request(names=list(SPECS))
    found = call(bench, GetParameters, "get_parameters", request).values
    return {
        name: rclpy.parameter.parameter_value_to_python(value)
        for name, value in zip(SPECS, found, strict=True)
    }


def test_every_setting_is_a_parameter_that_is_described(bench: Bench) -> None:
    bench.start(autostart=False)
    request = DescribeParameters.Request(names=list(SPECS))
    found = call(bench, DescribeParameters, "describe_parameters", request).descriptors
    for descriptor, spec in zip(found, SPECS.values(), strict=True):
        assert descriptor.name == spec.name
        assert descriptor.description == spec.help
        assert descriptor.read_only == (not spec.live)
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        assert [(r.from_value, r.to_value) for r in ranges] == (
            [] if spec.low is None else [(spec.low, spec.high)]
        )
        assert all(str(choice) in descriptor.additional_constraints for choice in spec.choices)
    defaults = {**Settings().as_dict(), "autostart": False}
    assert {**values(bench), "model": defaults["model"]} == defaults


# What to change, given a depth that half of the pixels have, and what then differs in the answers.
Answers = dict[str, Any]
LIVE: dict[str, tuple[Callable[[float], dict[str, Any]], Callable[[Answers, Answers], bool]]] = {
    "focal_correction": (
        lambda middle_m: {"focal_correction": False},
        lambda before, after: np.nanmedian(metres(after)) != np.nanmedian(metres(before)),
    ),
    "min_depth_m": (
        lambda middle_m: {"min_depth_m": middle_m},
        lambda before, after: np.isnan(metres(after)).sum() > np.isnan(metres(before)).sum() + 2000,
    ),
    "max_depth_m": (
        lambda middle_m: {"max_depth_m": middle_m},
        lambda before, after: np.isinf(metres(after)).sum() > np.isinf(metres(before)).sum() + 2000,
    ),
    "points_colour": (
        lambda middle_m: {"points_colour": False},
        lambda before, after: (before["points"].point_step, after["points"].point_step) == (16, 12),
    ),
    "points_organised": (
        lambda middle_m: {"points_organised": True},
        lambda before, after: (before["points"].height, after["points"].height) == (1, 60),
    ),
    "beyond_range": (
        lambda middle_m: {"beyond_range": "max", "max_depth_m": middle_m, "edges_filter": "off"},
        lambda before, after: after["points"].width > np.isfinite(metres(after)).sum() + 2000,
    ),
    "stride": (
        lambda middle_m: {"stride": 4, "points_organised": True},
        lambda before, after: (after["points"].width, after["points"].height) == (20, 15),
    ),
    "colour_map": (
        lambda middle_m: {"colour_map": "magma"},
        lambda before, after: after["depth/color"].data != before["depth/color"].data,
    ),
    "edges_filter": (
        lambda middle_m: {"edges_filter": "image"},
        lambda before, after: np.isnan(metres(after)).sum() > np.isnan(metres(before)).sum(),
    ),
    "edges_step": (
        lambda middle_m: {"edges_step": 1.0},
        lambda before, after: after["points"].width > before["points"].width,
    ),
    "edges_radius_px": (
        lambda middle_m: {"edges_radius_px": 1},
        lambda before, after: after["points"].width != before["points"].width,
    ),
    "colour_range": (
        lambda middle_m: {"colour_range": "percentiles"},
        lambda before, after: after["depth/color"].data != before["depth/color"].data,
    ),
    "colour_near_m": (
        lambda middle_m: {"colour_near_m": middle_m},
        lambda before, after: after["depth/color"].data != before["depth/color"].data,
    ),
    "colour_far_m": (
        lambda middle_m: {"colour_far_m": middle_m},
        lambda before, after: after["depth/color"].data != before["depth/color"].data,
    ),
}


def metres(answers: Answers) -> Any:
    return np.frombuffer(answers["depth/image"].data, "<f4")


def test_every_live_setting_is_tried_below_with_the_scale_or_with_confidence() -> None:
    tried = {*LIVE, "publish_points", *LIVE_ABOVE_GROUND, *LIVE_AMONG_ANCHORS}
    tried |= {*LIVE_OF_DENOISING, "min_confidence", "scale_steady_s"}
    tried |= {"anchors_field", "ground_offset_m", *LIVE_FOR_NAVIGATION}
    assert tried == {name for name, spec in FIELDS.items() if spec.live}


@pytest.mark.parametrize("name", LIVE)
def test_a_live_setting_counts_from_the_next_frame(bench: Bench, name: str) -> None:
    bench.start(*OUTPUTS)
    before = bench.ask(take(0))
    changed, differs = LIVE[name]
    changes = changed(float(np.nanmedian(metres(before))))
    assert set_parameters(bench, **changes) == ""
    after = bench.ask(replace(take(1), rgb=take(0).rgb))
    assert differs(before, after)
    assert values(bench)[FIELDS[name].name] == changes[name]


def test_points_can_be_switched_off_and_on(bench: Bench) -> None:
    bench.start("depth/image", "points")
    bench.ask(take(0))
    assert set_parameters(bench, publish_points=False) == ""
    bench.show(take(1))
    bench.peer.wait(lambda: bench.total("answered") == 2)
    assert set_parameters(bench, publish_points=True) == ""
    bench.ask(take(2))
    stamps = [stamp_of(cloud) for cloud in bench.peer.received["points"]]
    assert stamps == [take(0).stamp_ns, take(2).stamp_ns]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "zoedepth-nyu"}, "read-only"),
        ({"depth_encoding": "16UC1"}, "read-only"),
        ({"stride": 0}, "stride"),
        ({"stride": 2.0}, "DOUBLE"),
        ({"max_depth_m": -1.0}, "max_depth_m"),
        ({"max_depth_m": float("nan")}, "max_depth_m"),
        ({"colour_map": "pink"}, "'pink', expected one of turbo, magma"),
        ({"colour_near_m": 10.0}, "colour.near_m is 10.0, expected less than colour.far_m"),
        ({"colour_near_m": 4.0, "colour_far_m": 3.0}, "colour.near_m is 4.0"),
        ({"min_depth_m": 5.0, "max_depth_m": 5.0}, "max_depth_m is 5.0"),
        ({"stride": 2, "colour_map": "pink"}, "'pink'"),
    ],
    ids=str,
)
def test_a_change_that_is_not_allowed_is_refused_with_its_reason(
    bench: Bench, changes: dict[str, Any], reason: str
) -> None:
    node = bench.start("points")
    before, settings = values(bench), node.settings
    assert reason in set_parameters(bench, **changes)
    assert values(bench) == before
    assert node.settings == settings
    assert bench.ask(take())["points"].width > 1000


def test_two_settings_may_change_together_where_one_alone_may_not(bench: Bench) -> None:
    bench.start()
    assert "colour.near_m" in set_parameters(bench, colour_near_m=20.0)
    assert set_parameters(bench, colour_near_m=20.0, colour_far_m=30.0) == ""


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ({"stride": 0}, "stride is 0, expected 1 to 64 px"),
        ({"stride": 2.0}, "stride is 2.0, expected an integer of 1 to 64"),
        ({"max_depth_m": "far"}, "max_depth_m is 'far', expected a number of 0"),
        ({"max_depth_m": -1}, "max_depth_m is -1.0, expected 0.0 to 1000.0 m"),
        ({"edges_filter": True}, "edges.filter is True, expected one of auto, off, points, image"),
        ({"colour_near_m": 20.0}, "colour.near_m is 20.0, expected less than colour.far_m"),
        ({"depth_encoding": "8UC1"}, "depth_encoding is '8UC1', expected one of 32FC1, 16UC1"),
    ],
    ids=str,
)
def test_a_start_with_a_value_that_is_not_allowed_names_it(
    bench: Bench, override: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SettingError, match=reason):
        bench.start(**override)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-p", "stride:=0"], "stride is 0, expected 1 to 64"),
        (["-p", "colour.map:=pink"], "'pink', expected one of turbo"),
        (["-r", "image:=/no-name"], "/no-name"),
        (["--params-file", "/no/such/file.yaml"], "/no/such/file.yaml"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_the_executable_says_in_one_line_what_is_wrong_with_its_arguments(
    main: Callable[[list[str]], int],
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    assert main(["--ros-args", *arguments]) == 1
    said = capfd.readouterr().err
    assert "Traceback" not in said
    (line,) = (line for line in said.splitlines() if line.startswith("depth_node:"))
    assert reason in line
    assert not rclpy.ok()


def test_the_parameter_file_is_the_settings_own() -> None:
    assert (REPO / "config" / "depth_ros.yaml").read_text() == config.to_yaml()


def test_the_parameter_file_can_be_started_with(bench: Bench) -> None:
    arguments = ("--params-file", str(share.find("config/depth_ros.yaml")))
    node: DepthNode = bench.start(*OUTPUTS, arguments=arguments)
    assert node.settings.with_values(model=Settings().model) == Settings()
    bench.ask(take())


def test_a_parameter_file_is_read_in_every_namespace(bench: Bench, tmp_path: Path) -> None:
    text = config.to_yaml().replace("stride: 1", "stride: 5").replace("turbo\n", "viridis\n")
    (tmp_path / "depth.yaml").write_text(text)
    arguments = ("--params-file", str(tmp_path / "depth.yaml"))
    node: DepthNode = bench.start(namespace="/robot/head", arguments=arguments)
    assert (node.settings.stride, node.settings.colour_map) == (5, "viridis")


def test_a_change_in_the_middle_of_a_frame_counts_from_the_next_one(bench: Bench) -> None:
    bench.start(*OUTPUTS)
    before = bench.ask(take(0))
    middle_m = float(np.nanmedian(metres(before)))
    bench.gate.close()
    bench.show(replace(take(1), rgb=take(0).rgb))
    bench.peer.wait(bench.gate.entered.is_set, "the frame's inference")
    changes: dict[str, Any] = {"edges_filter": "image", "stride": 4, "points_colour": False}
    changes |= {"colour_map": "magma", "max_depth_m": middle_m, "focal_correction": False}
    assert set_parameters(bench, **changes) == ""
    bench.gate.open()
    during = bench.answers(take(1))
    after = bench.ask(replace(take(2), rgb=take(0).rgb))
    for topic in OUTPUTS:
        assert during[topic].data == before[topic].data, topic
        assert after[topic].data != before[topic].data, topic


def test_a_change_that_does_not_go_with_the_model_is_refused(bench: Bench) -> None:
    node = bench.start("points")
    assert "gives no confidence" in set_parameters(bench, min_confidence=0.5)
    assert node.settings.min_confidence == 0
    bench.ask(take())
    assert not node.health.model_failed


@pytest.mark.parametrize("setting", ["max_depth_m", "edges_step"])
def test_whole_numbers_do_for_those_that_need_not_be_whole(bench: Bench, setting: str) -> None:
    ones: dict[str, Any] = {setting: 1}
    node = bench.start(**ones)
    assert type(getattr(node.settings, setting)) is float
    assert set_parameters(bench, **ones) == ""
    assert repr(values(bench)[FIELDS[setting].name]) == "1.0"


def test_a_list_of_whole_numbers_does_too(bench: Bench) -> None:
    node = bench.start(arguments=("-p", "anchors.pose:=[1, 0, 0, 0, 0, 0]"))
    assert node.settings.anchors_pose == (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert set_parameters(bench, anchors_pose=[2, 0, 0, 0, 0, 0]) == ""
    assert node.settings.anchors_pose == (2.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_off_is_a_word_although_yaml_has_it_for_false(bench: Bench) -> None:
    node = bench.start(arguments=("-p", "edges.filter:=off"))
    assert node.settings.edges_filter == "off"
    assert set_parameters(bench, edges_filter="points") == ""
    assert set_parameters(bench, edges_filter=False) == ""  # as ros2 param set reads it
    assert (node.settings.edges_filter, values(bench)["edges.filter"]) == ("off", "off")


def test_a_parameter_that_is_none_is_warned_of_with_the_nearest(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.start(autostart=False, max_dept_m=5.0, use_sim_time=False)
    (line,) = (line for line in capfd.readouterr().err.splitlines() if "unknown" in line)
    assert "setting 'max_dept_m' is unknown, did you mean max_depth_m" in line


def in_file(path: Path, key: str, **parameters: Any) -> tuple[str, ...]:
    """Arguments that give a node called front a file with parameters below a key."""
    path.write_text(json.dumps({key: {"ros__parameters": parameters}}))
    return ("--params-file", str(path), "-r", "__node:=front")


@pytest.mark.parametrize("more", [(), ("-p", "other:seed:=3")])
def test_a_former_name_that_a_file_gives_to_all_nodes_is_warned_of(
    bench: Bench, tmp_path: Path, capfd: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    given = in_file(tmp_path / "robot.yaml", "/**", seed=5, stride=2)
    node = bench.start(autostart=False, arguments=(*given, *more))
    assert (node.settings.stride, node.settings.grin_seed) == (2, Settings().grin_seed)
    assert "setting 'seed' is now called 'grin.seed'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("front", ()),
        ("/front", ()),
        ("/**/front", ()),
        ("/**", ("-p", "seed:=3")),
        ("/**", ("--param", "front:seed:=3")),
    ],
)
def test_a_former_name_that_this_node_alone_is_given_is_refused(
    bench: Bench, tmp_path: Path, key: str, more: tuple[str, ...]
) -> None:
    given = in_file(tmp_path / "robot.yaml", key, seed=5)
    with pytest.raises(SettingError, match=r"setting 'seed' is now called 'grin\.seed'"):
        bench.start(autostart=False, arguments=(*given, *more))


def test_a_change_that_another_part_of_rclpy_refuses_changes_nothing(bench: Bench) -> None:
    node = bench.start(autostart=False)
    assert set_parameters(bench, stride=3, use_sim_time="perhaps") != ""
    assert node.settings.stride == 1 == values(bench)["stride"]


def test_the_node_and_convert_read_the_same_file_alike(bench: Bench, tmp_path: Path) -> None:
    lines = ["edges.filter: off", "max_depth_m: 8", "publish_points: no", "flip: off", "strid: 2"]
    lines += ["anchors.pose: [1, 0, 0, 0, 0, 0]", "use_sim_time: false", "autostart: False"]
    file = tmp_path / "depth.yaml"
    file.write_text("\n    ".join(["/**:\n  ros__parameters:", *lines]) + "\n")
    node = bench.start(arguments=("--params-file", str(file)))
    assert node.settings == given(file, []).with_values(model=node.settings.model)
    assert (node.settings.edges_filter, node.settings.publish_points) == ("off", False)
