"""Add depth, and points, scans or colours, to recordings: every frame, at any speed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from depth_ros.cli import arguments, exit_codes
from depth_ros.cli.given_settings import check_anchors, check_camera, given
from depth_ros.cli.warning import warn
from depth_ros.errors import SettingError
from depth_ros.outputs.topics import EXTRAS

if TYPE_CHECKING:
    from depth_ros.bag.convert import Watcher
    from depth_ros.bag.options import ConvertOptions
    from depth_ros.bag.plan import Plan
    from depth_ros.config import Settings, Value
    from depth_ros.viz.panel import Range

HELP = "add depth to recordings, frame by frame"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "sources",
        type=arguments.path,
        nargs="+",
        metavar="IN",
        help="rosbag2 folder, .mcap, .db3 or .bag; with --ray also patterns",
    )
    parser.add_argument("out", type=arguments.path, metavar="OUT", help="folder of the new bag")
    topics = parser.add_argument_group("topics")
    _add_topics(topics)
    _add_anchors(topics)
    _add_scan(topics)
    _add_part(parser.add_argument_group("part of the recording"))
    _add_work(parser.add_argument_group("work"))
    _add_camera(parser.add_argument_group("the camera, if its camera_info is missing or wrong"))
    arguments.add_settings(parser.add_argument_group("settings"))
    _add_fleet(parser.add_argument_group("fleets"))
    _add_previews(parser.add_argument_group("previews"))


def _add_fleet(group: Any) -> None:
    group.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="convert many bags, one task each, on a Ray cluster; local: this machine; "
        "default: convert here, without Ray",
    )
    group.add_argument(
        "--ray-gpus",
        type=arguments.number(0, 1024),
        default=0.0,
        metavar="SHARE",
        help="GPUs per task; default: %(default)g",
    )


def _add_previews(group: Any) -> None:
    file: dict[str, Any] = {"type": arguments.path, "metavar": "FILE"}
    group.add_argument(
        "--preview", **file, help="write a preview: .mp4, .gif or .png; default: none"
    )
    group.add_argument(
        "--rerun", **file, help="write a recording for the Rerun viewer: .rrd; default: none"
    )
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the files of --preview and --rerun if they exist",
    )


def _add_topics(group: Any) -> None:
    topic = {"action": "append", "default": [], "metavar": "TOPIC"}
    group.add_argument(
        "--image", **topic, help="image topic, may be repeated; default: that of the only camera"
    )
    group.add_argument(
        "--camera-info",
        **topic,
        help="camera_info topic for each --image; default: the sibling of the image topic",
    )
    group.add_argument(
        "--with",
        nargs="+",
        default=[],
        choices=list(EXTRAS),
        dest="extras",
        help="additional outputs; default: only depth/image and depth/camera_info",
    )
    group.add_argument(
        "--only-depth", action="store_true", help="copy no original topic except tf_static"
    )
    group.add_argument("--prefix", default="", help="namespace of the outputs; default: none")


def _add_anchors(group: Any) -> None:
    group.add_argument(
        "--anchors",
        default="",
        metavar="TOPIC",
        help="points of another sensor, for scale.mode=anchors; default: the only such topic",
    )
    group.add_argument(
        "--anchors-info",
        default="",
        metavar="TOPIC",
        help="camera_info of anchors that are a depth image; default: its sibling",
    )


def _add_scan(group: Any) -> None:
    group.add_argument(
        "--scan-rows",
        **_count(4096),
        default=1,
        help="image rows that a scan covers; default: %(default)s px",
    )
    group.add_argument(
        "--scan-frame",
        default="",
        metavar="FRAME",
        help="frame of scans, x forward; default: the images' frame without _optical",
    )


def _add_camera(group: Any) -> None:
    group.add_argument(
        "--camera-calibration",
        metavar="FILE",
        help="calibration file (YAML of camera_calibration), rescaled with --set "
        "camera.info_scale=true; default: none",
    )
    group.add_argument(
        "--fov-deg",
        type=arguments.number(0, 179, "deg"),
        metavar="DEG",
        help="horizontal field of view in degrees; default: none",
    )
    group.add_argument(
        "--rotate",
        type=int,
        choices=[0, 90, 180, 270],
        help="degrees clockwise that make the image upright for the network; depth stays on the "
        "image's own pixels; default: 0",
    )


def _add_part(group: Any) -> None:
    since: dict[str, Any] = {"metavar": "S", "type": arguments.number(0, 1e9, "s")}
    group.add_argument(
        "--start",
        **since,
        default=0.0,
        help="seconds after the bag's start; default: %(default)g s",
    )
    group.add_argument(
        "--end", **since, help="seconds after the bag's start; default: the bag's end"
    )
    group.add_argument(
        "--every", **_count(10**6), default=1, help="use every n-th image; default: %(default)s"
    )


def _add_work(group: Any) -> None:
    group.add_argument(
        "--storage",
        default="mcap",
        choices=["mcap", "sqlite3"],
        help="storage format of OUT; default: %(default)s",
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
        "--offload",
        action="store_true",
        help="DepthCrafter: keep parts on the CPU to save GPU memory",
    )
    group.add_argument(
        "--resume", action="store_true", help="continue an interrupted conversion into OUT"
    )


def _count(most: int) -> dict[str, Any]:
    return {"type": arguments.whole(1, most), "metavar": "N"}


def run(options: argparse.Namespace) -> int:
    """Convert; exit code 3 if the recording is damaged and only a part of it was converted.

    Images without depth, because they are damaged or have no scale, only cause warnings; exit code
    1 if no image has depth.
    """
    from depth_ros.bag.convert import check_out
    from depth_ros.output_paths import check_parents

    if options.ray:
        return _run_fleet(options)
    if missing := [str(source) for source in options.sources if not source.exists()]:
        raise SettingError(f"{', '.join(missing)} does not exist, expected a bag")
    plan = _plan(options)
    check_parents(options.out)
    check_out(options.out, plan.options)
    check_camera(plan.settings)
    summary = plan.execute(options.sources, options.out, _watchers(options, plan.settings))
    print("\n".join([*summary.counts(), _written(options)]))
    warn(*summary.problems())
    if summary.failure:
        warn(summary.failure)
        return exit_codes.FAILED
    return exit_codes.DAMAGED if summary.damage else exit_codes.DONE


def _plan(options: argparse.Namespace) -> Plan:
    from depth_ros.bag.plan import Plan

    settings = given(options.params, options.set).with_values(**_camera(options))
    check_anchors(settings, "--anchors", options.anchors)
    check_anchors(settings, "--anchors-info", options.anchors_info)
    return Plan(settings, _options(options), options.offload)


def _camera(options: argparse.Namespace) -> dict[str, Value]:
    """Return the settings that have their own flags."""
    flags = {name: getattr(options, name) for name in ("camera_calibration", "fov_deg", "rotate")}
    return {name: value for name, value in flags.items() if value is not None}


def _run_fleet(options: argparse.Namespace) -> int:
    """Convert every IN into its own subfolder of OUT, on a cluster; exit code 1 if any failed."""
    from depth_ros.bag import fleet
    from depth_ros.cli.worker import convert_one

    if options.preview or options.rerun:
        raise SettingError("--preview and --rerun cannot be used with --ray")
    patterns = [str(source) for source in options.sources]
    plan = _plan(options).as_dict()
    work = (plan, convert_one, options.ray_gpus)
    summary = fleet.run(options.ray, patterns, options.out, *work)
    print(summary.table())
    return exit_codes.FAILED if summary.failed else exit_codes.DONE


def _options(options: argparse.Namespace) -> ConvertOptions:
    from depth_ros.bag.options import ConvertOptions

    same = [
        *("only_depth", "prefix", "storage", "every", "batch", "jobs", "split", "resume"),
        *("scan_rows", "scan_frame", "anchors", "anchors_info"),
    ]
    return ConvertOptions(
        images=tuple(options.image),
        infos=tuple(options.camera_info),
        extras=tuple(dict.fromkeys(options.extras)),
        start_s=options.start,
        end_s=options.end,
        **{name: getattr(options, name) for name in same},
    )


def _range(settings: Settings) -> Range | None:
    """Return the range of depth colours: that of depth/color; None: from the first frame."""
    from depth_ros.viz.panel import Range

    fixed = settings.colour_range == "fixed"
    return Range(settings.colour_near_m, settings.colour_far_m) if fixed else None


def _watchers(options: argparse.Namespace, settings: Settings) -> list[Watcher]:
    """Return the previews to draw during the conversion; their libraries are extras."""
    from depth_ros.output_paths import check_file

    for path in filter(None, (options.preview, options.rerun)):
        check_file(path, options.overwrite)
    watchers: list[Watcher] = []
    if options.preview:
        from depth_ros.viz import preview

        watchers.append(preview.Preview(options.preview, _range(settings)))
    if options.rerun:
        from depth_ros.viz import rerun_log

        watchers.append(rerun_log.RerunLog(options.rerun))
    return watchers


def _written(options: argparse.Namespace) -> str:
    """Return the paths of the bag and the previews."""
    drawn = {"preview": options.preview, "rerun": options.rerun}
    # Without any depth no preview is written.
    written = [f"{name}: {path}" for name, path in drawn.items() if path and path.exists()]
    return "   ".join([f"bag: {options.out}", *written])
