"""The closed loop in small: a rendered empty room, a real network, and the node over DDS."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros import cli, node_process, share
from depth_ros.bag.reader import Record
from depth_ros.cli.given_settings import given
from depth_ros.drive import run
from depth_ros.drive.exchange import Answer, exchanging
from depth_ros.drive.film import SIDE, Film, Scene
from depth_ros.drive.rendered_camera import (
    CAMERA,
    HEIGHT_M,
    PITCH_DOWN_DEG,
    Ask,
    RenderedCamera,
)
from depth_ros.drive.report import Report, Result
from depth_ros.drive.scenario import Scenario
from depth_ros.errors import DepthError
from depth_ros.geometry.camera import Camera
from depth_ros.navigation.costmap_parameters import CostmapParameters
from depth_ros.navigation.navigator import Navigator
from depth_ros.navigation.simulation import Outcome, Simulation, Step
from depth_ros.pipeline import Frame, Pipeline, Place
from depth_ros.scale.ground import Mount
from depth_ros.training.rooms.palette import Palette
from depth_ros.training.rooms.room import Light, Photo, Room, assemble
from depth_ros.training.scenes import Pose


def empty_room() -> Room:
    palette = Palette(np.random.default_rng(0), True)
    shell = (palette.floor(), palette.ceiling(), palette.wall())
    lamp = Light((0, 0, 2.3), (0.3, 0, 0), (0, 0.3, 0), (1, 1, 1), 3.0)
    return assemble((4.0, 3.0, 2.5), shell, [], [lamp], (0.4, 0.4, 0.4), Photo())


MOUNT = Mount.from_angles(HEIGHT_M, PITCH_DOWN_DEG, 0.0)
EMPTY = Scenario(0, empty_room(), (-0.8, 0.0, 0.0), (0.0, 0.0), 0.8)


def in_process() -> Ask:
    preset = given(share.find(run.PRESET), ["model=zoedepth-tiny", "device=cpu"])
    pipeline, place = Pipeline.from_settings(preset), Place.of_mount(MOUNT)

    def ask(
        rgb: npt.NDArray[np.uint8], camera: Camera, pose: npt.NDArray[np.float64], stamp_ns: int
    ) -> Answer:
        depth = pipeline(Frame(rgb, camera, stamp_ns))
        cloud = pipeline.navigator.cloud(depth, pipeline.settings, place)
        count = len(cloud.payload) if cloud.count is None else int(cloud.count)
        points_m = cloud.payload[:count].numpy().view(np.float32)
        return Answer(depth.depth_m.numpy(), points_m)

    return ask


def test_a_robot_reaches_its_goal_in_an_empty_room_by_its_camera() -> None:
    film, pictures = Film(Scene(EMPTY, 1, 1, 0.22)), []

    def watch(step: Step, camera: RenderedCamera, navigator: Navigator) -> None:
        assert camera.view is not None
        pictures.append(film.picture(step, camera.view, navigator.costmap, navigator.path_m))

    result = run.drive(EMPTY, in_process(), 0, watch)
    assert result.outcome is Outcome.GOAL
    assert result.clearance_m > 0.5
    assert result.driven_m == pytest.approx(0.6, abs=0.15)
    assert result.dropped == 0
    assert {picture.shape for picture in pictures} == {(SIDE + 26, 3 * SIDE - SIDE // 3, 3)}
    assert not np.array_equal(pictures[0], pictures[-1])


def test_without_depth_the_robot_stays_where_it_is() -> None:
    short = Simulation(time_limit_s=0.6)
    result = run.drive(EMPTY, lambda *_: None, 0, lambda *_: None, short)
    assert result.outcome is Outcome.TIMEOUT
    assert (result.driven_m, result.images, result.dropped) == (0, 3, 3)


def test_the_bar_is_nine_of_ten() -> None:
    good = Result(EMPTY, Outcome.GOAL, 1.0, 1.0, 0.1, 0, 5, 0)
    bad = good._replace(outcome=Outcome.COLLISION)
    assert Report([good] * 9 + [bad], []).passed
    assert not Report([good] * 8 + [bad] * 2, []).passed
    table = Report([good] * 9 + [bad], [3]).table()
    assert "collision 1, goal 9" in table
    assert table.endswith(": 3")


@pytest.mark.parametrize(
    ("words", "said"), [(["--rooms", "2"], "--drive"), (["--drive", "--seconds", "3"], "--seconds")]
)
def test_arguments_that_do_not_fit_are_one_line_and_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["demo", "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def obstacles(answer: Answer | None) -> int:
    """The number of points over the floor, without the ends of rays that hit nothing in range."""
    assert answer is not None
    heights_m = HEIGHT_M - answer.points_m @ np.array(MOUNT.down)
    return int(((heights_m > 0.09) & (np.linalg.norm(answer.points_m, axis=1) < 2.9)).sum())


@pytest.mark.slow
def test_a_node_answers_over_dds_and_says_what_it_dropped(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    log = tmp_path / "node.log"
    camera = RenderedCamera(EMPTY.room, lambda *_: None, 0)
    camera.see(EMPTY.start, 0.0)
    assert camera.view is not None
    black = np.zeros_like(camera.view.rgb)
    x, y, yaw = EMPTY.start
    pose, ahead = (
        Pose(
            x + far_m * math.cos(yaw),
            y + far_m * math.sin(yaw),
            HEIGHT_M,
            yaw,
            math.radians(PITCH_DOWN_DEG),
        ).world_from_optical()
        for far_m in (0.0, 1.0)
    )
    arguments = [*run._node_arguments("zoedepth-tiny"), "-p", "scale.mode:=ground"]
    topic = CostmapParameters.read().cloud_topic()
    with node_process.running(log, arguments), exchanging(log, topic) as ask:
        answer = ask(camera.view.rgb, CAMERA, pose, 1_000_000_000)
        assert answer is not None
        assert answer.depth_m.shape == (240, 320)
        heights_m = HEIGHT_M - answer.points_m @ np.array(MOUNT.down)
        assert np.abs(heights_m).min() < 1e-4  # the floor is where TF has it
        assert heights_m.min() > -1e-4
        assert len(answer.points_m) > 300
        assert np.linalg.norm(answer.points_m, axis=1).max() < 3.1  # nav.range_m, and voxels
        assert 0.3 < np.nanmedian(answer.depth_m[120:]) < 3
        # So long after the last scale there is none, and of a black image none can be measured.
        assert ask(black, CAMERA, pose, 100_000_000_000) is None
        # TF has odom: the same picture from another place does not agree.
        later = [
            obstacles(ask(camera.view.rgb, CAMERA, where, 101_000_000_000 + number * 10**8))
            for number, where in enumerate((pose, pose, ahead))
        ]
        assert later[2] < 0.1 * min(later[:2])


@pytest.mark.slow
def test_without_a_node_the_exchange_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_process, "environment", lambda: {"PATH": ""})  # no rclpy there
    log = tmp_path / "node.log"
    with exchanging(log, "points") as ask, pytest.raises(DepthError, match=r"node\.log"):
        ask(np.zeros((240, 320, 3), np.uint8), CAMERA, np.eye(4), 0)


def test_a_type_that_cannot_be_sent_is_said() -> None:
    rclpy = pytest.importorskip("rclpy")
    exchange = importlib.import_module("depth_ros.ros.exchange")
    rclpy.init()
    node = exchange.Exchange("points")
    try:
        with pytest.raises(LookupError, match="no_such_msgs/msg/Pose is not installed"):
            node.connect([Record("/pose", "no_such_msgs/msg/Pose", 0, b"")])
    finally:
        node.destroy_node()
        rclpy.shutdown()
