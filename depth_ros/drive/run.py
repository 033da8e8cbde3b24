"""Drive to a goal in each of several rendered rooms, with the depth of a running node."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
from tqdm import tqdm

from depth_ros import models, node_process, share
from depth_ros.drive.exchange import IMAGE, INFO, ODOM, exchanging
from depth_ros.drive.film import Film, Scene
from depth_ros.drive.floor import clearance_m
from depth_ros.drive.rendered_camera import Ask, RenderedCamera
from depth_ros.drive.report import Report, Result
from depth_ros.drive.scenario import Scenario, scenario
from depth_ros.navigation.costmap import Costmap
from depth_ros.navigation.navigator import Navigator
from depth_ros.navigation.simulation import Simulation, Step
from depth_ros.output_paths import OutputFolder
from depth_ros.viz.animation import Animation

PRESET = "config/presets/nav2.yaml"
ROBOT_TOP_M = 0.6
"""Height of the robot: objects that begin higher are no obstacles."""
_WRITTEN = ("drive.webp", "drive.txt", "node.log")
_START_NS = 1_700_000_000_000_000_000
_BETWEEN_ROOMS_NS = 100_000_000_000  # so that the scale of one room is too old for the next
_PICTURES = 240
_FASTER = 6  # speed of the film relative to the drive
_SHOWN_S = 3.0  # simulated time that the last picture of a room is shown
Watch = Callable[[Step, RenderedCamera, Navigator], None]
"""Called for every step of a drive, after the navigator's step."""


def run(out: Path, model: str, rooms: int, seed: int) -> Report:
    """Drive through rooms; write to a new or empty folder, or overwrite an earlier result.

    Writes drive.webp (the film), drive.txt (the table) and node.log.

    Raises:
        SettingError: Pillow is missing, or the folder contains other files.
        DepthError: the model is unknown, or the node did not answer; node.log contains the reason.
    """
    models.find(model)  # raises early if the model is unknown
    film, log = _Film(out / "drive.webp"), out / "node.log"
    OutputFolder(out, "depth_ros demo --drive", _WRITTEN).begin()
    costmap = Costmap.read().parameters
    radius_m, cloud_topic = costmap.robot_radius, costmap.cloud_topic()
    scenarios, rejected = choose(rooms, seed, radius_m)
    results = []
    with node_process.running(log, _node_arguments(model)), exchanging(log, cloud_topic) as ask:
        bar = tqdm(scenarios, desc="drive", unit="room")
        for number, each in enumerate(bar):
            film.begin(Scene(each, number + 1, rooms, radius_m))

            def watch(step: Step, camera: RenderedCamera, navigator: Navigator) -> None:
                film.add(step, camera, navigator)
                bar.set_postfix_str(f"{step.seconds:.0f} s")

            results.append(drive(each, ask, _START_NS + number * _BETWEEN_ROOMS_NS, watch))
            report = Report(results, rejected)
            (out / "drive.txt").write_text(report.table() + "\n")
    film.close()
    return report


def choose(rooms: int, seed: int, radius_m: float) -> tuple[list[Scenario], list[int]]:
    """Return the first suitable rooms from a seed on for a robot's radius, and rejected seeds."""
    scenarios: list[Scenario] = []
    rejected = []
    for each in count(seed):
        if len(scenarios) == rooms:
            break
        found = scenario(each, radius_m)
        if found is None:
            rejected.append(each)
        else:
            scenarios.append(found)
    return scenarios, rejected


def drive(
    where: Scenario,
    ask: Ask,
    start_ns: int,
    watch: Watch,
    simulation: Simulation | None = None,
) -> Result:
    """Drive through one room with the shipped costmap parameters.

    Args:
        where: room, start and goal.
        ask: estimates depth from images.
        start_ns: stamp of the first image.
        watch: called for every step.
        simulation: time and tolerances; None: the defaults.
    """
    camera = RenderedCamera(where.room, ask, start_ns)
    costmap = Costmap.read()
    navigator = Navigator(costmap, where.goal)

    def spare_m(x: float, y: float) -> float:
        distance_m = clearance_m(where.room, np.array([x, y]), ROBOT_TOP_M)
        return float(distance_m) - costmap.parameters.robot_radius

    steps, dropped = [], 0
    simulation = simulation or Simulation()
    for step in simulation.drive(navigator, where.start, where.goal, camera.see, spare_m):
        steps.append(step)
        watch(step, camera, navigator)
        dropped += step.outcome is None and not camera.answered
    return Result.of(where, steps, navigator.recoveries, dropped)


class _Film:
    """One film of all rooms."""

    def __init__(self, path: Path) -> None:
        self._animation = Animation(path, _PICTURES)
        self._room: Film | None = None
        self._room_s = self._now_s = 0.0

    def begin(self, scene: Scene) -> None:
        """Start the next room."""
        self._room, self._room_s = Film(scene), self._now_s

    def add(self, step: Step, camera: RenderedCamera, navigator: Navigator) -> None:
        """Add a picture."""
        if self._room is None or camera.view is None:
            return
        picture = self._room.picture(step, camera.view, navigator.costmap, navigator.path_m)
        self._now_s = self._room_s + step.seconds
        self._animation.add(round(self._now_s / _FASTER * 1e9), picture)
        self._now_s += _SHOWN_S

    def close(self) -> None:
        """Write the file."""
        self._animation.close()


def _node_arguments(model: str) -> list[str]:
    """Return the node's arguments: the preset for Nav2, and TF's frame on the ground."""
    parameters = {"model": model, "ground.frame": ODOM}
    remaps = ["-r", f"image:={IMAGE}", "-r", f"camera_info:={INFO}"]
    given = (word for name, value in parameters.items() for word in ("-p", f"{name}:={value}"))
    return [*remaps, "--params-file", str(share.find(PRESET)), *given]
