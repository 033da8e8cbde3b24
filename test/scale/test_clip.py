"""One scale for a whole clip, on rendered drives whose depth is known exactly."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.scale.anchors import Anchors, align
from depth_ros.scale.clip import align_clip
from depth_ros.scale.fit import Fit
from depth_ros.scale.ground import Mount, find_ground
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Robot, random_drive

KINDS = ("metric_depth", "affine_depth", "affine_inverse_depth")
INVERSE = "affine_inverse_depth"
WIDTH, HEIGHT = 160, 120
FRAMES = 12
SCALE, SHIFT = 0.6, 0.11

Values = npt.NDArray[np.float32]


class Clip(NamedTuple):
    camera: Camera
    mounts: list[Mount]
    depth_m: FloatArray
    """(T, H, W)."""

    @property
    def rays(self) -> torch.Tensor:
        return torch.from_numpy(self.camera.rays().copy())

    def anchors(self, count: int, seed: int = 1) -> list[Anchors]:
        """Random pixels of each frame, and how deep they are."""
        rng = np.random.default_rng(seed)
        u, v = rng.integers((WIDTH, HEIGHT), size=(len(self.depth_m), count, 2)).transpose(2, 0, 1)
        depth_m = self.depth_m[np.arange(len(u))[:, None], v, u]
        pixels = np.stack([u, v], -1).astype(float)
        return [Anchors(*each) for each in zip(pixels, depth_m, strict=True)]


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return list(drives(4))


def drives(count: int) -> Iterator[Clip]:
    for index in range(count):
        drive = random_drive(np.random.default_rng((11, index)), Robot(), WIDTH, HEIGHT, 5 * FRAMES)
        drive = replace(drive, poses=drive.poses[::5])
        mounts = [Mount.from_transform(pose.body_from_optical()) for pose in drive.poses]
        depth_m = render_drive(drive, seed=index).depth_m.double().numpy()
        yield Clip(drive.camera, mounts, depth_m)


def true_line(kind: str) -> tuple[float, float]:
    return SCALE, 0.0 if kind == "metric_depth" else SHIFT


def network_output(clip: Clip, kind: str, noise: float = 0.0, seed: int = 3) -> Values:
    """The output of a network: the true line, with smooth and white noise in each frame."""
    rng = np.random.default_rng(seed)
    truth = 1 / clip.depth_m if kind == INVERSE else clip.depth_m
    scale, shift = true_line(kind)
    blobs = [
        cv2.resize(rng.normal(size=(4, 5)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        for _ in truth
    ]
    noisy = truth * (1 + noise * np.stack(blobs)) * (1 + noise * rng.normal(size=truth.shape))
    return ((noisy - shift) / scale).astype(np.float32)


def abs_rel(fit: Fit, values: Values, kind: str, truth_m: FloatArray) -> float:
    metric = fit.scale * values + fit.shift
    depth_m = 1 / np.maximum(metric, 1e-3) if kind == INVERSE else metric
    return float(np.mean(np.abs(depth_m - truth_m) / truth_m))


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_ground_and_anchors_give_the_true_line(clips: list[Clip], kind: str) -> None:
    for clip in clips:
        values = network_output(clip, kind)
        by_ground = align_clip(values, kind, clip.mounts, clip.rays)
        by_anchors = align_clip(values, kind, clip.anchors(5), clip.rays)
        assert (by_anchors.scale, by_anchors.shift) == pytest.approx(true_line(kind), rel=1e-4)
        assert abs_rel(by_ground, values, kind, clip.depth_m) < 0.005


@pytest.mark.parametrize("kind", KINDS)
def test_a_noisy_clip_becomes_metric(clips: list[Clip], kind: str) -> None:
    for clip in clips:
        values = network_output(clip, kind, noise=0.03)
        by_ground = align_clip(values, kind, clip.mounts, clip.rays)
        by_anchors = align_clip(values, kind, clip.anchors(20), clip.rays)
        assert abs_rel(by_ground, values, kind, clip.depth_m) < 0.06
        assert abs_rel(by_anchors, values, kind, clip.depth_m) < 0.05


def test_a_clip_knows_its_scale_better_than_its_frames_do(clips: list[Clip]) -> None:
    for clip in clips:
        values = network_output(clip, INVERSE, noise=0.05)
        alone = []
        for frame, mount in zip(values, clip.mounts, strict=True):
            try:
                fit = find_ground(torch.from_numpy(frame), INVERSE, clip.rays, mount)
            except ScaleError:
                continue
            alone.append(abs(math.log(fit.scale / SCALE)))
        together = align_clip(values, INVERSE, clip.mounts, clip.rays)
        assert abs(math.log(together.scale / SCALE)) < max(alone) / 2


def test_a_few_anchors_in_each_frame_are_enough(clips: list[Clip]) -> None:
    clip = clips[0]
    values, anchors = network_output(clip, INVERSE), clip.anchors(2)
    with pytest.raises(ScaleError, match="2 samples"):
        align(torch.from_numpy(values[0]), INVERSE, anchors[0])
    fit = align_clip(values, INVERSE, anchors, clip.rays)
    assert (fit.scale, fit.shift) == pytest.approx((SCALE, SHIFT), rel=1e-4)


def test_walls_at_many_distances_together_determine_the_scale(clips: list[Clip]) -> None:
    distances_m = np.linspace(1, 4, FRAMES)[:, None, None]
    clip = clips[0]._replace(depth_m=np.tile(distances_m, (1, HEIGHT, WIDTH)))
    values, anchors = network_output(clip, INVERSE), clip.anchors(30)
    with pytest.raises(ScaleError, match="values that differ"):
        align(torch.from_numpy(values[0]), INVERSE, anchors[0])
    fit = align_clip(values, INVERSE, anchors, clip.rays)
    assert (fit.scale, fit.shift) == pytest.approx((SCALE, SHIFT), rel=1e-3)
    with pytest.raises(ScaleError, match="values that differ"):
        align_clip(values[:1], INVERSE, anchors, clip.rays)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_that_contradict_the_others_are_rejected(clips: list[Clip], kind: str) -> None:
    for clip in clips:
        values = network_output(clip, kind)
        mounts = [
            replace(mount, height_m=mount.height_m * (1.5 if index % 3 == 0 else 1))
            for index, mount in enumerate(clip.mounts)
        ]
        anchors = [
            replace(each, depth_m=each.depth_m * (1.5 if index % 3 == 0 else 1))
            for index, each in enumerate(clip.anchors(20))
        ]
        by_ground = align_clip(values, kind, mounts, clip.rays)
        by_anchors = align_clip(values, kind, anchors, clip.rays)
        assert abs_rel(by_ground, values, kind, clip.depth_m) < 0.01
        assert abs_rel(by_anchors, values, kind, clip.depth_m) < 0.001
        assert by_anchors.inliers == pytest.approx(2 / 3, abs=0.05)


def test_a_frame_counts_as_much_as_its_ground_is_certain(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    certain = Fit(SCALE, SHIFT, np.zeros((2, 2)), 1.0)
    vague = Fit(1.1 * SCALE, SHIFT, np.diag([0.3 * SCALE, 0]) ** 2, 1.0)
    fits = iter([certain, vague] * (FRAMES // 2))
    monkeypatch.setattr("depth_ros.scale.clip.find_ground", lambda *_: next(fits))
    fit = align_clip(network_output(clips[0], INVERSE), INVERSE, clips[0].mounts, clips[0].rays)
    assert SCALE < fit.scale < 1.01 * SCALE


def test_an_undetermined_scale_is_refused(clips: list[Clip]) -> None:
    rng = np.random.default_rng(2)
    values = rng.random((2, HEIGHT, WIDTH)).astype(np.float32)
    inverse = 1 + 0.1 * values + rng.normal(0, 0.05, values.shape)
    clip = clips[0]._replace(depth_m=1 / inverse)
    few, many = clip.anchors(30), clip.anchors(200)
    with pytest.raises(ScaleError, match=r"uncertain by \d\d%, expected 15% at most"):
        align_clip(values, INVERSE, few, clip.rays)
    assert align_clip(values, INVERSE, many, clip.rays).deviation < 0.15


def test_frames_without_a_reference_are_left_out(clips: list[Clip]) -> None:
    clip = clips[0]
    values, anchors = network_output(clip, INVERSE), clip.anchors(20)
    values[::2] = np.nan
    some = [None if index % 4 == 1 else each for index, each in enumerate(anchors)]
    fit = align_clip(values, INVERSE, some, clip.rays)
    assert (fit.scale, fit.shift) == pytest.approx((SCALE, SHIFT), rel=1e-4)


def test_mounts_and_anchors_may_be_mixed(clips: list[Clip]) -> None:
    clip = clips[0]
    values, anchors = network_output(clip, INVERSE), clip.anchors(20)
    mixed: list[Mount | Anchors] = [*clip.mounts[:6], *anchors[6:]]
    fit = align_clip(values, INVERSE, mixed, clip.rays)
    assert (fit.scale, fit.shift) == pytest.approx((SCALE, SHIFT), rel=0.02)


def test_values_may_be_an_iterator_and_share_one_mount(clips: list[Clip]) -> None:
    clip = clips[0]
    values = network_output(clip, INVERSE)
    mount = clip.mounts[0]
    fit = align_clip(iter(values), INVERSE, repeat(mount), clip.rays)
    listed = align_clip(values, INVERSE, [mount] * FRAMES, clip.rays)
    assert (fit.scale, fit.shift) == (listed.scale, listed.shift)


def test_a_dense_sensor_is_thinned_out_evenly(clips: list[Clip]) -> None:
    clip = clips[0]
    values = network_output(clip, INVERSE, noise=0.02)
    dense = align_clip(values, INVERSE, clip.anchors(5000), clip.rays)
    sparse = align_clip(values, INVERSE, clip.anchors(200), clip.rays)
    assert dense.scale == pytest.approx(sparse.scale, rel=0.05)
    assert dense.deviation == pytest.approx(sparse.deviation, rel=0.3)


def test_a_clip_without_evidence_is_refused_with_the_last_reason(clips: list[Clip]) -> None:
    clip = clips[0]
    values = network_output(clip, INVERSE)
    with pytest.raises(ScaleError, match="nothing is known of any frame"):
        align_clip(values, INVERSE, [None] * FRAMES, clip.rays)
    with pytest.raises(ScaleError, match="nothing is known of any frame"):
        align_clip([], INVERSE, clip.mounts, clip.rays)
    up = Mount.from_angles(0.5, -60, 0)
    with pytest.raises(ScaleError, match=r"no frame.*does the camera look up"):
        align_clip(values, INVERSE, [up] * FRAMES, clip.rays)
    with pytest.raises(ScaleError, match="0 samples"):
        align_clip(np.full_like(values, np.nan), INVERSE, clip.anchors(20), clip.rays)
    noise = np.random.default_rng(1).normal(size=values.shape).astype(np.float32)
    with pytest.raises(ScaleError, match="scale"):
        align_clip(noise, INVERSE, clip.anchors(20), clip.rays)
