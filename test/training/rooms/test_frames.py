"""Rendered frames of furnished rooms: repeatable, within their ranges, worth looking at."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from depth_ros.training.rooms.frames import random_rooms
from depth_ros.training.rooms.richness import FULL, Richness
from depth_ros.training.rooms.viewpoint import ANY_ROBOT
from depth_ros.training.scenes import Robot

WIDTH, HEIGHT = 60, 44


def test_the_same_seed_gives_the_same_frames_and_another_one_others() -> None:
    def frames(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        return random_rooms(np.random.default_rng(seed), WIDTH, HEIGHT, 3)[0]

    assert all(torch.equal(a, b) for a, b in zip(frames(5), frames(5), strict=True))
    assert not torch.equal(frames(5)[0], frames(6)[0])


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu"), "cuda"])
def test_frames_are_made_on_the_device(device: torch.device | str) -> None:
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    frames, cameras = random_rooms(np.random.default_rng(0), WIDTH, HEIGHT, 3, device=device)
    expected, _ = random_rooms(np.random.default_rng(0), WIDTH, HEIGHT, 3)
    assert frames.rgb.device.type == frames.depth_m.device.type == torch.device(device).type
    assert frames.rgb.shape == (3, HEIGHT, WIDTH, 3)
    assert frames.rgb.dtype == torch.uint8
    assert frames.depth_m.shape == (3, HEIGHT, WIDTH)
    assert frames.depth_m.dtype == torch.float32
    assert len(cameras) == 3
    off = (frames.depth_m.cpu() - expected.depth_m).abs() > 1e-3
    assert off.float().mean() < 1e-3


def test_every_tensor_is_made_on_the_device_that_is_asked_for() -> None:
    with torch.device("meta"):  # where whatever names no device is made
        frames, _ = random_rooms(np.random.default_rng(0), WIDTH, HEIGHT, 2, device="cpu")
    assert frames.rgb.device.type == "cpu"


def test_cameras_are_those_of_any_robot_or_of_the_usual_one() -> None:
    for cameras, robot in ((True, ANY_ROBOT), (False, Robot())):
        richness = replace(FULL, cameras=cameras)
        _, seen = random_rooms(np.random.default_rng(1), WIDTH, HEIGHT, 12, richness)
        fov_deg = [camera.fov_deg[0] for camera in seen]
        low, high = robot.fov_deg
        assert low <= min(fov_deg) <= max(fov_deg) <= high
        assert max(fov_deg) - min(fov_deg) > 0.5 * (high - low)


def test_frames_show_near_and_far_things() -> None:
    frames, _ = random_rooms(np.random.default_rng(2), WIDTH, HEIGHT, 24)
    depth_m = frames.depth_m.flatten(1)
    assert depth_m.isfinite().all()
    assert depth_m.min() > 0.02
    middle_m = depth_m.median(1).values
    assert (middle_m > 0.5).all(), "a wall before the lens"
    assert middle_m.max() > 3 * middle_m.min()
    assert (
        depth_m.quantile(0.95, dim=1) > 1.2 * depth_m.quantile(0.05, dim=1)
    ).float().mean() > 0.9
    deviation = frames.rgb.float().flatten(1).std(1)
    assert (deviation > 8).all(), "a blank picture teaches nothing"
    assert 40 < frames.rgb.float().mean() < 200


def test_nothing_rich_is_a_plain_scene() -> None:
    nothing = Richness(*[False] * 7)
    frames, _ = random_rooms(np.random.default_rng(3), WIDTH, HEIGHT, 4, nothing)
    assert frames.rgb.float().flatten(1).std(1).min() > 8


def test_a_size_that_is_no_multiple_of_a_tile_renders_whole() -> None:
    frames, _ = random_rooms(np.random.default_rng(4), 37, 19, 2)
    assert frames.depth_m.shape == (2, 19, 37)
    assert (frames.depth_m > 0).all()
