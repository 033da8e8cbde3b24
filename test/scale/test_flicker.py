"""The flicker filter: jitter is reduced, motion and scene changes are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.evaluation.datasets import bag
from depth_ros.scale.flicker import FlickerFilter
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Drive, Pose, Robot, random_drive

WIDTH, HEIGHT = 80, 60
STEP_NS = 100_000_000
START_NS = 1_700_000_000_000_000_000
TIME_CONSTANT_S = 0.5
SETTLED = 20
"""Frames after which wobble must be gone."""

Metres = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def drives() -> list[Metres]:
    """True depth (T, H, W) of drives at 10 Hz, with turns on the spot and walls close by."""
    seen = [
        random_drive(np.random.default_rng((31, seed)), Robot(), WIDTH, HEIGHT, 60)
        for seed in range(4)
    ]
    return [render_drive(drive).depth_m.numpy() for drive in seen]


@pytest.fixture(scope="module")
def approach() -> Metres:
    """Straight at a wall at 0.5 m/s, from 4 m to 0.7 m: at the end, 7 % of depth a frame."""
    drive = random_drive(np.random.default_rng(1), Robot(), WIDTH, HEIGHT, 1)
    empty = replace(drive.scene, boxes=0 * drive.scene.boxes, cylinders=0 * drive.scene.cylinders)
    wall_m = empty.room_m[0] / 2
    poses = [Pose(wall_m - 4 + 0.05 * step, 0.0, 0.5, 0.0) for step in range(66)]
    return render_drive(Drive(empty, drive.camera, poses)).depth_m.numpy()


def wobble(count: int, seed: int = 0) -> FloatArray:
    """Factors of +-10 %, each for itself."""
    return np.random.default_rng(seed).uniform(0.9, 1.1, count)


def steadied(depth_m: Iterable[npt.NDArray[np.floating]], seconds: float = 0.5) -> FloatArray:
    """The factors of frames at 10 Hz."""
    flicker = FlickerFilter()
    return np.array(
        [
            float(flicker.update(torch.from_numpy(frame), START_NS + step * STEP_NS, seconds))
            for step, frame in enumerate(depth_m)
        ]
    )


def jumps(scales: FloatArray) -> float:
    """From frame to frame, of log scale (standard deviation), once settled."""
    return float(np.diff(np.log(scales))[SETTLED:].std())


def gains(depth_m: Metres, seeds: int = 2) -> list[float]:
    """How many times less planted wobble jumps."""
    found = []
    for seed in range(seeds):
        planted = wobble(len(depth_m), seed)
        left = planted * steadied(depth_m * planted[:, None, None])
        found.append(jumps(planted) / jumps(left))
    return found


def test_planted_wobble_falls_to_a_quarter_on_drives(drives: list[Metres]) -> None:
    found = [gain for depth_m in drives for gain in gains(depth_m)]
    assert min(found) >= 4
    assert np.median(found) >= 5


def test_planted_wobble_falls_to_a_quarter_in_front_of_a_wall(approach: Metres) -> None:
    assert min(gains(approach)) >= 4


def test_planted_wobble_falls_to_a_quarter_in_a_real_recording(living_room: Path) -> None:
    depth_m = np.stack([sample.truth_m[::8, ::8] for sample in bag.samples(living_room)])
    assert min(gains(depth_m)) >= 4
    assert steadied(depth_m) == pytest.approx(1, abs=0.005)


def test_the_scale_itself_comes_nearer_to_what_it_is(drives: list[Metres]) -> None:
    planted = wobble(60)
    left = np.log([planted * steadied(each * planted[:, None, None]) for each in drives])
    left = left[:, SETTLED:]
    assert abs(left.mean()) < 0.02
    assert left.std() < 0.7 * np.log(planted).std()
    assert abs(left).max() < 0.13


def test_no_series_of_wobbles_is_taken_for_a_motion() -> None:
    """By chance the first few of them may rise or fall like one."""
    for seed in range(60):
        planted = wobble(40, seed)
        left = planted * steadied(2.0 * np.ones((40, 8, 8)) * planted[:, None, None])
        assert jumps(left) < jumps(planted) / 4
        assert abs(np.log(left)).max() < 0.14


def test_no_factor_is_off_by_more_than_a_wobble_can_be() -> None:
    """Whatever a network says: here its scale walks, as no motion and no wobble does."""
    walk = np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.1, 300)))
    factors = steadied(np.ones((300, 8, 8)) * walk[:, None, None])
    assert abs(np.log(factors)).max() < 0.151


def test_errors_do_not_add_up_over_a_long_time() -> None:
    """A network whose opinion differs from place to place too, for 100 s."""
    rng = np.random.default_rng(3)
    local = np.exp(0.05 * np.kron(rng.normal(size=(1000, 4, 4)), np.ones((10, 10))))
    planted = wobble(1000)
    left = np.log(planted * steadied(3.0 * local * planted[:, None, None]))
    assert abs(left[:500].mean()) < 0.01
    assert abs(left[500:].mean()) < 0.01
    assert left[SETTLED:].std() < 0.04


def test_without_wobble_depth_is_left_as_it_is(drives: list[Metres], approach: Metres) -> None:
    changed = np.concatenate([abs(np.log(steadied(each))) for each in (*drives, approach)])
    assert np.mean(changed) < 0.003
    assert np.percentile(changed, 95) < 0.01
    assert changed.max() < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_a_cut_to_another_room_is_followed_at_once(drives: list[Metres], seed: int) -> None:
    rooms = [each[:40] for each in np.roll(np.array(drives, object), seed)]
    for one, other in pairwise(rooms):
        factors = steadied(np.concatenate([one, other]).astype(np.float32))
        assert factors[40:] == pytest.approx(1, abs=0.03)


def test_after_a_cut_the_filter_restarts(drives: list[Metres]) -> None:
    planted = wobble(80)
    both = np.concatenate([drives[0][:40], drives[2][:40]]) * planted[:, None, None]
    factors = steadied(both)
    assert factors[40] == 1
    left = planted * factors
    assert jumps(planted[40:]) > 4 * jumps(left[40:])


@pytest.mark.parametrize("share", [0.4, 0.5, 0.6])
@pytest.mark.parametrize("object_m", [0.4, 1.0])
def test_an_object_that_fills_half_of_the_image_is_followed_at_once(
    drives: list[Metres], share: float, object_m: float
) -> None:
    for depth_m in drives:
        seen = depth_m.copy()
        seen[30:, :, : round(share * WIDTH)] = object_m
        assert steadied(seen)[30:] == pytest.approx(1, abs=0.03)


def test_a_step_of_scale_that_no_wobble_explains_is_followed_at_once(drives: list[Metres]) -> None:
    planted = wobble(60)
    planted[40:] *= 1.6
    assert steadied(drives[0] * planted[:, None, None])[40] == 1


def test_a_change_of_scale_that_stays_is_followed_within_a_second() -> None:
    planted = wobble(80)
    planted[40:] *= 1.1
    left = planted * steadied(2.0 * np.ones((80, 12, 16)) * planted[:, None, None])
    assert np.mean(left[20:40]) == pytest.approx(1, abs=0.03)
    assert np.mean(left[50:]) == pytest.approx(1.1, abs=0.03)


def test_a_longer_time_constant_reduces_more_flicker_of_a_static_scene() -> None:
    planted = wobble(100)
    still = 2.0 * np.ones((100, 12, 16)) * planted[:, None, None]
    left = [jumps(planted * steadied(still, seconds)) for seconds in (0.2, 0.5, 1.0)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 3


def test_more_frames_a_second_reduce_more_flicker() -> None:
    """The same still camera at 10 and at 30 Hz: three times as many frames calm more, no less."""
    left = []
    for step_ns in (STEP_NS, STEP_NS // 3):
        planted, flicker = wobble(150), FlickerFilter()
        factors = [
            float(flicker.update(torch.full((12, 16), scale), START_NS + i * step_ns, 0.5))
            for i, scale in enumerate(planted.tolist())
        ]
        left.append(np.log(planted * factors)[60:].std())
    assert left[1] < left[0] < np.log(planted).std() / 2


@pytest.mark.parametrize("gap_ns", [0, -5 * 10**9, 2 * 10**9])
def test_time_that_stands_still_or_jumps_restarts(drives: list[Metres], gap_ns: int) -> None:
    planted, flicker = wobble(60), FlickerFilter()
    for step, frame in enumerate(torch.from_numpy(drives[0][:30])):
        stamp_ns = START_NS + step * STEP_NS
        flicker.update(frame * planted[step], stamp_ns, TIME_CONSTANT_S)
    fresh = FlickerFilter()
    for step, frame in enumerate(torch.from_numpy(drives[0][:30])):
        later_ns = stamp_ns + gap_ns + step * STEP_NS
        factor = flicker.update(frame * planted[step], later_ns, TIME_CONSTANT_S)
        assert factor == fresh.update(frame * planted[step], later_ns, TIME_CONSTANT_S)
        assert step or factor == 1


def test_frames_of_another_size_restart_the_filter() -> None:
    flicker = FlickerFilter()
    for step, scale in enumerate(wobble(30).tolist()):
        flicker.update(torch.full((12, 16), scale), START_NS + step * STEP_NS, 0.5)
    assert flicker.update(torch.ones(24, 32), START_NS + 30 * STEP_NS, 0.5) == 1


@pytest.mark.parametrize("nothing", [np.nan, np.inf, 0.0, -1.0])
def test_pixels_without_depth_do_not_count(drives: list[Metres], nothing: float) -> None:
    planted = wobble(60)
    seen = drives[0] * planted[:, None, None]
    holes = seen.copy()
    holes[:, :, ::2] = nothing
    holes[::3, :40] = nothing
    left = planted * steadied(holes)
    assert jumps(planted) > 4 * jumps(left)


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_frames_without_depth_have_the_factor_1(drives: list[Metres], nothing: float) -> None:
    seen = drives[0] * wobble(60)[:, None, None]
    seen[30:33] = nothing
    factors = steadied(seen)
    assert np.isfinite(factors).all()
    assert (factors[30:34] == 1).all()
    assert (factors[SETTLED:30] != 1).all()
    assert (factors[40:] != 1).all()


def test_the_factor_is_a_tensor_of_the_depths_device_and_precision_does_not_matter() -> None:
    planted = wobble(40)
    for dtype in (torch.float16, torch.float64):
        flicker, plain = FlickerFilter(), FlickerFilter()
        for step, scale in enumerate(planted.tolist()):
            depth_m = torch.full((12, 16), 2 * scale)
            stamp_ns = START_NS + step * STEP_NS
            factor = flicker.update(depth_m.to(dtype), stamp_ns, 0.5)
            assert factor.shape == ()
            assert factor == pytest.approx(float(plain.update(depth_m, stamp_ns, 0.5)), rel=5e-3)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 25])
def test_a_restored_filter_continues_identically(drives: list[Metres], at: int) -> None:
    seen = torch.from_numpy(drives[1] * wobble(60).astype(np.float32)[:, None, None])
    flicker, resumed = FlickerFilter(), FlickerFilter()
    for step in range(at):
        flicker.update(seen[step], START_NS + step * STEP_NS, TIME_CONSTANT_S)
    resumed.restore(json.loads(json.dumps(flicker.as_dict(), allow_nan=False)))
    for step in range(at, 40):
        stamp_ns = START_NS + step * STEP_NS
        expected = flicker.update(seen[step], stamp_ns, TIME_CONSTANT_S)
        assert resumed.update(seen[step], stamp_ns, TIME_CONSTANT_S) == expected


def test_the_saved_state_is_small(drives: list[Metres]) -> None:
    flicker = FlickerFilter()
    flicker.update(torch.ones(1080, 1920), START_NS, TIME_CONSTANT_S)
    assert len(json.dumps(flicker.as_dict())) < 8000


@pytest.mark.parametrize(
    "damage",
    [
        {"shape": [3, 5]},
        {"shape": None},
        {"logs": "?"},
        {"state": [0.0, 0.0]},
        {"state": [None] * 8},
        {"state": [0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0]},
        {"stamp_ns": "now"},
        {"frames": -1},
    ],
)
def test_a_damaged_state_is_refused(damage: dict[str, object]) -> None:
    flicker = FlickerFilter()
    flicker.update(torch.ones(12, 16), START_NS, TIME_CONSTANT_S)
    with pytest.raises(ScaleError, match="is not the state of a scale"):
        FlickerFilter().restore({**flicker.as_dict(), **damage})
