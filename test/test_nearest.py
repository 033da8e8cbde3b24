"""Unknown names, and the suggested ones."""

import pytest

from depth_ros import cli
from depth_ros.nearest import unknown

NAMES = [f"model-{number}" for number in range(20)]


def test_the_nearest_names_come_first() -> None:
    known = ["max_depth_m", "min_depth_m", "stride", "model"]
    message = unknown("setting", "max_dept", known, "`depth_ros settings`")
    assert message.startswith("setting 'max_dept' is unknown, did you mean max_depth_m")
    assert message.endswith("(`depth_ros settings` lists all 4)")


def test_of_many_names_at_most_three_are_listed() -> None:
    message = unknown("model", "model-", NAMES)
    assert message.count("model-") == 4, "the unknown one, and three"


def test_a_part_of_long_names_is_near_to_them() -> None:
    known = ["prompt-depth-anything-large", "depth-anything-v2-metric-indoor-large", "dpt-large"]
    assert "did you mean depth-anything-v2-metric-indoor-large?" in unknown("model", "v2", known)
    assert "expected one of" in unknown("model", "", known)


def test_few_names_are_listed_where_none_is_near() -> None:
    message = unknown("thing", "xyz", ["one", "two"])
    assert message == "thing 'xyz' is unknown, expected one of one, two"


def test_many_names_are_not_listed() -> None:
    assert "20 names: `x` lists them" in unknown("model", "q", NAMES, "`x`")


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (["conver", "a", "b"], "convert"),
        (["modles"], "models"),
        (["models", "zoedepth-nyuu"], "zoedepth-nyu"),
        (["profile", "--model", "depth-anything-v2-smal"], "depth-anything-v2-small"),
        (["convert", "test", "out", "--set", "max_dept=3"], "max_depth_m"),
    ],
)
def test_commands_models_and_settings_suggest_names(
    command: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert "is unknown, did you mean" in error
    assert meant in error
    assert error.count("\n") == 1
    assert len(error) < 200
