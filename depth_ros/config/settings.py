"""Every setting of the pipeline and the node, declared once.

The node's parameters, config/depth_ros.yaml, the launch arguments of the same names and the
reference in docs/ are generated from these declarations or tested against them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any

from depth_ros.errors import SettingError
from depth_ros.nearest import unknown

Value = bool | int | float | str | tuple[float, ...] | tuple[str, ...]

# Parts of a topic's name, as ROS allows them.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")


# A camera that is rolled by less has an image of which another quarter is nearer to upright.
_ROLL_OF_QUARTERS_DEG = 45.0
_BOOLEANS = {"false": False, "off": False, "no": False, "true": True, "on": True, "yes": True}
# What a file of parameters may say to any node, and rclpy reads.
_OF_ROS = re.compile(r"use_sim_time|start_type_description_service|qos_overrides\..*")


@dataclass(frozen=True)
class Spec:
    """What may be said of one setting.

    Attributes:
        name: the ROS parameter's name.
        default: the value when nothing is said; its type is the setting's type.
        help: one sentence.
        unit: SI unit, or empty.
        low, high: inclusive range of a number, or of every number of a list.
        choices: the words or numbers that are allowed, where not every one is.
        live: whether it can change while the node runs.
    """

    name: str
    default: Value
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str | int, ...] = ()
    live: bool = False

    def cast(self, value: Any) -> Any:
        """Return a value of YAML in the setting's type, where it says the same in another one.

        Whole numbers stand for floating-point ones. YAML 1.1, which ROS reads, has off and on as
        false and true; YAML 1.2, which others read, has them as words.
        """
        if isinstance(self.default, tuple):
            listed = isinstance(self.default[0], float) and isinstance(value, Iterable)
            if listed and all(type(each) in (int, float) for each in value):
                return tuple(map(float, value))
            return value
        if isinstance(self.default, float) and type(value) is int:
            return float(value)
        if isinstance(self.default, bool) and isinstance(value, str):
            return _BOOLEANS.get(value.lower(), value)
        if self.choices and isinstance(value, bool):
            words = [word for word, meaning in _BOOLEANS.items() if meaning is value]
            return next((word for word in words if word in self.choices), value)
        return value

    def check(self, value: object) -> Value:
        """Return the value in the setting's type, see cast().

        Raises:
            SettingError: wrong type, out of range, or not one of the choices.
        """
        if isinstance(self.default, tuple):
            if isinstance(self.default[0], str):
                return self._check_names(value)
            return self._check_list(value, len(self.default))
        value, wanted = self.cast(value), type(self.default)
        if self.choices and value not in self.choices:
            raise SettingError(
                f"{self.name} is {value!r}, expected one of {', '.join(map(str, self.choices))}"
            )
        if type(value) is not wanted:
            raise SettingError(f"{self.name} is {value!r}, expected {wanted.__name__}")
        if isinstance(value, (int, float)) and not self._inside(value):
            raise SettingError(
                f"{self.name} is {value}, expected {self.low} to {self.high} {self.unit}".rstrip()
            )
        return value

    def _check_list(self, value: Any, length: int) -> tuple[float, ...]:
        try:
            numbers = tuple(float(number) for number in value)
        except (TypeError, ValueError):
            numbers = ()
        if len(numbers) != length or not all(map(self._inside, numbers)):
            raise SettingError(
                f"{self.name} is {value!r}, expected {length} numbers of {self.low} to {self.high}"
            )
        return numbers

    def _check_names(self, value: Any) -> Value:
        """Return different names of topics; an empty list is the default."""
        names = tuple(value) if isinstance(value, (list, tuple)) else ()
        if names in ((), self.default) and not isinstance(value, str):
            return self.default
        valid = all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
        if not names or not valid or len(set(names)) < len(names):
            raise SettingError(
                f"{self.name} is {value!r}, expected a list of different names as topics have them"
            )
        return names

    def _inside(self, value: float) -> bool:
        # Written so that NaN is outside of every range.
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def _setting(default: Value, help: str, **facts: Any) -> Any:
    return field(default=default, metadata={"help": help, **facts})


@dataclass(frozen=True)
class Settings:
    """The settings of one pipeline and the node around it; see each field's help.

    Raises:
        SettingError: a value is of the wrong type or out of its range, or two contradict.
    """

    model: str = _setting(
        "zoedepth-lite",
        "Model name from `depth_ros models`, folder of a checkpoint, exported .onnx file, or "
        "hub id.",
    )
    weights: str = _setting(
        "", "Folder with the weights of the named model; empty: load them from the hub."
    )
    runtime: str = _setting(
        "auto",
        "Library that runs the network; auto: onnxruntime for an .onnx file, otherwise torch.",
        choices=("auto", "torch", "onnxruntime"),
    )
    providers: str = _setting(
        "auto",
        "ONNX Runtime execution providers in priority order, separated by commas: tensorrt, "
        "cuda, cpu; auto: cuda on a CUDA device, otherwise cpu. Fails if a provider is "
        "unavailable.",
    )
    device: str = _setting(
        "auto", "auto (CUDA if available), cpu, cuda or cuda:N. Fails if the device is unavailable."
    )
    dtype: str = _setting(
        "float32",
        "Precision of the network's weights and activations; an .onnx file has its own.",
        choices=("float32", "float16", "bfloat16"),
    )
    compile: str = _setting(
        "auto",
        "torch.compile, once for each image size (up to eight sizes). true: compile before the "
        "first answer, which takes about a minute and needs a C++ compiler, or Triton on CUDA. "
        "auto: on CUDA only, in the background while frames are answered uncompiled.",
        choices=("auto", "true", "false"),
    )
    threads: int = _setting(
        0,
        "CPU threads for the network; 0: all cores, minus one for ROS if there are three or more.",
        low=0,
        high=1024,
    )
    image_fit: str = _setting(
        "auto",
        "How an image whose aspect ratio differs from the network's input is resized. warp: "
        "stretch it; minimal: keep the aspect ratio and scale as little as possible; "
        "lower_bound: keep the aspect ratio, no side smaller than the input; auto: the model's "
        "own method.",
        choices=("auto", "warp", "minimal", "lower_bound"),
    )
    flip: bool = _setting(
        False,
        "Average with the depth of the mirrored image, as in ZoeDepth's evaluation; doubles the "
        "run time.",
    )
    steps: int = _setting(
        0,
        "Denoising models (GRIN): number of sampler steps; 0: the checkpoint's default, or half "
        "of it with carry.",
        low=0,
        high=1000,
        live=True,
    )
    samples: int = _setting(
        0,
        "Denoising models: number of samples; depth is their median. Two or more also give "
        "confidence. 0: the checkpoint's default.",
        low=0,
        high=64,
        live=True,
    )
    seed: int = _setting(0, "Denoising models: noise seed.", low=0, high=2**31 - 1, live=True)
    query_stride: int = _setting(
        0,
        "Denoising models: estimate every n-th pixel and row and interpolate between them; 0: "
        "the checkpoint's default.",
        unit="px",
        low=0,
        high=64,
        live=True,
    )
    carry: bool = _setting(
        False,
        "Denoising models: start from the depth of the previous frame, which saves steps and "
        "reduces flicker.",
        live=True,
    )
    image_rectified: bool = _setting(
        False, "The image is already rectified: use P of camera_info and ignore distortion."
    )
    rotate: int = _setting(
        0,
        "Clockwise rotation that makes the image upright for the network: 180 for a camera that "
        "is mounted upside down. Outputs keep the orientation of the original image.",
        unit="deg",
        low=0,
        high=270,
        choices=(0, 90, 180, 270),
    )
    untyped_order: str = _setting(
        "unknown",
        "Channel order of 8UC3 and 8UC4 images, whose encoding does not define it; unknown: "
        "refuse such images.",
        choices=("unknown", "bgr", "rgb"),
    )
    max_image_pixels: int = _setting(
        50_000_000,
        "Refuse compressed images larger than this before decoding them.",
        unit="px",
        low=1,
        high=2**31 - 1,
    )
    image_transport: str = _setting(
        "auto",
        "Type of the image topic: raw (Image), compressed (CompressedImage), or auto (the type "
        "that is published).",
        choices=("auto", "raw", "compressed"),
    )
    camera_calibration: str = _setting(
        "",
        "Calibration file written by camera_calibration, used instead of camera_info; empty: none.",
    )
    fov_deg: float = _setting(
        0.0,
        "Horizontal field of view, used instead of camera_info and without distortion. If it is "
        "a guess, depth is off by the same factor. 0: unused.",
        unit="deg",
        low=0.0,
        high=179.0,
    )
    camera_info_scale: bool = _setting(
        False,
        "Rescale a camera_info or calibration that was made for another image size of the same "
        "aspect ratio.",
    )
    depth_encoding: str = _setting(
        "32FC1",
        "Encoding of depth/image. 32FC1: metres, NaN and +inf; 16UC1: millimetres, 0 for no "
        "estimate and for beyond range.",
        choices=("32FC1", "16UC1"),
    )
    autostart: bool = _setting(
        True, "Configure and activate at start; false: leave this to a lifecycle manager."
    )
    cameras: tuple[str, ...] = _setting(
        ("",),
        "Names of cameras that share one network; each has its topics below its name. Empty: "
        "one camera, on image and camera_info.",
    )
    stale_after_s: float = _setting(
        2.0,
        "Diagnostics warn if no image or camera_info arrives for this long.",
        unit="s",
        low=0.1,
        high=3600.0,
    )
    focal_correction: bool = _setting(
        True,
        "Multiply metric depth by the ratio of the camera's focal length to that of the "
        "training camera, if the model has one.",
        live=True,
    )
    scale_mode: str = _setting(
        "model",
        "Source of the metric scale: the model itself, the ground plane below the camera, or "
        "anchors (points from another sensor).",
        choices=("model", "ground", "anchors"),
    )
    scale_filter: bool = _setting(
        True,
        "Filter scale and shift over time; set false for a model that scales each image "
        "independently.",
        live=True,
    )
    scale_max_age_s: float = _setting(
        5.0,
        "Maximum scale age: how long the last valid scale is used while no ground or anchors "
        "are visible.",
        unit="s",
        low=0.0,
        high=3600.0,
        live=True,
    )
    scale_steady_s: float = _setting(
        0.0,
        "Time constant that removes frame-to-frame scale jitter of a metric model, for example "
        "0.5; 0: off.",
        unit="s",
        low=0.0,
        high=60.0,
        live=True,
    )
    extrinsics: str = _setting(
        "tf",
        "Source of the poses of the camera and of the anchors' sensor: TF, or the parameters "
        "below.",
        choices=("tf", "parameters"),
    )
    ground_frame: str = _setting(
        "",
        "With extrinsics tf: frame with z up that lies on the ground, or ground_offset_m above "
        "it; empty: base_footprint, or base_link if there is none.",
    )
    ground_offset_m: float = _setting(
        0.0,
        "Height of ground_frame's origin above the ground. For base_link: its height above the "
        "wheels' contact points; for base_footprint: 0.",
        unit="m",
        low=-10.0,
        high=10.0,
        live=True,
    )
    camera_height_m: float = _setting(
        0.5,
        "With extrinsics parameters: height of the camera above the ground.",
        unit="m",
        low=0.01,
        high=1000.0,
        live=True,
    )
    camera_pitch_deg: float = _setting(
        0.0,
        "With extrinsics parameters: pitch of the camera, positive downwards.",
        unit="deg",
        low=-90.0,
        high=90.0,
        live=True,
    )
    camera_roll_deg: float = _setting(
        0.0,
        "With extrinsics parameters: roll of the camera, positive clockwise; 180 if it is mounted "
        "upside down, together with rotate.",
        unit="deg",
        low=-180.0,
        high=180.0,
        live=True,
    )
    anchors_type: str = _setting(
        "points",
        "Message type on anchors: PointCloud2, LaserScan, or a depth image with its camera_info.",
        choices=("points", "scan", "depth"),
    )
    anchors_pose: tuple[float, ...] = _setting(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        "With extrinsics parameters: pose of the anchors' sensor in the camera's axes x "
        "forward, y left, z up: x y z [m], roll pitch yaw [rad]. For a depth image: the pose of "
        "its camera, which looks along x.",
        low=-1000.0,
        high=1000.0,
        live=True,
    )
    anchors_max_age_s: float = _setting(
        0.25,
        "Maximum time between an image and the anchors used for it.",
        unit="s",
        low=0.0,
        high=60.0,
        live=True,
    )
    anchors_field: bool = _setting(
        True,
        "Also correct errors that vary over the image and over depth and that one scale and "
        "shift cannot correct. Applied only if held-out anchors confirm the improvement.",
        live=True,
    )
    min_depth_m: float = _setting(
        0.0,
        "Depth below this becomes NaN (no estimate).",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    max_depth_m: float = _setting(
        0.0,
        "Depth from here on becomes +inf (beyond range); 0: use the model's own range.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    edge_filter: str = _setting(
        "points",
        "Remove flying pixels between foreground and background: off, from points only, or from "
        "points and the depth image.",
        choices=("off", "points", "image"),
        live=True,
    )
    edge_step: float = _setting(
        0.025,
        "Relative step of inverse depth that counts as an edge, compared with the value "
        "extrapolated from the neighbours.",
        low=0.001,
        high=1.0,
        live=True,
    )
    edge_radius_px: int = _setting(
        0,
        "Distance of the neighbours that edge_filter extrapolates from; 0: from the ratio of the "
        "image's to the network's size.",
        unit="px",
        low=0,
        high=64,
        live=True,
    )
    min_confidence: float = _setting(
        0.0,
        "Drop points below this confidence; needs samples of two or more.",
        low=0.0,
        high=1.0,
        live=True,
    )
    publish_points: bool = _setting(True, "Publish points if there are subscribers.", live=True)
    points_colour: bool = _setting(True, "Add the image's colour to points (field rgb).", live=True)
    points_organised: bool = _setting(
        False,
        "Publish one point per pixel, NaN where there is no depth, instead of finite points only.",
        live=True,
    )
    beyond_range: str = _setting(
        "drop",
        "Pixels beyond range in points. drop: no point; max: a point at the maximum range, so "
        "that a costmap clears up to there. With max, keep the costmap's obstacle_max_range "
        "below it.",
        choices=("drop", "max"),
        live=True,
    )
    stride: int = _setting(
        1, "Use every n-th pixel and row for points.", unit="px", low=1, high=64, live=True
    )
    colour_map: str = _setting(
        "turbo",
        "Colour map of depth/color, over inverse depth.",
        choices=("turbo", "magma", "inferno", "viridis"),
        live=True,
    )
    colour_range: str = _setting(
        "fixed",
        "Range of depth/color. fixed: colour_near_m to colour_far_m; percentiles: those of each "
        "image.",
        choices=("fixed", "percentiles"),
        live=True,
    )
    colour_near_m: float = _setting(
        0.5,
        "Depth of the brightest colour in depth/color.",
        unit="m",
        low=0.01,
        high=1000.0,
        live=True,
    )
    colour_far_m: float = _setting(
        10.0,
        "Depth of the darkest colour in depth/color.",
        unit="m",
        low=0.01,
        high=1000.0,
        live=True,
    )

    def __post_init__(self) -> None:
        for spec in SPECS.values():
            object.__setattr__(self, spec.name, spec.check(getattr(self, spec.name)))
        if self.colour_near_m >= self.colour_far_m:
            raise SettingError(
                f"colour_near_m is {self.colour_near_m}, expected less than colour_far_m "
                f"({self.colour_far_m})"
            )
        if self.camera_calibration and self.fov_deg:
            raise SettingError(
                f"camera_calibration is '{self.camera_calibration}' and fov_deg {self.fov_deg:g}, "
                "expected one of them"
            )
        if 0 < self.max_depth_m <= self.min_depth_m:
            raise SettingError(
                f"max_depth_m is {self.max_depth_m}, expected 0 or more than min_depth_m "
                f"({self.min_depth_m})"
            )
        self._check_roll()
        if (
            len(self.cameras) > 1
            and self.scale_mode == "anchors"
            and self.extrinsics == "parameters"
        ):
            raise SettingError(
                f"extrinsics is 'parameters', expected 'tf' for {len(self.cameras)} cameras: one "
                "anchors_pose is that of one camera"
            )

    def _check_roll(self) -> None:
        """Refuse a roll that contradicts rotate: the ground would be looked for where it is not."""
        if not self.rotate or self.scale_mode != "ground" or self.extrinsics != "parameters":
            return
        apart_deg = abs((self.camera_roll_deg - self.rotate + 180) % 360 - 180)
        if apart_deg > _ROLL_OF_QUARTERS_DEG:
            raise SettingError(
                f"camera_roll_deg is {self.camera_roll_deg:g}, expected about "
                f"{self.rotate if self.rotate <= 180 else self.rotate - 360} with rotate "
                f"{self.rotate}: it is that of the camera itself, which hangs so"
            )

    @property
    def gives_camera(self) -> bool:
        """Whether the camera is known without camera_info."""
        return bool(self.camera_calibration or self.fov_deg)

    def with_values(self, **values: Value) -> Settings:
        """Return settings with some values changed.

        Raises:
            SettingError: a name is unknown or a value is not allowed.
        """
        for name in values:
            if name not in SPECS:
                raise SettingError(unknown_setting(name))
        return replace(self, **values)  # type: ignore[arg-type]  # checked in __post_init__

    def as_dict(self) -> dict[str, Any]:
        """Return every setting's value by name, lists as lists."""
        values = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _spec(declared: Field[Any]) -> Spec:
    default: Any = declared.default
    return Spec(name=declared.name, default=default, **declared.metadata)


SPECS: dict[str, Spec] = {declared.name: _spec(declared) for declared in fields(Settings)}
"""Every setting's declaration by name, in the order of the declarations."""


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings in what a file says, and a warning for each name that is none.

    Such a name may be another node's, where the file is for all nodes; ROS's own are left out.
    """
    ours = {name: value for name, value in values.items() if name in SPECS}
    others = [name for name in values if name not in SPECS and not _OF_ROS.fullmatch(name)]
    return ours, [unknown_setting(name) for name in others]


def unknown_setting(name: str) -> str:
    """Return what is to be said of a name that no setting has."""
    return unknown("setting", name, SPECS, "`depth_ros settings`")


def _yaml_value(value: Value) -> str:
    if isinstance(value, tuple):
        return json.dumps(list(value))
    if value == "":
        return '""'
    return str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(spec: Spec) -> str:
    if spec.choices:
        return ", ".join(map(str, spec.choices))
    if isinstance(spec.default, tuple):
        return "names" if isinstance(spec.default[0], str) else f"{len(spec.default)} numbers"
    if spec.low is None:
        return type(spec.default).__name__
    return f"{spec.low:g} to {spec.high:g} {spec.unit}".rstrip()


def to_yaml() -> str:
    """Return config/depth_ros.yaml: every setting at its default, with its help as comment."""
    lines = [
        "# Generated by `depth_ros settings`: the defaults of every parameter of the node.",
        "/**:",
        "  ros__parameters:",
    ]
    for spec in SPECS.values():
        when = "live" if spec.live else "fixed at start"
        lines += [
            f"    # {spec.help} [{_allowed(spec)}; {when}]",
            f"    {spec.name}: {_yaml_value(spec.default)}",
        ]
    return "\n".join(lines) + "\n"


def to_markdown(specs: Iterable[Spec] | None = None) -> str:
    """Return settings, all of them if none are given, as a Markdown table."""
    lines = ["| parameter | default | allowed | live | meaning |", "|---|---|---|---|---|"]
    for spec in SPECS.values() if specs is None else specs:
        lines.append(
            f"| `{spec.name}` | `{_yaml_value(spec.default)}` | {_allowed(spec)} | "
            f"{'yes' if spec.live else 'no'} | {spec.help} |"
        )
    return "\n".join(lines) + "\n"
