"""Depth to a navigation cloud, a scan and its uncertainty, in a world of a floor and a wall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from depth_ros import models
from depth_ros.config import Settings
from depth_ros.errors import FrameError, SettingError
from depth_ros.geometry.camera import Camera
from depth_ros.pipeline import DepthFrame, Place
from depth_ros.pipeline.laser_scan import scan_frame
from depth_ros.pipeline.navigator import Navigator
from depth_ros.profile import Profile
from depth_ros.scale.ground import Mount

CAMERA = Camera.from_fov(160, 120, 70.0)
LENS = replace(CAMERA, lens="plumb_bob", coefficients=(-0.2, 0.03, 0.001, -0.002, 0.0))
MOUNT = Mount.from_angles(0.5, 12.0, 0.0)
WALL_M = 2.0
PLACE = replace(Place.of_mount(MOUNT), ground_frame="base_footprint")

Metres = npt.NDArray[np.float32]


class Facts:
    """Of a model whose errors are measured."""

    entry = models.find("zoedepth-lite")


def world(camera: Camera = CAMERA, wall_m: float = WALL_M, mount: Mount = MOUNT) -> Metres:
    """Depth of a floor and of a wall that faces the camera's heading."""
    rays = np.dstack([camera.rays().astype(float), np.ones((camera.height, camera.width))])
    down = np.array(mount.down)
    level = np.array([0, 0, 1.0]) - down[2] * down
    falls, ahead = rays @ down, rays @ (level / np.linalg.norm(level))
    floor = np.where(falls > 0, mount.height_m / np.where(falls > 0, falls, 1), np.inf)
    return np.minimum(floor, np.where(ahead > 0, wall_m / ahead, np.inf)).astype(np.float32)


def frame(depth_m: Metres, camera: Camera = CAMERA, number: int = 0, **facts: Any) -> DepthFrame:
    rgb = torch.zeros(*depth_m.shape, 3, dtype=torch.uint8)
    stamp_ns = (1 + number) * 100_000_000
    return DepthFrame(torch.from_numpy(depth_m), rgb, camera, stamp_ns, "camera_optical", **facts)


def navigator() -> Navigator:
    return Navigator(Facts(), torch.device("cpu"), Profile())  # type: ignore[arg-type]


def points(made: Any) -> Metres:
    count = int(made.count) if made.count is not None else len(made.payload)
    return np.array(made.payload[:count].view(torch.float32).numpy())


def on_ground(xyz: Metres, place: Place = PLACE) -> Metres:
    assert place.ground_from_optical is not None
    turn, origin = place.ground_from_optical[:3, :3], place.ground_from_optical[:3, 3]
    return np.asarray(xyz @ turn.T + origin, np.float32)


def cloud(depth_m: Metres, place: Place = PLACE, **settings: Any) -> Metres:
    """Points of a frame in the ground's frame."""
    given = Settings(nav_frames=1, nav_frames_agree=1, **settings)
    made = navigator().cloud(frame(depth_m), given, place)
    return on_ground(points(made))


def test_the_floor_has_no_height_and_the_wall_has() -> None:
    xyz = cloud(world(), stride=2)
    floor, high = np.abs(xyz[:, 2]) < 1e-3, xyz[:, 2] > 0.05
    assert (floor | high).all()
    assert floor.sum() > 50
    np.testing.assert_allclose(xyz[high][:, 0], WALL_M, rtol=0.1)  # by the row of its foot


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_what_stands_on_the_floor_is_where_it_stands_whatever_the_scale(factor: float) -> None:
    xyz = cloud(world() * np.float32(factor))
    high = xyz[xyz[:, 2] > 0.05]
    np.testing.assert_allclose(np.median(high[:, 0]), WALL_M, rtol=0.08)
    without = cloud(world() * np.float32(factor), nav_contact=False)
    assert abs(np.median(without[without[:, 2] > 0.3][:, 0]) / WALL_M - factor) < 0.05


def test_settings_say_which_points_there_are() -> None:
    everything = cloud(world())
    assert (cloud(world(), nav_floor="drop")[:, 2] > 0.05).all()
    assert cloud(world(), nav_max_height_m=0.6)[:, 2].max() <= 0.6
    assert len(cloud(world(), nav_voxel_m=0.0)) > len(everything)
    assert len(cloud(world(), nav_voxel_m=0.2)) < len(everything) / 4
    near = cloud(world(), nav_range_m=1.5)
    assert (np.hypot(near[:, 0], near[:, 1]) < 1.5).all()
    assert (near[:, 2] < 1e-3).all()  # the wall is beyond range
    assert (cloud(world(), nav_max_uncertainty_m=0.001)[:, 2] < 1e-3).all()


def test_beyond_range_there_are_points_that_clear_at_its_end() -> None:
    xyz = cloud(world(wall_m=9.0), beyond_range="max", nav_range_m=2.5, nav_voxel_m=0.0)
    distance = np.linalg.norm(xyz - (0, 0, 0.5), axis=1)
    ends = np.abs(distance - 2.5) < 1e-3
    assert ends.sum() > 100
    assert (xyz[~ends][:, 2] < 1e-3).all()
    assert len(cloud(world(wall_m=9.0), nav_range_m=2.5, nav_floor="drop")) == 0


def test_a_point_alone_is_left_out() -> None:
    depth_m = np.full((120, 160), np.nan, np.float32)
    depth_m[20, 80] = 1.5
    assert len(cloud(depth_m, edges_filter="off")) == 0
    assert len(cloud(depth_m, edges_filter="off", nav_neighbours=0)) == 1


def test_without_a_mount_every_point_within_range_is_there() -> None:
    made = navigator().cloud(frame(world()), Settings(nav_voxel_m=0.0), Place())
    depth_m = world()
    rays = np.dstack([CAMERA.rays(), np.ones((120, 160))])
    near = np.linalg.norm(depth_m[..., None] * rays, axis=-1) < 3.0
    assert len(points(made)) > 0.9 * near.sum()


def drive_at_the_wall(camera: Camera, nearer_m: dict[int, float], count: int = 7) -> list[int]:
    """Points on the wall in each frame; in some frames the wall is nearer than in the others."""
    settings = Settings(nav_frames=4, nav_frames_agree=3, nav_sigmas=1.0, nav_contact=False)
    subject, seen = navigator(), []
    assert PLACE.ground_from_optical is not None
    for number in range(count):
        odom = np.eye(4)
        odom[0, 3] = 0.05 * number
        place = replace(PLACE, odom_from_optical=odom @ PLACE.ground_from_optical)
        depth_m = world(camera, WALL_M - 0.05 * number - nearer_m.get(number, 0.0))
        made = subject.cloud(frame(depth_m, camera, number), settings, place)
        seen.append(int((on_ground(points(made))[:, 2] > 0.3).sum()))
    return seen


@pytest.mark.parametrize("camera", [CAMERA, LENS])
def test_an_obstacle_is_there_when_enough_frames_agree(camera: Camera) -> None:
    seen = drive_at_the_wall(camera, {5: 0.4})
    assert min(seen[:5]) > 50
    assert seen[5] < 0.2 * seen[4]
    assert seen[6] > 50


def test_the_first_frames_of_a_drive_have_to_agree_among_themselves() -> None:
    seen = drive_at_the_wall(CAMERA, {0: 0.8}, count=3)
    assert seen[0] > 50
    assert seen[1] < 0.2 * seen[0]


def test_what_enters_the_view_is_there_at_once() -> None:
    """A camera turns right by 20 degrees: a post appears that the frames before could not see."""
    settings = Settings(nav_frames=4, nav_frames_agree=3, nav_contact=False, edges_filter="off")
    subject, found = navigator(), []
    for number, yaw_deg in enumerate((0.0, 0.0, 0.0, 20.0)):
        c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
        turn = np.array([[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]])
        assert PLACE.ground_from_optical is not None
        place = replace(PLACE, odom_from_optical=PLACE.ground_from_optical @ turn)
        made = subject.cloud(frame(post_m(turn), number=number), settings, place)
        found.append(len(points(made)))
    assert found[:3] == [0, 0, 0]
    assert found[3] > 20


def post_m(world_from_optical: npt.NDArray[np.float64]) -> Metres:
    """Depth of a post at 1.5 m, 45 degrees to the right; +inf elsewhere."""
    rays = np.dstack([CAMERA.rays().astype(float), np.ones((CAMERA.height, CAMERA.width))])
    turned = rays @ world_from_optical[:3, :3].T
    angle = np.degrees(np.arctan2(turned[..., 0], turned[..., 2]))
    depth_m = 1.5 / np.linalg.norm(rays[..., ::2], axis=-1)
    return np.where(np.abs(angle - 45) < 5, depth_m, np.inf).astype(np.float32)


def test_without_odometry_frames_are_not_compared() -> None:
    settings = Settings(nav_frames=4, nav_frames_agree=4)
    xyz = on_ground(points(navigator().cloud(frame(world()), settings, PLACE)))
    assert (xyz[:, 2] > 0.3).any()


def test_a_bag_that_is_played_again_is_another_drive() -> None:
    settings, subject = Settings(nav_frames=2, nav_frames_agree=2), navigator()
    place = replace(PLACE, odom_from_optical=PLACE.ground_from_optical)
    counts = []
    for number, wall_m in ((5, 2.0), (6, 2.0), (7, 1.5), (0, 2.0), (1, 2.0)):
        made = subject.cloud(frame(world(wall_m=wall_m), number=number), settings, place)
        counts.append(int((on_ground(points(made))[:, 2] > 0.3).sum()))
    assert counts[2] == 0  # the frame before saw through it
    assert min(counts[:2]) > 50
    assert min(counts[3:]) > 50  # though the last frame of the drive before disagrees


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_camera_that_hangs_or_lies_sees_the_same(turns: int) -> None:
    depth_m = np.rot90(world() * np.float32(1.2), -turns).copy()
    camera = CAMERA.turned(turns)
    x, y, z = MOUNT.down
    for _ in range(turns):
        x, y = -y, x
    mount = Mount(MOUNT.height_m, (x, y, z))
    place = Place.of_mount(mount)
    settings = Settings(nav_frames=1, nav_frames_agree=1)
    made = navigator().cloud(frame(depth_m, camera), settings, place)
    xyz = on_ground(points(made), place)
    np.testing.assert_allclose(np.median(xyz[xyz[:, 2] > 0.05][:, 0]), WALL_M, rtol=0.08)


def test_a_scan_by_heights_is_level_and_in_the_grounds_frame() -> None:
    settings = Settings(scan_height_band_m=(0.1, 0.6))
    found = navigator().scan(frame(world()), settings, PLACE)
    angles = found.beams.angle_min + np.arange(found.beams.size) * found.beams.angle_increment
    ranges = found.ranges_m.numpy()
    hit = np.isfinite(ranges)
    assert hit.mean() > 0.7
    np.testing.assert_allclose((ranges * np.cos(angles))[hit], WALL_M, rtol=0.04)
    assert scan_frame(settings, PLACE, "camera_optical") == "base_footprint"


def test_a_beam_that_meets_nothing_in_the_band_is_infinite() -> None:
    settings = Settings(scan_height_band_m=(0.1, 0.6), nav_range_m=1.5)
    ranges = navigator().scan(frame(world()), settings, PLACE).ranges_m
    assert ranges.isinf().float().mean() > 0.7
    assert not torch.isfinite(ranges).any()


def test_a_scan_without_heights_looks_along_the_optical_axis() -> None:
    depth_m = np.full((120, 160), 5.0, np.float32)
    depth_m[58:61] = 1.0
    found = navigator().scan(frame(depth_m), Settings(edges_filter="off"), Place())
    angles = found.beams.angle_min + np.arange(found.beams.size) * found.beams.angle_increment
    hit = torch.isfinite(found.ranges_m).numpy()
    assert hit.mean() > 0.9
    np.testing.assert_allclose((found.ranges_m.numpy() * np.cos(angles))[hit], 1.0, rtol=0.02)
    assert scan_frame(Settings(), Place(), "camera_optical") == "camera"
    assert scan_frame(Settings(scan_frame="laser"), Place(), "camera") == "laser"
    with pytest.raises(FrameError, match=r"scan\.frame"):
        scan_frame(Settings(), Place(), "camera")


def test_uncertainty_is_in_metres_and_grows_with_depth_and_at_edges() -> None:
    depth_m = np.full((120, 160), 2.0, np.float32)
    depth_m[:, 80:] = 4.0
    depth_m[0, 0] = np.nan
    found = navigator().uncertainty_m(frame(depth_m), Settings()).numpy()
    assert np.isnan(found[0, 0])
    assert 0.05 < found[60, 10] < 1.5
    assert found[60, 150] > 1.9 * found[60, 10]
    assert found[60, 79] > found[60, 10]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"nav_min_height_m": 2.0}, "less than nav.max_height_m"),
        ({"nav_frames": 2, "nav_frames_agree": 3}, "at most nav.frames"),
        ({"scan_height_band_m": (1.0, 0.5)}, "lower height first"),
    ],
)
def test_settings_that_contradict_are_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingError, match=text):
        Settings(**values)
