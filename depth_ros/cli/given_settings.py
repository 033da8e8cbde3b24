"""Settings from the command line and from parameter files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from depth_ros.cli.warning import warn
from depth_ros.errors import SettingError, one_line

if TYPE_CHECKING:
    from depth_ros.config import Settings, Value


def given(params: Path | None, assignments: list[str]) -> Settings:
    """Return the settings of a parameter file, overridden by NAME=VALUE assignments.

    Raises:
        SettingError: the file cannot be read, a name is unknown or a value not allowed.
    """
    from depth_ros.config import Settings

    settings = Settings()
    if params is not None:
        settings = settings.with_values(**_of_file(params))
    return settings.with_values(**dict(_assigned(text) for text in assignments))


def _of_file(path: Path) -> dict[str, Value]:
    """Return the settings in a parameter file, of any node; warn of names that are none."""
    from depth_ros import yaml_file
    from depth_ros.config import shared_names, split

    found: dict[str, Value] = {}
    try:
        content = yaml_file.load(path)
        for node in content.values():
            found |= node["ros__parameters"]
        shared = shared_names([content], "depth")  # the node's name in launch files
    except Exception as error:  # errors of YAML and of wrong types
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise SettingError(
            f"{path} is not a parameter file: {reason}; expected YAML of NODE: ros__parameters: "
            "NAME: VALUE"
        ) from error
    settings, warnings = split(found, shared)
    warn(*(f"warning: {path}: {warning}" for warning in warnings))
    return settings


def _assigned(text: str) -> tuple[str, Value]:
    """Return name and value of NAME=VALUE, with the value in the setting's type."""
    from depth_ros.config import SPECS, unknown_setting

    name, equals, value = text.partition("=")
    if not equals:
        raise SettingError(f"--set is '{text}', expected NAME=VALUE, such as max_depth_m=8")
    if name not in SPECS:
        raise SettingError(unknown_setting(name))
    default = SPECS[name].default
    if isinstance(default, bool):
        if value.lower() not in ("true", "false"):
            raise SettingError(f"{name} is '{value}', expected true or false")
        return name, value.lower() == "true"
    if SPECS[name].choices and value.lower() in ("true", "false"):
        return name, value.lower() == "true"  # YAML's values of on and off
    try:
        if isinstance(default, tuple):
            parts = [part.strip() for part in value.strip("[]()").split(",")]
            names = isinstance(default[0], str)
            return name, tuple(parts) if names else tuple(map(float, parts))
        return name, type(default)(value)
    except ValueError as error:
        raise SettingError(f"{name} is '{value}', expected {SPECS[name].expected}") from error


def check_anchors(settings: Settings, flag: str, topic: str) -> None:
    """Refuse a flag's topic of anchors that the settings do not use.

    Raises:
        SettingError: there is one, and scale.mode is not anchors.
    """
    if topic and settings.scale_mode != "anchors":
        raise SettingError(
            f"{flag} is '{topic}' and scale.mode '{settings.scale_mode}', expected "
            "--set scale.mode=anchors"
        )


def check_camera(settings: Settings) -> None:
    """Check the camera in the settings, if any, and print a note if it is a guess.

    Raises:
        SettingError: as calibration.check().
    """
    from depth_ros import calibration

    calibration.check(settings)
    if note := calibration.guess(settings):
        warn(note)
