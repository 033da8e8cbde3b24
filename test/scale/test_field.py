"""The field of scales: planted ones are found and taken out, chance ones are not."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator

from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.field import Field, fit_field
from depth_ros.scale.scaler import Scaler

KINDS = ["metric_depth", "affine_depth", "affine_inverse_depth"]
HEIGHT, WIDTH = 60, 80
NOTHING = torch.zeros(1)  # rays, which anchors do not need
CROOKED = Field(
    np.random.default_rng(2).normal(0, 0.3, (6, 8)), np.array([0.1, -0.2, 0.3, 0.0]), 0.0, 2.0
)


def here(numbers: torch.Tensor) -> torch.Tensor:
    return numbers


def room(rng: np.random.Generator) -> FloatArray:
    """True depth of a sloping floor and some boxes, 1 to 8 m."""
    depth_m = np.geomspace(8, 1.2, HEIGHT)[:, None] * np.ones(WIDTH)
    for _ in range(6):
        v, u = rng.integers(0, HEIGHT - 20), rng.integers(0, WIDTH - 20)
        depth_m[v : v + 18, u : u + 18] = rng.uniform(1, 6)
    return depth_m


def tilt() -> FloatArray:
    """Factors from 0.7 at the left to 1.4 at the right."""
    return np.tile(np.exp(np.linspace(math.log(0.7), math.log(1.4), WIDTH)), (HEIGHT, 1))


def pick(rng: np.random.Generator, depth_m: FloatArray, count: int) -> Anchors:
    v, u = np.divmod(rng.choice(depth_m.size, count, replace=False), WIDTH)
    return Anchors(np.column_stack([u, v]).astype(float), depth_m[v, u])


def error(scaler: Scaler, values: torch.Tensor, kind: str, depth_m: FloatArray) -> float:
    scale = scaler.at(1, 1.0)
    found_m = scale.depth_m(scale.corrected(values, kind, here), kind).double().numpy()
    return float(np.mean(np.abs(found_m / depth_m - 1)))


def scaled(values: torch.Tensor, kind: str, anchors: Anchors, field: bool) -> Scaler:
    scaler = Scaler()
    scaler.update(values, kind, NOTHING, anchors, 1, True, field)
    assert not scaler.refused
    return scaler


@pytest.mark.parametrize("inverse", [False, True], ids=["depth", "inverse"])
def test_a_field_is_a_grid_over_the_image_and_a_curve_over_log_depth(inverse: bool) -> None:
    depth_m = np.random.default_rng(1).uniform(0.5, 20, (HEIGHT, WIDTH))
    line = torch.from_numpy(1 / depth_m if inverse else depth_m).float()
    corrected = CROOKED.corrected(line, inverse, here).double().numpy()
    corners = [np.linspace(0, n - 1, k) for n, k in ((HEIGHT, 6), (WIDTH, 8))]
    grid = RegularGridInterpolator(corners, CROOKED.grid)(
        np.moveaxis(np.indices(depth_m.shape), 0, -1)
    )
    curve = np.interp(np.log(depth_m), np.linspace(0, 2, 4), CROOKED.curve)
    found_m = 1 / corrected if inverse else corrected
    assert found_m == pytest.approx(depth_m * np.exp(grid + curve), rel=1e-4)


@pytest.mark.parametrize("inverse", [False, True], ids=["depth", "inverse"])
def test_what_is_no_depth_stays_none(inverse: bool) -> None:
    line = torch.ones(HEIGHT, WIDTH)
    line[0, :4] = torch.tensor([torch.nan, torch.inf, 0.0, -1.0])
    found = CROOKED.corrected(line, inverse, here)
    assert found[0, 0].isnan()
    assert found[0, 1].isposinf()
    assert found[0, 2] == 0
    assert found[0, 3] < 0
    assert torch.equal(line[0, 1:4], torch.tensor([torch.inf, 0.0, -1.0]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_scale_that_varies_over_the_image_is_taken_out(kind: str) -> None:
    rng = np.random.default_rng(1)
    depth_m = room(rng)
    said_m = depth_m * tilt() * (1 + rng.normal(0, 0.01, depth_m.shape))
    values = torch.from_numpy(1 / said_m if kind == "affine_inverse_depth" else said_m).float() / 3
    anchors = pick(rng, depth_m, 300)
    assert error(scaled(values, kind, anchors, False), values, kind, depth_m) > 0.12
    assert error(scaled(values, kind, anchors, True), values, kind, depth_m) < 0.05


def test_a_wrong_contrast_of_depth_is_taken_out() -> None:
    rng = np.random.default_rng(1)
    depth_m = room(rng)
    values = torch.from_numpy(0.5 * depth_m**0.6 + 1).float()
    anchors = pick(rng, depth_m, 300)
    kind = "metric_depth"
    assert error(scaled(values, kind, anchors, False), values, kind, depth_m) > 0.25
    assert error(scaled(values, kind, anchors, True), values, kind, depth_m) < 0.06


def test_wrong_anchors_have_little_weight() -> None:
    rng = np.random.default_rng(1)
    depth_m = room(rng)
    values = torch.from_numpy(depth_m * tilt()).float()
    anchors = pick(rng, depth_m, 300)
    anchors.depth_m[::8] *= 3
    scaler = scaled(values, "metric_depth", anchors, True)
    assert error(scaler, values, "metric_depth", depth_m) < 0.06


@pytest.mark.parametrize("count", [50, 300])
@pytest.mark.parametrize("seed", range(5))
def test_noise_of_the_network_makes_no_field_that_is_worse_than_one_scale(
    count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    depth_m = room(rng)
    values = torch.from_numpy(depth_m * np.exp(rng.normal(0, 0.1, depth_m.shape))).float()
    anchors = pick(rng, depth_m, count)
    one, varied = (
        error(scaled(values, "metric_depth", anchors, field), values, "metric_depth", depth_m)
        for field in (False, True)
    )
    assert varied < 1.02 * one


@pytest.mark.parametrize("count", [50, 300])
@pytest.mark.parametrize("seed", range(5))
def test_noise_of_anchors_is_no_field(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth_m = room(rng)
    anchors = pick(rng, depth_m, count)
    anchors.depth_m[:] *= np.exp(rng.normal(0, 0.1, count))
    scaler = scaled(torch.from_numpy(depth_m).float(), "metric_depth", anchors, True)
    assert scaler.at(1, 1.0).field is None


def test_one_scan_line_gives_no_field() -> None:
    rng = np.random.default_rng(1)
    depth_m = room(rng)
    u = np.arange(WIDTH)
    anchors = Anchors(np.column_stack([u, np.full(WIDTH, 40)]).astype(float), depth_m[40])
    values = torch.from_numpy(depth_m * tilt()).float()
    field = scaled(values, "metric_depth", anchors, True).at(1, 1.0).field
    assert field is None or not field.grid.any()


def test_few_anchors_or_one_depth_give_no_field() -> None:
    rng = np.random.default_rng(1)
    depth_m = room(rng)
    few = pick(rng, depth_m, 30)
    assert fit_field(few.pixels, few.depth_m / 2, few.depth_m, (WIDTH, HEIGHT)) is None
    many = pick(rng, depth_m, 300)
    ones = np.ones(300)
    assert fit_field(many.pixels, ones, many.depth_m, (WIDTH, HEIGHT)) is None
    assert fit_field(many.pixels, -ones, many.depth_m, (WIDTH, HEIGHT)) is None


def test_frames_without_anchors_keep_the_field_and_other_settings_drop_it() -> None:
    rng = np.random.default_rng(1)
    depth_m = room(rng)
    values = torch.from_numpy(depth_m * tilt()).float()
    anchors = pick(rng, depth_m, 300)
    scaler = scaled(values, "metric_depth", anchors, True)
    field = scaler.at(1, 1.0).field
    scaler.refuse("no anchors")
    assert field is not None
    assert scaler.at(1, 1.0).field is field
    scaler.update(values, "metric_depth", NOTHING, anchors, 2, True, False)
    assert scaler.at(2, 1.0).field is None


def test_a_field_is_frozen_and_thawed() -> None:
    rng = np.random.default_rng(1)
    depth_m = room(rng)
    values = torch.from_numpy(depth_m * tilt()).float()
    scaler, again = scaled(values, "metric_depth", pick(rng, depth_m, 300), True), Scaler()
    again.restore(json.loads(json.dumps(scaler.as_dict(), allow_nan=False)))
    assert again.as_dict() == scaler.as_dict()
    one, other = (each.at(1, 1.0).corrected(values, KINDS[0], here) for each in (scaler, again))
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    "said",
    [
        1,
        [],
        [[[0.0]], [0.0], 0.0],
        [[0.0], [0.0], 0.0, 1.0],
        [[[0.0]], [0.0], 0.0, 1.0],
        [[[0.0]], [0.0, 0.0], 1.0, 1.0],
        [[[float("nan")]], [0.0, 0.0], 0.0, 1.0],
        [[[0.0], [0.0, 1.0]], [0.0, 0.0], 0.0, 1.0],
        [[["x"]], [0.0, 0.0], 0.0, 1.0],
    ],
)
def test_nothing_but_a_field_is_thawed(said: Any) -> None:
    with pytest.raises(ScaleError, match="is not a scale field"):
        Field.from_list(said)
