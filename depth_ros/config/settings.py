"""Every setting of the pipeline and the node, declared once.

The node's parameters, config/depth_ros.yaml, the launch arguments of the same names and the
reference in docs/ are generated from these declarations or tested against them.

Parameters are grouped with dots, as in scale.mode. In Python, where a name has no dot, the field
has an underscore instead: scale_mode.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, fields, replace
from typing import Any

from depth_ros.config.input_settings import InputSettings
from depth_ros.config.navigation_settings import NavigationSettings
from depth_ros.config.network_settings import NetworkSettings
from depth_ros.config.output_settings import OutputSettings
from depth_ros.config.scale_settings import ScaleSettings
from depth_ros.config.spec import Spec, Value
from depth_ros.errors import SettingError
from depth_ros.nearest import unknown

# Half a quarter turn: beyond it, another value of rotate is nearer to the camera's roll.
_MAX_ROLL_ERROR_DEG = 45.0
_GROUPS = (
    "image",
    "camera",
    "grin",
    "scale",
    "ground",
    "anchors",
    "edges",
    "points",
    "colour",
    "nav",
    "scan",
)
# Parameters of every node in a parameter file, which rclpy reads.
_ROS_PARAMETER = re.compile(r"use_sim_time|start_type_description_service|qos_overrides\..*")


# dataclasses collect the fields from the last base to the first: the declared order.
@dataclass(frozen=True)
class Settings(NavigationSettings, OutputSettings, ScaleSettings, InputSettings, NetworkSettings):
    """The settings of one pipeline and the node around it; see each field's help.

    Raises:
        SettingError: a value is of the wrong type or out of its range, or two contradict.
    """

    def __post_init__(self) -> None:
        for spec in SPECS.values():
            object.__setattr__(self, spec.field, spec.check(getattr(self, spec.field)))
        if self.colour_near_m >= self.colour_far_m:
            raise SettingError(
                f"colour.near_m is {self.colour_near_m}, expected less than colour.far_m "
                f"({self.colour_far_m})"
            )
        if self.camera_calibration and self.fov_deg:
            raise SettingError(
                f"camera.calibration is '{self.camera_calibration}' and fov_deg {self.fov_deg:g}, "
                "expected one of them"
            )
        if 0 < self.max_depth_m <= self.min_depth_m:
            raise SettingError(
                f"max_depth_m is {self.max_depth_m}, expected 0 or more than min_depth_m "
                f"({self.min_depth_m})"
            )
        self._check_roll()
        self._check_navigation()
        if (
            len(self.cameras) > 1
            and self.scale_mode == "anchors"
            and self.extrinsics == "parameters"
        ):
            raise SettingError(
                f"extrinsics is 'parameters', expected 'tf' for {len(self.cameras)} cameras: "
                "anchors.pose is for one camera"
            )

    def _check_roll(self) -> None:
        """Refuse a roll that contradicts rotate: the ground would be searched elsewhere."""
        if not self.rotate or self.scale_mode != "ground" or self.extrinsics != "parameters":
            return
        difference_deg = abs((self.camera_roll_deg - self.rotate + 180) % 360 - 180)
        if difference_deg > _MAX_ROLL_ERROR_DEG:
            raise SettingError(
                f"camera.roll_deg is {self.camera_roll_deg:g}, expected about "
                f"{self.rotate if self.rotate <= 180 else self.rotate - 360} with rotate "
                f"{self.rotate}: it is the roll of the camera itself"
            )

    def _check_navigation(self) -> None:
        if self.nav_min_height_m >= self.nav_max_height_m:
            raise SettingError(
                f"nav.min_height_m is {self.nav_min_height_m}, expected less than "
                f"nav.max_height_m ({self.nav_max_height_m})"
            )
        if self.nav_frames_agree > self.nav_frames:
            raise SettingError(
                f"nav.frames_agree is {self.nav_frames_agree}, expected at most nav.frames "
                f"({self.nav_frames})"
            )
        if self.scan_height_band_m[0] > self.scan_height_band_m[1]:
            raise SettingError(
                f"scan.height_band_m is {self.scan_height_band_m}, expected the lower height first"
            )

    @property
    def gives_camera(self) -> bool:
        """Whether the camera is known without camera_info."""
        return bool(self.camera_calibration or self.fov_deg)

    def with_values(self, **values: Value) -> Settings:
        """Return settings with some values changed; names are those of fields or of parameters.

        Raises:
            SettingError: a name is unknown or a value is not allowed.
        """
        changes = {SPECS[name].field if name in SPECS else name: v for name, v in values.items()}
        for name in changes:
            if name not in FIELDS:
                raise SettingError(unknown_field(name))
        return replace(self, **changes)  # type: ignore[arg-type]  # checked in __post_init__

    def as_dict(self) -> dict[str, Any]:
        """Return every setting's value by the parameter's name, lists as lists."""
        values = {name: getattr(self, spec.field) for name, spec in SPECS.items()}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _spec(declared: Field[Any]) -> Spec:
    group, _, rest = declared.name.partition("_")
    name = f"{group}.{rest}" if group in _GROUPS else declared.name
    default: Any = declared.default
    return Spec(name=name, default=default, **declared.metadata)


_SPECS = [_spec(declared) for declared in fields(Settings)]

SPECS: dict[str, Spec] = {spec.name: spec for spec in _SPECS}
"""Every setting's declaration by the parameter's name, in the order of the declarations."""

FIELDS: dict[str, Spec] = {spec.field: spec for spec in _SPECS}
"""The same by the field's name."""

_FORMER: dict[str, str] = {
    **{spec.field: spec.name for spec in _SPECS if spec.field != spec.name},
    **{f"edge_{rest}": f"edges.{rest}" for rest in ("filter", "step", "radius_px")},
    **{rest: f"grin.{rest}" for rest in ("steps", "samples", "seed", "query_stride", "carry")},
}


def split(
    values: Mapping[str, Any], shared: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings among parameters, and a warning for each name that is not a setting.

    There is no warning for ROS's own parameters.

    Args:
        values: of the parameters, by name.
        shared: names that may belong to another node, see shared_names().

    Raises:
        SettingError: a name that is not shared is that of a setting before it got a group.
    """
    for name in values:
        if name in _FORMER and name not in shared:
            raise SettingError(unknown_setting(name))
    ours = {name: value for name, value in values.items() if name in SPECS}
    # YAML's keys may be of any type.
    others = [name for name in map(str, values) if name not in SPECS]
    others = [name for name in others if not _ROS_PARAMETER.fullmatch(name)]
    return ours, [unknown_setting(name) for name in others]


def unknown_setting(name: str) -> str:
    """Return the error message for a name that is not a parameter's."""
    if name in _FORMER:
        return f"setting '{name}' is now called '{_FORMER[name]}'"
    return unknown("setting", name, SPECS, "`depth_ros settings`")


def unknown_field(name: str) -> str:
    """Return the error message for a keyword that is not a setting."""
    if name in _FORMER:
        return f"setting '{name}' is now called '{SPECS[_FORMER[name]].field}'"
    return unknown("setting", name, FIELDS, "`depth_ros settings`")
