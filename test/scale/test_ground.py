"""The ground as a ruler, on rendered drives whose depth is known exactly."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.scale.fit import Fit
from depth_ros.scale.ground import Mount, find_ground
from depth_ros.training.render import render, render_drive
from depth_ros.training.scenes import Pose, Robot, random_camera, random_drive, random_scene

KINDS = ("metric_depth", "affine_depth", "affine_inverse_depth")
WIDTH, HEIGHT = 160, 120
NOISE = 0.03


class View(NamedTuple):
    camera: Camera
    pose: Pose
    depth_m: FloatArray

    @property
    def mount(self) -> Mount:
        return Mount.from_transform(self.pose.body_from_optical())

    @property
    def ground_share(self) -> float:
        """The share of the image that shows the floor."""
        rays = np.concatenate([self.camera.rays(), np.ones((HEIGHT, WIDTH, 1))], axis=-1)
        below_m = rays @ np.array(self.mount.down) * self.depth_m
        return float(np.mean(np.abs(below_m - self.mount.height_m) < 0.01))


def drives(count: int) -> Iterator[View]:
    for index in range(count):
        drive = random_drive(np.random.default_rng((5, index)), Robot(), WIDTH, HEIGHT, 31)
        drive = replace(drive, poses=drive.poses[::10])
        depth_m = render_drive(drive, seed=index).depth_m.numpy().astype(np.float64)
        yield from (View(drive.camera, *seen) for seen in zip(drive.poses, depth_m, strict=True))


def before_walls(count: int) -> Iterator[View]:
    """Views of a wall so near, or from so far up, that hardly any floor is seen."""
    for index in range(count):
        rng = np.random.default_rng((9, index))
        scene, camera = random_scene(rng), random_camera(rng, Robot(), WIDTH, HEIGHT)
        pitch_deg = rng.uniform(-2, 10) if index % 2 else -25.0
        x = scene.room_m[0] / 2 - rng.uniform(0.3, 0.7)
        y = rng.uniform(-0.3, 0.3) * scene.room_m[1]
        pose = Pose(x, y, 0.5, rng.uniform(-0.5, 0.5), math.radians(pitch_deg))
        view = View(camera, pose, render([scene], [pose], [camera]).depth_m[0].double().numpy())
        if view.ground_share < 0.01:
            yield view


@pytest.fixture(scope="module")
def views() -> list[View]:
    return list(drives(12))


@pytest.fixture(scope="module")
def hidden() -> list[View]:
    views = list(before_walls(30))
    assert len(views) > 20
    return views


def network_output(truth: FloatArray, kind: str, seed: int, noise: float = NOISE) -> FloatArray:
    """The output of a network: the truth with a random scale and shift, and noise."""
    rng = np.random.default_rng(seed)
    blobs = cv2.resize(rng.normal(size=(5, 6)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    values = 1 / truth if kind == "affine_inverse_depth" else truth
    values = values * (1 + noise * blobs / 2) * (1 + noise * rng.normal(size=truth.shape))
    shift = 0.0 if kind == "metric_depth" else rng.uniform(-0.5, 0.5) * np.median(values)
    return np.asarray((values - shift) / math.exp(rng.uniform(-2.3, 2.3)))


def found(view: View, values: FloatArray, kind: str, mount: Mount | None = None) -> Fit:
    rays = torch.from_numpy(view.camera.rays().copy())
    return find_ground(torch.from_numpy(values.astype(np.float32)), kind, rays, mount or view.mount)


def abs_rel(fit: Fit, values: FloatArray, kind: str, truth: FloatArray) -> float:
    metric = fit.scale * values + fit.shift
    depth_m = 1 / np.maximum(metric, 1e-3) if kind == "affine_inverse_depth" else metric
    return float(np.mean(np.abs(depth_m - truth) / truth))


def errors(views: list[View], kind: str, noise: float, tilt_deg: float = 0.0) -> list[float]:
    """AbsRel of the views whose ground was found."""
    out = []
    for seed, view in enumerate(views):
        pitch_deg = math.degrees(view.pose.pitch_down) + tilt_deg * (-1) ** seed
        mount = Mount.from_angles(view.pose.z, pitch_deg, math.degrees(view.pose.roll))
        values = network_output(view.depth_m, kind, seed, noise)
        try:
            fit = found(view, values, kind, mount)
        except ScaleError:
            continue
        out.append(abs_rel(fit, values, kind, view.depth_m))
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_relative_predictions_of_rendered_drives_become_metric(
    views: list[View], kind: str
) -> None:
    scores = errors(views, kind, NOISE)
    assert len(scores) >= 0.9 * len(views)
    assert np.median(scores) <= 0.05
    assert max(scores) <= 0.12


@pytest.mark.parametrize(
    ("near_share", "network", "scale"), [(0.5, 1.0, 1.0), (1.0, 1.0, 2.0), (1.0, 0.1, 0.2)]
)
def test_of_two_planes_the_one_near_the_networks_own_metres_is_the_ground(
    near_share: float, network: float, scale: float
) -> None:
    """The lower part of a floor appears at half of its distance, as if it were a table."""
    camera, mount = Camera.from_fov(160, 120, 70.0), Mount.from_angles(1.0, 40.0, 0.0)
    rays = camera.rays().astype(np.float64)
    floor_m = 1 / (np.dstack([rays, np.ones((120, 160))]) @ np.array(mount.down))
    lower = np.arange(120)[:, None] >= (1 - near_share) * 120
    depth_m = torch.from_numpy(np.where(lower, floor_m / 2, floor_m) / network)
    fit = find_ground(depth_m, "metric_depth", torch.from_numpy(rays), mount)
    assert fit.scale == pytest.approx(scale, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_the_metres_are_exact(views: list[View], kind: str) -> None:
    assert np.median(errors(views, kind, 0.0)) <= 0.005


def test_the_angles_of_the_mount_need_only_be_rough_for_a_network_that_knows_shapes(
    views: list[View],
) -> None:
    assert np.median(errors(views, "metric_depth", NOISE, tilt_deg=4.0)) <= 0.05


@pytest.mark.parametrize("noise", [0.0, NOISE])
@pytest.mark.parametrize("kind", KINDS)
def test_where_the_ground_is_hidden_it_says_so(hidden: list[View], kind: str, noise: float) -> None:
    for seed, view in enumerate(hidden):
        with pytest.raises(ScaleError, match=r"ground|scale|face"):
            found(view, network_output(view.depth_m, kind, seed, noise), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_camera_that_stands_twice_as_high_sees_everything_twice_as_far(
    views: list[View], kind: str
) -> None:
    view = views[0]
    values = network_output(view.depth_m, kind, 0)
    low, high = (
        found(view, values, kind),
        found(view, values, kind, replace(view.mount, height_m=2 * view.mount.height_m)),
    )
    factor = 0.5 if kind == "affine_inverse_depth" else 2.0
    assert high.scale == pytest.approx(factor * low.scale)
    assert high.shift == pytest.approx(factor * low.shift)


def test_a_table_is_not_taken_for_the_floor_below_it() -> None:
    camera = Camera.from_fov(WIDTH, HEIGHT, 70.0)
    rays = np.concatenate([camera.rays(), np.ones((HEIGHT, WIDTH, 1))], axis=-1)
    mount = Mount.from_angles(1.2, 20.0, 0.0)
    down = np.maximum(rays @ np.array(mount.down), 1e-3)
    floor_m, table_m = np.minimum(1.2 / down, 6.0), np.minimum(0.5 / down, 6.0)
    table = (table_m > 0.8) & (table_m < 2.0) & (np.abs(rays[..., 0] * table_m) < 0.5)
    depth_m = np.where(table, table_m, floor_m)
    assert table.mean() > 0.15
    fit = found(View(camera, Pose(0, 0, 1.2, 0), depth_m), depth_m / 3, "metric_depth", mount)
    assert fit.scale == pytest.approx(3.0, rel=0.02)


def test_pixels_without_an_estimate_are_no_evidence(views: list[View]) -> None:
    view = views[0]
    values = network_output(view.depth_m, "metric_depth", 0)
    whole = found(view, values, "metric_depth")
    holes = np.random.default_rng(0).random(values.shape)
    values[holes < 0.3], values[holes > 0.8] = np.nan, np.inf
    assert found(view, values, "metric_depth").scale == pytest.approx(whole.scale, rel=0.05)


def test_a_prediction_without_a_number_is_refused(views: list[View]) -> None:
    with pytest.raises(ScaleError, match="0% of the image may see ground"):
        found(views[0], np.full((HEIGHT, WIDTH), np.nan), "affine_inverse_depth")


@pytest.mark.parametrize("value", [0.0, -2.0])
def test_depth_that_is_nowhere_positive_is_refused(views: list[View], value: float) -> None:
    with pytest.raises(ScaleError, match="nothing below the horizon has positive depth"):
        found(views[0], np.full((HEIGHT, WIDTH), value), "metric_depth")


def test_the_same_frame_gives_the_same_scale(views: list[View]) -> None:
    values = network_output(views[1].depth_m, "affine_inverse_depth", 1)
    first, second = (found(views[1], values, "affine_inverse_depth") for _ in range(2))
    assert (first.scale, first.shift) == (second.scale, second.shift)


@pytest.mark.parametrize("height_m", [0.0, -1.0, math.inf, math.nan])
def test_a_camera_without_a_height_is_refused(height_m: float) -> None:
    with pytest.raises(ScaleError, match="camera height is"):
        Mount(height_m, (0.0, 1.0, 0.0))


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0.0, 0.0), (12.0, -3.0), (-5.0, 40.0)])
def test_angles_and_transform_describe_one_mount(pitch_deg: float, roll_deg: float) -> None:
    pose = Pose(1.0, 2.0, 0.7, 0.4, math.radians(pitch_deg), math.radians(roll_deg))
    by_angles = Mount.from_angles(0.7, pitch_deg, roll_deg)
    by_transform = Mount.from_transform(pose.body_from_optical())
    assert by_angles.height_m == pytest.approx(by_transform.height_m)
    np.testing.assert_allclose(by_angles.down, by_transform.down, atol=1e-12)
