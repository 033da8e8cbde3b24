"""Add depth, and points, scans or colours, to recordings: every frame, whatever the machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_ros.cli import arguments, exit_codes
from depth_ros.errors import SettingError

if TYPE_CHECKING:
    from depth_ros.bag.convert import Summary, Watcher
    from depth_ros.bag.options import Options
    from depth_ros.config import Settings, Value
    from depth_ros.look.panel import Range
    from depth_ros.pipeline import Pipeline

HELP = "add depth to recordings, frame by frame"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "sources",
        type=arguments.path,
        nargs="+",
        metavar="IN",
        help="rosbag2 folder, .mcap, .db3 or .bag; with --ray patterns",
    )
    parser.add_argument("out", type=arguments.path, metavar="OUT", help="folder of the new bag")
    _add_topics(parser.add_argument_group("topics"))
    _add_part(parser.add_argument_group("part of the recording"))
    _add_work(parser.add_argument_group("work"))
    _add_camera(parser.add_argument_group("the camera, where its camera_info is missing or wrong"))
    arguments.add_settings(parser.add_argument_group("settings"))
    fleet = parser.add_argument_group("fleets")
    fleet.add_argument(
        "--ray", metavar="ADDRESS", help="a bag per task on a Ray cluster; local: this machine"
    )
    fleet.add_argument(
        "--ray-gpus",
        type=arguments.number(0, 1024),
        default=0.0,
        metavar="SHARE",
        help="of a GPU per task; default: %(default)g",
    )
    look = parser.add_argument_group("previews")
    file: dict[str, Any] = {"type": arguments.path, "metavar": "FILE"}
    look.add_argument("--preview", **file, help=".mp4, .gif or .png")
    look.add_argument("--rerun", **file, help=".rrd, for the Rerun viewer")
    look.add_argument("--overwrite", action="store_true", help="replace these files if they exist")


def _add_topics(group: Any) -> None:
    topic = {"action": "append", "default": [], "metavar": "TOPIC"}
    group.add_argument(
        "--image", **topic, help="images of a camera, again and again; default: of the only one"
    )
    group.add_argument(
        "--camera-info", **topic, help="for each --image; default: camera_info beside the image"
    )
    group.add_argument(
        "--with",
        nargs="+",
        default=[],
        choices=["points", "nav", "color", "scan", "confidence", "uncertainty"],
        dest="extras",
        help="outputs beside depth/image and depth/camera_info",
    )
    group.add_argument("--only-depth", action="store_true", help="copy nothing but tf_static")
    group.add_argument("--prefix", default="", help="namespace of the outputs; default: none")
    group.add_argument(
        "--anchors",
        default="",
        metavar="TOPIC",
        help="points of another sensor, for scale_mode=anchors; default: the only ones",
    )
    group.add_argument(
        "--anchors-info",
        default="",
        metavar="TOPIC",
        help="where anchors are a depth image; default: camera_info beside it",
    )
    group.add_argument(
        "--scan-rows",
        **_count(4096),
        default=1,
        help="rows of pixels that a scan looks at; default: %(default)s",
    )
    group.add_argument(
        "--scan-frame",
        default="",
        metavar="FRAME",
        help="of scans, x ahead; default: the images', without _optical",
    )


def _add_camera(group: Any) -> None:
    group.add_argument(
        "--camera-calibration",
        default="",
        metavar="FILE",
        help="of camera_calibration; --set camera_info_scale=true rescales it",
    )
    group.add_argument(
        "--fov-deg",
        type=arguments.number(0, 179, "deg"),
        default=0.0,
        metavar="DEG",
        help="horizontal field of view in degrees, as a guess; default: none",
    )


def _add_part(group: Any) -> None:
    since: dict[str, Any] = {"metavar": "S", "type": arguments.number(0, 1e9, "s")}
    group.add_argument(
        "--start", **since, default=0.0, help="seconds from the bag's start; default: %(default)g"
    )
    group.add_argument("--end", **since, help="seconds from the bag's start; default: the bag's")
    group.add_argument(
        "--every", **_count(10**6), default=1, help="only every n-th image; default: %(default)s"
    )


def _add_work(group: Any) -> None:
    group.add_argument(
        "--storage",
        default="mcap",
        choices=["mcap", "sqlite3"],
        help="format of OUT; default: %(default)s",
    )
    for flag, most, default, what in (
        ("--batch", 256, 1, "images per run of the network"),
        ("--jobs", 256, 2, "threads that decode and encode"),
        ("--split", 10**6, 500, "images per file of OUT"),
    ):
        group.add_argument(
            flag, **_count(most), default=default, help=f"{what}; default: {default}"
        )
    group.add_argument(
        "--offload", action="store_true", help="of models that see it whole: save GPU memory"
    )
    group.add_argument("--resume", action="store_true", help="go on with an interrupted OUT")


def _count(most: int) -> dict[str, Any]:
    return {"type": arguments.whole(1, most), "metavar": "N"}


def run(options: argparse.Namespace) -> int:
    """Convert; exit code 3 when the recording is damaged and only a part of it is converted.

    Images that give no depth, because they are damaged or have no scale, are warned of only, as
    long as there are others; exit code 1 when no image gives any.
    """
    if options.ray:
        return _run_fleet(options)
    if missing := [str(source) for source in options.sources if not source.exists()]:
        raise SettingError(f"{', '.join(missing)} is not there, expected a bag")
    summary = _convert(options)
    print(_text(summary, options))
    for line in [f"damaged: {text}" for text in summary.damage] + _warnings(summary):
        print(f"depth_ros: {line}", file=sys.stderr)
    if not any(summary.answered.values()):
        frames = any(summary.frames.values())
        why = "no frame was answered" if frames else "there is no image in that part of the bag"
        print(f"depth_ros: {why}", file=sys.stderr)
        return exit_codes.FAILED
    return exit_codes.DAMAGED if summary.damage else exit_codes.DONE


def _convert(options: argparse.Namespace) -> Summary:
    from depth_ros import calibration
    from depth_ros.bag.convert import check_out, convert

    settings, chosen = given(options.params, options.set), _options(options)
    settings = settings.with_values(**_camera(options))
    check_out(options.out, chosen)  # before a network works for hours
    if told := calibration.guess(settings):
        print(f"depth_ros: {told}", file=sys.stderr)
    watchers = _watchers(options, settings)
    try:
        pipeline = _pipeline(options, settings, chosen)
    except BaseException:
        for watcher in watchers:
            watcher.close()
        raise
    return convert(options.sources, options.out, pipeline, chosen, watchers)


def _camera(options: argparse.Namespace) -> dict[str, Value]:
    """Return the settings that have flags of their own."""
    names = ("camera_calibration", "fov_deg")
    return {name: getattr(options, name) for name in names if getattr(options, name)}


def _run_fleet(options: argparse.Namespace) -> int:
    """Convert every IN by itself into a folder of OUT, on a cluster; exit code 1 if any failed."""
    from depth_ros.bag import fleet
    from depth_ros.cli.worker import convert_one

    if options.preview or options.rerun:
        raise SettingError("--preview and --rerun show one conversion, expected none with --ray")
    patterns = [str(source) for source in options.sources]
    work = (_arguments(options), convert_one, options.ray_gpus)
    summary = fleet.run(options.ray, patterns, options.out, *work)
    print(summary.table())
    return exit_codes.FAILED if summary.failed else exit_codes.DONE


def _arguments(options: argparse.Namespace) -> list[str]:
    """Return the arguments that options came from, but for those of the fleet itself."""
    own = ("sources", "out", "ray", "ray_gpus", "resume", "run")
    said: list[str] = []
    for name, value in vars(options).items():
        if name in own or value is None or value is False or value in ("", []):
            continue
        flag = "--with" if name == "extras" else f"--{name.replace('_', '-')}"
        if name == "extras":
            said += [flag, *value]
        elif value is True:
            said.append(flag)
        else:
            # One by one, with =: a value may begin with a dash.
            said += [f"{flag}={each}" for each in (value if type(value) is list else [value])]
    return said


def _pipeline(options: argparse.Namespace, settings: Settings, chosen: Options) -> Pipeline:
    """Return what makes depth: frame by frame or, by some models, of a whole recording."""
    from depth_ros import models
    from depth_ros.pipeline import Pipeline

    if models.find(settings.model, settings.weights).family not in models.CLIP_FAMILIES:
        return Pipeline.from_settings(settings)
    from depth_ros.bag import clip
    from depth_ros.runtimes.torch_runtime import choose_device

    device = str(choose_device(settings.device))
    how = models.ClipOptions(device=device, dtype=settings.dtype, offload=options.offload)
    model = models.load_clip(settings.model, settings.weights, how)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    return clip.prepare(options.sources, model, settings, chosen, options.out.parent)


def given(params: Path | None, assignments: list[str]) -> Settings:
    """Return the settings of a file of parameters, and of NAME=VALUE over them.

    Raises:
        SettingError: the file cannot be read, a name is unknown or a value not allowed.
    """
    from depth_ros.config import Settings

    settings = Settings()
    if params is not None:
        settings = settings.with_values(**_of_file(params))
    return settings.with_values(**dict(_assigned(text) for text in assignments))


def _of_file(path: Path) -> dict[str, Value]:
    """Return the settings in a file of parameters, of whatever node; warn of what is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from depth_ros.config import split

    found: dict[str, Value] = {}
    try:
        for node in YAML(typ="safe").load(path).values():
            found |= node["ros__parameters"]
    except (OSError, YAMLError, AttributeError, KeyError, TypeError) as error:
        raise SettingError(f"{path} is no file of parameters: {error}") from error
    settings, warnings = split(found)
    for warning in warnings:
        print(f"depth_ros: warning: {path}: {warning}", file=sys.stderr)
    return settings


def _assigned(text: str) -> tuple[str, Value]:
    """Return name and value of NAME=VALUE, the value in the setting's type."""
    from depth_ros.config import SPECS
    from depth_ros.nearest import unknown

    name, equals, value = text.partition("=")
    if not equals:
        raise SettingError(f"--set is '{text}', expected NAME=VALUE, such as max_depth_m=8")
    if name not in SPECS:
        raise SettingError(unknown("setting", name, SPECS, "`depth_ros settings`"))
    default = SPECS[name].default
    if isinstance(default, bool):
        if value.lower() not in ("true", "false"):
            raise SettingError(f"{name} is '{value}', expected true or false")
        return name, value.lower() == "true"
    if SPECS[name].choices and value.lower() in ("true", "false"):
        return name, value.lower() == "true"  # what YAML makes of on and off
    try:
        if isinstance(default, tuple):
            parts = [part.strip() for part in value.strip("[]()").split(",")]
            names = isinstance(default[0], str)
            return name, tuple(parts) if names else tuple(map(float, parts))
        return name, type(default)(value)
    except ValueError as error:
        raise SettingError(f"{name} is '{value}', expected {type(default).__name__}") from error


def _options(options: argparse.Namespace) -> Options:
    from depth_ros.bag.options import Options

    same = [
        *("only_depth", "prefix", "storage", "every", "batch", "jobs", "split", "resume"),
        *("scan_rows", "scan_frame", "anchors", "anchors_info"),
    ]
    return Options(
        images=tuple(options.image),
        infos=tuple(options.camera_info),
        extras=tuple(dict.fromkeys(options.extras)),
        start_s=options.start,
        end_s=options.end,
        **{name: getattr(options, name) for name in same},
    )


def _range(settings: Settings) -> Range | None:
    """Return the depths that have colours of their own: as those of depth/color."""
    from depth_ros.look.panel import Range

    fixed = settings.colour_range == "fixed"
    return Range(settings.colour_near_m, settings.colour_far_m) if fixed else None


def _watchers(options: argparse.Namespace, settings: Settings) -> list[Watcher]:
    """Return what draws while the conversion runs; its libraries are extras."""
    from depth_ros.output_paths import check_file

    for path in filter(None, (options.preview, options.rerun)):
        check_file(path, options.overwrite)
    watchers: list[Watcher] = []
    if options.preview:
        from depth_ros.look import preview

        watchers.append(preview.Preview(options.preview, _range(settings)))
    if options.rerun:
        from depth_ros.look import rerun_log

        watchers.append(rerun_log.RerunLog(options.rerun))
    return watchers


def _text(summary: Summary, options: argparse.Namespace) -> str:
    lines = [
        f"{name or 'camera'}: {summary.answered.get(name, 0)} of {frames} frames answered"
        for name, frames in summary.frames.items()
    ]
    drawn = {"preview": options.preview, "rerun": options.rerun}
    # Without a frame that was answered there is none.
    written = [f"{name}: {path}" for name, path in drawn.items() if path and path.exists()]
    guess = [f"guess: {summary.guess}"] if summary.guess else []
    return "\n".join([*lines, *guess, "   ".join([f"bag: {options.out}", *written])])


def _warnings(summary: Summary) -> list[str]:
    skipped = [
        f"warning: {count} frames skipped, {kind}: {summary.examples[kind]}"
        for kind, count in summary.skipped.items()
    ]
    not_copied = [f"{topic} is not copied: {why}" for topic, why in summary.not_copied.items()]
    return skipped + [f"warning: {text}" for text in (*not_copied, *summary.warnings)]
