"""Settings: declared once, always checked."""

import ast
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from depth_ros.config import FIELDS, SPECS, Settings, shared_names, split, to_yaml
from depth_ros.errors import SettingError
from depth_ros.geometry.colour import COLOUR_MAPS
from depth_ros.messages import WRITTEN_DEPTHS
from depth_ros.runtimes import RUNTIMES
from depth_ros.runtimes.torch_runtime import DTYPES

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stride", 0),
        ("stride", 65),
        ("stride", 2.0),
        ("stride", True),
        ("max_depth_m", -1.0),
        ("max_depth_m", float("nan")),
        ("depth_encoding", "mono16"),
        ("model", 3),
        ("flip", "perhaps"),
        ("flip", 1),
        ("cameras", "front"),
        ("cameras", ["front", "front"]),
        ("cameras", ["front", ""]),
        ("cameras", ["/front"]),
        ("cameras", ["left eye"]),
        ("cameras", [1]),
    ],
)
def test_a_bad_value_is_refused_by_name_value_and_expectation(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=rf"^{name} is .*expected"):
        Settings().with_values(**{name: value})


@pytest.mark.parametrize(
    "values",
    [
        {"colour_near_m": 10.0},
        {"colour_far_m": 0.5},
        {"min_depth_m": 5.0, "max_depth_m": 5.0},
        {"cameras": ["a", "b"], "scale_mode": "anchors", "extrinsics": "parameters"},
    ],
)
def test_values_that_contradict_each_other_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="expected"):
        Settings().with_values(**values)


def test_a_parameter_has_a_dot_where_its_field_has_an_underscore() -> None:
    settings = Settings(scale_mode="ground")
    assert settings.with_values(**{"scale.mode": "ground"}) == settings
    assert settings.as_dict()["scale.mode"] == "ground"
    assert all(spec.field == name.replace(".", "_") for name, spec in SPECS.items())
    assert {spec.field for spec in SPECS.values()} == {each.name for each in fields(Settings)}


@pytest.mark.parametrize(
    ("former", "name"),
    [("scale_mode", "scale.mode"), ("edge_step", "edges.step"), ("carry", "grin.carry")],
)
def test_the_name_of_a_parameter_before_it_got_a_group_is_refused_with_the_new_one(
    former: str, name: str
) -> None:
    with pytest.raises(SettingError, match=f"setting '{former}' is now called '{name}'"):
        split({former: 1})
    assert split({former: 1}, {former}) == ({}, [f"setting '{former}' is now called '{name}'"])


def test_a_parameter_is_shared_unless_a_key_names_the_node() -> None:
    def file(key: str, *names: str) -> dict[str, Any]:
        return {key: {"ros__parameters": dict.fromkeys(names, 1)}}

    files = [file("/**", "a", "b"), file("/**/depth", "b"), file("other", "c"), {"/x": {"y": {}}}]
    assert shared_names(files, "depth") == {"a", "c"}


@pytest.mark.parametrize("former", ["edge_step", "carry"])
def test_the_former_name_of_a_field_is_refused_with_the_new_one(former: str) -> None:
    with pytest.raises(SettingError, match=f"'{former}' is now called '[a-z_]+'"):
        Settings().with_values(**{former: 1})


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"'strid' is unknown.*stride"):
        Settings().with_values(strid=1)


def test_an_integer_is_accepted_for_a_float() -> None:
    changed = Settings().with_values(max_depth_m=5)
    assert changed.max_depth_m == 5.0
    assert type(changed.max_depth_m) is float


@pytest.mark.parametrize(
    ("given", "expected"),
    [([], ("",)), ([""], ("",)), (["rig/left", "_2"], ("rig/left", "_2"))],
    ids=str,
)
def test_cameras_are_different_names_of_topics_or_a_single_one_without_a_name(
    given: Any, expected: tuple[str, ...]
) -> None:
    assert Settings(cameras=given).cameras == expected


@pytest.mark.parametrize(
    "given", [5, True, None, {"a": 1}, "front", ["a", "a"], ["1"], [[]]], ids=str
)
def test_other_values_are_no_cameras(given: Any) -> None:
    with pytest.raises(SettingError, match=r"cameras is .*expected a list of different names"):
        Settings(cameras=given)


def test_every_setting_has_help_and_every_number_a_range() -> None:
    for spec in SPECS.values():
        assert spec.help.endswith("."), spec.name
        if isinstance(spec.default, (int, float)) and not isinstance(spec.default, bool):
            assert spec.low is not None, spec.name
            assert spec.high is not None, spec.name


def test_names_of_lengths_and_times_carry_their_unit() -> None:
    for spec in SPECS.values():
        if spec.unit in ("m", "s"):
            assert spec.name.endswith(f"_{spec.unit}")


@pytest.mark.parametrize(
    ("name", "owned"),
    [
        ("colour.map", COLOUR_MAPS),
        ("depth_encoding", WRITTEN_DEPTHS),
        ("dtype", DTYPES),
        ("runtime", {"auto": None, **RUNTIMES}),
    ],
)
def test_the_choices_match_the_implementations(name: str, owned: Iterable[str]) -> None:
    assert SPECS[name].choices == tuple(owned)


def names_read(path: Path) -> set[str]:
    """The attributes that a module reads of something called settings."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("settings")
    }


def test_every_setting_is_read_somewhere() -> None:
    package = ROOT / "depth_ros"
    modules = [path for path in package.rglob("*.py") if path.parent != package / "config"]
    assert FIELDS.keys() <= set().union(*map(names_read, modules))


def test_the_shipped_parameter_file_is_the_generated_one() -> None:
    text = (ROOT / "config" / "depth_ros.yaml").read_text()
    assert text == to_yaml(), "run: depth_ros settings > config/depth_ros.yaml"


def test_the_generated_parameter_file_holds_every_default() -> None:
    loaded = yaml.safe_load(to_yaml())
    assert loaded["/**"]["ros__parameters"] == Settings().as_dict()


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("edges_filter", False, "off"),
        ("compile", True, "true"),
        ("compile", False, "false"),
        ("flip", "off", False),
        ("flip", "Yes", True),
        ("max_depth_m", 8, 8.0),
        ("anchors_pose", [1, 0, 0, 0, 0, 0.5], (1.0, 0.0, 0.0, 0.0, 0.0, 0.5)),
    ],
)
def test_yaml_values_of_another_type_are_converted(name: str, given: Any, expected: Any) -> None:
    found = getattr(Settings().with_values(**{name: given}), name)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["large", "small"])
def test_a_whole_number_that_is_no_float_is_out_of_range(number: int) -> None:
    with pytest.raises(SettingError, match=r"max_depth_m is -?inf, expected 0"):
        Settings().with_values(max_depth_m=number)
    with pytest.raises(SettingError, match=r"anchors.pose is .*, expected 6 numbers"):
        Settings(anchors_pose=(number, 0, 0, 0, 0, 0))


def test_a_name_of_another_type_is_an_unknown_setting() -> None:
    ours, warnings = split({1: 2, None: 3, "stride": 2})  # type: ignore[dict-item]
    assert ours == {"stride": 2}
    assert [warning.partition(" is")[0] for warning in warnings] == [
        "setting '1'",
        "setting 'None'",
    ]


def test_unknown_settings_are_reported_with_the_nearest_and_those_of_ros_are_not() -> None:
    values = {"stride": 2, "max_dept_m": 5.0, "use_sim_time": True, "qos_overrides./tf.depth": 1}
    ours, (warning,) = split(values)
    assert ours == {"stride": 2}
    assert warning.startswith("setting 'max_dept_m' is unknown, did you mean max_depth_m")
