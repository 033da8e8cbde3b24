"""Every setting of the pipeline and the node, declared once.

The node's parameters, config/depth_ros.yaml, the launch arguments of the same names and the
README's table are generated from these declarations or tested against them.
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
        "Name in `depth_ros models`, a checkpoint's folder, an exported .onnx file, or a hub id.",
    )
    weights: str = _setting(
        "", "Folder with the weights of the model named, instead of the hub; empty: the hub."
    )
    runtime: str = _setting(
        "auto",
        "What executes the network; auto: onnxruntime for an .onnx file, torch for all others.",
        choices=("auto", "torch", "onnxruntime"),
    )
    providers: str = _setting(
        "auto",
        "Of onnxruntime: some of tensorrt, cuda, cpu in the order in which they are to be asked, "
        "with commas between them; auto: cuda on a CUDA device, else cpu. What is asked for must "
        "exist.",
    )
    device: str = _setting(
        "auto", "auto (CUDA where there is one), cpu, cuda or cuda:N; what is asked for must exist."
    )
    dtype: str = _setting(
        "float32",
        "Precision of the network's weights and activations; an .onnx file has its own.",
        choices=("float32", "float16", "bfloat16"),
    )
    compile: str = _setting(
        "auto",
        "Compile a network of torch with torch.compile, for each size of image anew, up to eight: "
        "true before the first answer, which takes a minute and needs a C++ compiler, or Triton on "
        "CUDA; auto on CUDA alone, while frames are answered without.",
        choices=("auto", "true", "false"),
    )
    threads: int = _setting(
        0,
        "Threads of the CPU for the network; 0: one core is left for ROS, where there are three or "
        "more.",
        low=0,
        high=1024,
    )
    image_fit: str = _setting(
        "auto",
        "How an image of another aspect ratio than the network's input is brought to it: warp; "
        "minimal or lower_bound keep the aspect ratio, with as little scaling as possible or no "
        "side smaller than its size; auto: as the models table says.",
        choices=("auto", "warp", "minimal", "lower_bound"),
    )
    flip: bool = _setting(
        False,
        "Average with the mirrored image, as ZoeDepth's own evaluation does, at twice the cost.",
    )
    steps: int = _setting(
        0,
        "Of models that denoise (GRIN): steps of the sampler; 0: as many as the weights say, or "
        "half of that with carry.",
        low=0,
        high=1000,
        live=True,
    )
    samples: int = _setting(
        0,
        "Of models that denoise: samples whose median is the depth; two or more give confidence; "
        "0: as many as the weights say.",
        low=0,
        high=64,
        live=True,
    )
    seed: int = _setting(
        0, "Of models that denoise: which noise they start from.", low=0, high=2**31 - 1, live=True
    )
    query_stride: int = _setting(
        0,
        "Of models that denoise: ask for every n-th pixel and row, and interpolate between them; "
        "0: as coarsely as the weights say.",
        unit="px",
        low=0,
        high=64,
        live=True,
    )
    carry: bool = _setting(
        False,
        "Of models that denoise: start from the depth of the frame before, which saves steps and "
        "calms depth down.",
        live=True,
    )
    image_rectified: bool = _setting(
        False, "The image is already rectified: use P of camera_info and no distortion."
    )
    rotate: int = _setting(
        0,
        "How far the image is to be turned clockwise to be upright, as the network wants it: 180 "
        "for a camera that hangs upside down. Outputs stay on the image's own pixels.",
        unit="deg",
        low=0,
        high=270,
        choices=(0, 90, 180, 270),
    )
    untyped_order: str = _setting(
        "unknown",
        "Order of the colours in images of 8UC3 and 8UC4, which do not say it; unknown: these are "
        "refused.",
        choices=("unknown", "bgr", "rgb"),
    )
    max_image_pixels: int = _setting(
        50_000_000,
        "Compressed images whose header says that they are larger are refused before they are "
        "decoded.",
        unit="px",
        low=1,
        high=2**31 - 1,
    )
    image_transport: str = _setting(
        "auto",
        "What comes on image: raw (Image) or compressed (CompressedImage); auto: what is published "
        "there.",
        choices=("auto", "raw", "compressed"),
    )
    camera_calibration: str = _setting(
        "",
        "File of a calibration, as camera_calibration writes it, instead of camera_info; empty: "
        "none.",
    )
    fov_deg: float = _setting(
        0.0,
        "Horizontal field of view instead of camera_info, without distortion: a guess, and depth "
        "is as wrong as it is; 0: none.",
        unit="deg",
        low=0.0,
        high=179.0,
    )
    camera_info_scale: bool = _setting(
        False, "Rescale a camera_info or calibration that is for another size of the same aspect."
    )
    depth_encoding: str = _setting(
        "32FC1",
        "Encoding of depth/image: metres with NaN and +inf, or millimetres with 0 for both.",
        choices=("32FC1", "16UC1"),
    )
    autostart: bool = _setting(
        True, "Configure and activate at start; false leaves that to a lifecycle manager."
    )
    cameras: tuple[str, ...] = _setting(
        ("",),
        "Names of several cameras that share the network, each with the topics below its name; "
        'none, or "": one camera, on image and camera_info.',
    )
    stale_after_s: float = _setting(
        2.0,
        "Diagnostics warn when no image or camera_info came for so long.",
        unit="s",
        low=0.1,
        high=3600.0,
    )
    focal_correction: bool = _setting(
        True,
        "Scale metres by camera over training focal length where the model knows the latter.",
        live=True,
    )
    scale_mode: str = _setting(
        "model",
        "Whose metres: the model's own, those of the ground below the camera, or those of anchors, "
        "points that another sensor measured.",
        choices=("model", "ground", "anchors"),
    )
    scale_filter: bool = _setting(
        True,
        "Smooth scale and shift over time; say false for a model that scales each image anew.",
        live=True,
    )
    scale_max_age_s: float = _setting(
        5.0,
        "How long the last good scale stands in where ground or anchors cannot be seen.",
        unit="s",
        low=0.0,
        high=3600.0,
        live=True,
    )
    scale_steady_s: float = _setting(
        0.0,
        "Take out how a metric model's own scale wobbles from frame to frame, by its scale over "
        "about so long, 0.5 for instance; 0: leave it.",
        unit="s",
        low=0.0,
        high=60.0,
        live=True,
    )
    extrinsics: str = _setting(
        "tf",
        "Where the camera and the anchors' sensor sit: TF, or the parameters below.",
        choices=("tf", "parameters"),
    )
    ground_frame: str = _setting(
        "",
        "With extrinsics from tf: a frame whose z points up, on the ground or ground_offset_m "
        "above it; empty: base_footprint, else base_link.",
    )
    ground_offset_m: float = _setting(
        0.0,
        "How far ground_frame's origin is above the ground: of base_link, its height over where "
        "the wheels touch; base_footprint is on the ground.",
        unit="m",
        low=-10.0,
        high=10.0,
        live=True,
    )
    camera_height_m: float = _setting(
        0.5,
        "Height of the camera over the ground.",
        unit="m",
        low=0.01,
        high=1000.0,
        live=True,
    )
    camera_pitch_deg: float = _setting(
        0.0, "How far the camera looks down.", unit="deg", low=-90.0, high=90.0, live=True
    )
    camera_roll_deg: float = _setting(
        0.0,
        "How far the camera is rolled clockwise.",
        unit="deg",
        low=-180.0,
        high=180.0,
        live=True,
    )
    anchors_type: str = _setting(
        "points",
        "What comes on anchors: PointCloud2, LaserScan, or a depth image with its camera_info.",
        choices=("points", "scan", "depth"),
    )
    anchors_pose: tuple[float, ...] = _setting(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        "The anchors' sensor in the camera's axes x ahead, y left, z up: x y z [m], "
        "roll pitch yaw [rad]; a depth image is taken by a camera that looks along x.",
        low=-1000.0,
        high=1000.0,
        live=True,
    )
    anchors_max_age_s: float = _setting(
        0.25,
        "Most time between an image and the anchors that it is compared with.",
        unit="s",
        low=0.0,
        high=60.0,
        live=True,
    )
    anchors_field: bool = _setting(
        True,
        "Correct what scale and shift leave, as it varies over the image and over depth, where "
        "anchors that were left out confirm it.",
        live=True,
    )
    min_depth_m: float = _setting(
        0.0, "Nearer depth is no estimate (NaN).", unit="m", low=0.0, high=1000.0, live=True
    )
    max_depth_m: float = _setting(
        0.0,
        "Depth from here on is beyond range (+inf); 0 leaves it to the model's own range.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    edge_filter: str = _setting(
        "points",
        "Remove what floats between foreground and background: from points, or from the depth "
        "image too.",
        choices=("off", "points", "image"),
        live=True,
    )
    edge_step: float = _setting(
        0.025,
        "Relative step of inverse depth, against what its neighbours foretell, that is an edge.",
        low=0.001,
        high=1.0,
        live=True,
    )
    edge_radius_px: int = _setting(
        0,
        "How far away an edge's neighbours are; 0: as far as the network's output is enlarged.",
        unit="px",
        low=0,
        high=64,
        live=True,
    )
    min_confidence: float = _setting(
        0.0,
        "Points whose confidence is less are left out; needs samples of two or more.",
        low=0.0,
        high=1.0,
        live=True,
    )
    publish_points: bool = _setting(True, "Publish points to those who subscribe.", live=True)
    points_colour: bool = _setting(True, "Points carry the image's colour (field rgb).", live=True)
    points_organised: bool = _setting(
        False,
        "One point per pixel with NaN for none, instead of the finite points only.",
        live=True,
    )
    beyond_range: str = _setting(
        "drop",
        "What is beyond range in points: nothing, or points where range ends, so that a costmap is "
        "cleared up to there; it must mark nothing at that distance (obstacle_max_range).",
        choices=("drop", "max"),
        live=True,
    )
    stride: int = _setting(
        1, "Use every n-th pixel and row for points.", unit="px", low=1, high=64, live=True
    )
    nav_range_m: float = _setting(
        3.0,
        "Of points/nav and a scan by heights: what is farther from the camera is beyond range; 0: "
        "where depth's own range ends.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    nav_voxel_m: float = _setting(
        0.05,
        "Of points/nav: side of the voxels that give one point each, their mean; 0: every point.",
        unit="m",
        low=0.0,
        high=10.0,
        live=True,
    )
    nav_min_height_m: float = _setting(
        0.05,
        "Of points/nav: what is lower over the ground, plus the margin for what is uncertain, is "
        "floor.",
        unit="m",
        low=-10.0,
        high=10.0,
        live=True,
    )
    nav_max_height_m: float = _setting(
        1.8,
        "Of points/nav: what is higher over the ground is left out, because the robot passes below "
        "it.",
        unit="m",
        low=0.0,
        high=100.0,
        live=True,
    )
    nav_tilt_deg: float = _setting(
        1.0,
        "Of points/nav: how far the mount's angles may be wrong, as one standard deviation: the "
        "floor's margin grows by it with distance.",
        unit="deg",
        low=0.0,
        high=45.0,
        live=True,
    )
    nav_contact: bool = _setting(
        True,
        "Of points/nav and a scan by heights: correct the distance of what stands on the floor by "
        "where in the image it does, where the ground is known.",
        live=True,
    )
    nav_sigmas: float = _setting(
        2.0,
        "How many standard deviations of depth the floor's margin is wide, and depths of several "
        "frames may differ by and still agree.",
        low=0.0,
        high=10.0,
        live=True,
    )
    nav_floor: str = _setting(
        "keep",
        "Of points/nav: the floor, which is put to the height of 0 that it has, so that it clears "
        "and marks nothing above min_obstacle_height; or none.",
        choices=("keep", "drop"),
        live=True,
    )
    nav_max_uncertainty_m: float = _setting(
        0.0,
        "Of points/nav: obstacles whose distance is less certain than this, as one standard "
        "deviation, are left out; 0: none is.",
        unit="m",
        low=0.0,
        high=1000.0,
        live=True,
    )
    nav_neighbours: int = _setting(
        3,
        "Of points/nav: obstacles with fewer points within nav_neighbour_radius_m, of the 24 "
        "pixels around, are left out; 0: none is.",
        low=0,
        high=24,
        live=True,
    )
    nav_neighbour_radius_m: float = _setting(
        0.15, "See nav_neighbours.", unit="m", low=0.001, high=100.0, live=True
    )
    nav_frames: int = _setting(
        4,
        "Of points/nav: how many frames in a row, this one among them, are compared in "
        "nav_odom_frame; 1: none is.",
        low=1,
        high=32,
        live=True,
    )
    nav_frames_agree: int = _setting(
        2,
        "Of points/nav: in so many of nav_frames an obstacle is to be seen where it is, and in "
        "more than see through it; 1: in this one.",
        low=1,
        high=32,
        live=True,
    )
    nav_odom_frame: str = _setting(
        "odom",
        "Frame of TF that stays where it is while the robot moves, for nav_frames; empty, or where "
        "TF does not have it: frames are not compared.",
    )
    scan_height_band_m: tuple[float, ...] = _setting(
        (0.0, 0.0),
        "Of scan: lowest and highest height over the ground that it looks at; two equal heights: "
        "the image's row at the optical axis.",
        unit="m",
        low=-100.0,
        high=100.0,
        live=True,
    )
    scan_frame: str = _setting(
        "",
        "Of scan without a height band, or without TF: its frame, at the camera with x ahead; "
        "empty: the image's without _optical.",
    )
    colour_map: str = _setting(
        "turbo",
        "Colours of depth/color, over inverse depth.",
        choices=("turbo", "magma", "inferno", "viridis"),
        live=True,
    )
    colour_range: str = _setting(
        "fixed",
        "Range of depth/color: colour_near_m to colour_far_m, or percentiles of each image.",
        choices=("fixed", "percentiles"),
        live=True,
    )
    colour_near_m: float = _setting(
        0.5,
        "Depth with the brightest colour of depth/color.",
        unit="m",
        low=0.01,
        high=1000.0,
        live=True,
    )
    colour_far_m: float = _setting(
        10.0,
        "Depth with the darkest colour of depth/color.",
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

        self._check_navigation()
        if (
            len(self.cameras) > 1
            and self.scale_mode == "anchors"
            and self.extrinsics == "parameters"
        ):
            raise SettingError(
                f"extrinsics is 'parameters', expected 'tf' for {len(self.cameras)} cameras: one "
                "anchors_pose is that of one camera"
            )

    def _check_navigation(self) -> None:
        if self.nav_min_height_m >= self.nav_max_height_m:
            raise SettingError(
                f"nav_min_height_m is {self.nav_min_height_m}, expected less than "
                f"nav_max_height_m ({self.nav_max_height_m})"
            )
        if self.nav_frames_agree > self.nav_frames:
            raise SettingError(
                f"nav_frames_agree is {self.nav_frames_agree}, expected at most nav_frames "
                f"({self.nav_frames})"
            )
        if self.scan_height_band_m[0] > self.scan_height_band_m[1]:
            raise SettingError(
                f"scan_height_band_m is {self.scan_height_band_m}, expected the lower height first"
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


def to_markdown() -> str:
    """Return the README's table of parameters."""
    lines = ["| parameter | default | allowed | live | meaning |", "|---|---|---|---|---|"]
    for spec in SPECS.values():
        lines.append(
            f"| `{spec.name}` | `{_yaml_value(spec.default)}` | {_allowed(spec)} | "
            f"{'yes' if spec.live else 'no'} | {spec.help} |"
        )
    return "\n".join(lines) + "\n"
