"""The costmap against Nav2's rules: by hand, and against a slow implementation of them."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.errors import SettingError
from depth_ros.navigation.costmap import Costmap
from depth_ros.navigation.costmap_parameters import (
    CostmapParameters,
    InflationParameters,
    ObstacleParameters,
    SourceParameters,
    VoxelParameters,
)
from depth_ros.navigation.costs import (
    FREE_SPACE,
    INSCRIBED_INFLATED_OBSTACLE,
    LETHAL_OBSTACLE,
    NO_INFORMATION,
)
from test.navigation.nav2_reference import Reference, Voxels, inflated

Floats = npt.NDArray[np.float64]
CAMERA = np.array([0.0, 0.0, 0.5])
HOME = (0.0, 0.0, 0.0)
SOURCE = SourceParameters(clearing=True, min_obstacle_height=0.1, max_obstacle_height=2.0)
VOXELS = VoxelParameters(
    z_voxels=16, z_resolution=0.05, footprint_clearing_enabled=False, sources=(SOURCE,)
)
FLAT = ObstacleParameters(footprint_clearing_enabled=False, sources=(SOURCE,))


def costmap(*layers: ObstacleParameters | InflationParameters, side_m: int = 4) -> Costmap:
    return Costmap(
        CostmapParameters(
            width=side_m, height=side_m, resolution=0.05, rolling_window=True, layers=layers
        )
    )


def wall(x_m: float, low_m: float = 0.0, high_m: float = 0.79) -> Floats:
    """Points 2 cm apart on an upright plane 1 m wide, straight ahead."""
    y, z = np.meshgrid(np.arange(-0.5, 0.5, 0.02), np.arange(low_m, high_m, 0.02))
    return np.stack([np.full(y.size, x_m), y.ravel(), z.ravel()], axis=1)


def lethal_x(costs: Costmap) -> Floats:
    """The x in metres of every lethal cell."""
    y, x = (costs.costs == LETHAL_OBSTACLE).nonzero()
    return costs.window.world_from_map(np.stack([x, y], axis=1))[:, 0]


@pytest.mark.parametrize("layer", [VOXELS, FLAT])
def test_a_wall_marks_the_cells_it_stands_in(layer: ObstacleParameters) -> None:
    map_ = costmap(layer)
    map_.update(wall(1.52), CAMERA, HOME)
    x = lethal_x(map_)
    assert len(x) >= 20
    assert np.allclose(x, 1.52, atol=0.05)
    assert map_.cost_at(1.52, 0.0) == LETHAL_OBSTACLE
    assert map_.cost_at(1.0, 0.0) == FREE_SPACE


@pytest.mark.parametrize("layer", [VOXELS, FLAT])
def test_a_ray_clears_what_is_gone_up_to_before_its_point(layer: ObstacleParameters) -> None:
    map_ = costmap(layer)
    map_.update(wall(1.0, 0.35, 0.6), CAMERA, HOME)
    assert map_.cost_at(1.0, 0.0) == LETHAL_OBSTACLE
    map_.update(wall(1.82), CAMERA, HOME)
    assert map_.cost_at(1.0, 0.0) == FREE_SPACE
    assert map_.cost_at(1.82, 0.0) == LETHAL_OBSTACLE


def test_a_voxel_that_no_ray_passes_stays() -> None:
    map_ = costmap(VOXELS)
    map_.update(wall(1.0), CAMERA, HOME)
    over = wall(1.8, low_m=0.6)  # at 1 m these rays are higher than 0.5 m
    map_.update(over, CAMERA, HOME)
    assert map_.cost_at(1.0, 0.0) == LETHAL_OBSTACLE
    flat = costmap(FLAT)
    flat.update(wall(1.0), CAMERA, HOME)
    flat.update(over, CAMERA, HOME)
    assert flat.cost_at(1.0, 0.0) == FREE_SPACE


@pytest.mark.parametrize(("z_m", "cost"), [(0.05, 0), (0.2, 254), (0.75, 254), (2.5, 0)])
@pytest.mark.parametrize("layer", [VOXELS, FLAT])
def test_only_a_band_of_heights_marks(layer: ObstacleParameters, z_m: float, cost: int) -> None:
    map_ = costmap(layer)
    map_.update(np.array([[1.02, 0.02, z_m]]), CAMERA, HOME)
    assert map_.cost_at(1.02, 0.02) == cost


def test_a_source_below_its_height_does_not_clear() -> None:
    floor = wall(1.8) * (1, 1, 0)
    one = costmap(VOXELS)
    one.update(wall(1.0), CAMERA, HOME)
    one.update(floor, CAMERA, HOME)
    assert one.cost_at(1.0, 0.0) == LETHAL_OBSTACLE
    clear = SourceParameters(
        marking=False, clearing=True, min_obstacle_height=-0.5, max_obstacle_height=2.0
    )
    two = costmap(replace(VOXELS, sources=(replace(SOURCE, clearing=False), clear)))
    two.update(wall(1.0, low_m=0.2, high_m=0.24), CAMERA, HOME)
    two.update(floor, CAMERA, HOME)
    assert two.cost_at(1.0, 0.0) == FREE_SPACE


@pytest.mark.parametrize(("threshold", "cost"), [(0, 254), (1, 254), (2, 0)])
def test_more_voxels_than_the_threshold_make_a_cell_lethal(threshold: int, cost: int) -> None:
    map_ = costmap(replace(VOXELS, mark_threshold=threshold))
    # Two voxels, each seen twice.
    points = np.array([[1.02, 0.02, z] for z in (0.31, 0.33, 0.41, 0.43)])
    map_.update(points, CAMERA, HOME)
    assert map_.cost_at(1.02, 0.02) == cost


@pytest.mark.parametrize(("threshold", "cost"), [(14, NO_INFORMATION), (15, FREE_SPACE)])
def test_a_ray_through_mostly_unknown_voxels_leaves_the_cell_unknown(
    threshold: int, cost: int
) -> None:
    map_ = costmap(replace(VOXELS, unknown_threshold=threshold))
    map_ = Costmap(replace(map_.parameters, track_unknown_space=True))
    map_.update(np.array([[1.52, 0.02, 0.5]]), CAMERA, HOME)
    assert map_.cost_at(1.02, 0.02) == cost


@pytest.mark.parametrize("layer", [VOXELS, FLAT])
def test_ranges_limit_marks_and_rays(layer: ObstacleParameters) -> None:
    limited = replace(
        SOURCE, obstacle_min_range=0.5, obstacle_max_range=1.5, raytrace_max_range=1.0
    )
    map_ = costmap(replace(layer, sources=(limited,)))
    for x_m in (0.42, 0.82, 1.32, 1.72):
        map_.update(np.array([[x_m, 0.02, 0.52]]), CAMERA, HOME)
    costs = [map_.cost_at(x_m, 0.02) for x_m in (0.42, 0.82, 1.32, 1.72)]
    # The first and the last are out of range, the second was cleared, and no ray reaches the third.
    assert costs == [FREE_SPACE, FREE_SPACE, LETHAL_OBSTACLE, FREE_SPACE]


def test_the_window_rolls_by_whole_cells_and_keeps_what_is_in_it() -> None:
    map_ = costmap(VOXELS)
    map_.update(wall(1.52), CAMERA, HOME)
    before = map_.window.origin_m
    nothing = np.empty((0, 3))
    map_.update(nothing, CAMERA, (0.73, -0.41, 0.0))
    steps = (map_.window.origin_m - before) / 0.05
    assert np.allclose(steps, np.round(steps))
    assert np.abs(map_.window.origin_m + map_.window.extent_m() / 2 - (0.73, -0.41)).max() < 0.05
    assert map_.cost_at(1.52, 0.0) == LETHAL_OBSTACLE
    map_.update(nothing, CAMERA, (-3.0, 0.0, 0.0))
    map_.update(nothing, CAMERA, HOME)
    assert map_.cost_at(1.52, 0.0) == FREE_SPACE  # it was out of the window


def test_a_camera_above_the_voxels_clears_nothing() -> None:
    map_ = costmap(VOXELS)
    map_.update(wall(1.0), CAMERA, HOME)
    map_.update(wall(1.8), np.array([0.0, 0.0, 0.9]), HOME)
    assert map_.cost_at(1.0, 0.0) == LETHAL_OBSTACLE


def test_what_is_no_point_does_nothing() -> None:
    map_ = costmap(VOXELS)
    map_.update(np.array([[np.nan] * 3, [1.0, 0.0, np.inf], [np.inf, 0.0, 0.5]]), CAMERA, HOME)
    assert not map_.costs.any()


def test_the_robot_stands_on_free_floor() -> None:
    near = wall(0.1)
    map_ = costmap(replace(VOXELS, footprint_clearing_enabled=True))
    map_.update(near, np.array([-0.5, 0.0, 0.5]), HOME)
    assert map_.cost_at(0.1, 0.0) == FREE_SPACE  # radius 0.1, padded by 0.01
    assert map_.cost_at(0.1, 0.4) == LETHAL_OBSTACLE


@pytest.mark.parametrize(("method", "cost"), [(0, 0), (1, 254), (2, 254)])
def test_layers_are_combined(method: int, cost: int) -> None:
    sees, blind = replace(FLAT, sources=(SOURCE,)), replace(FLAT, combination_method=method)
    map_ = costmap(sees, replace(blind, sources=()))
    map_.update(wall(1.0), CAMERA, HOME)
    assert map_.cost_at(1.0, 0.0) == cost


def test_inflation_falls_with_the_distance() -> None:
    map_ = costmap(VOXELS, InflationParameters(cost_scaling_factor=3.0))
    map_.update(np.array([[1.02, 0.02, 0.5]]), CAMERA, HOME)
    assert map_.cost_at(1.02, 0.02) == LETHAL_OBSTACLE
    assert map_.cost_at(1.12, 0.02) == INSCRIBED_INFLATED_OBSTACLE
    expected = int(252 * math.exp(-3.0 * (0.3 - map_.inscribed_radius_m)))
    assert map_.cost_at(1.32, 0.02) == expected
    assert map_.cost_at(1.62, 0.02) == FREE_SPACE


def test_the_inscribed_radius_is_that_of_the_padded_circle() -> None:
    # Of 16 corners; the padding is added to x and y of each.
    radius_m = Costmap(CostmapParameters(robot_radius=0.22)).inscribed_radius_m
    assert 0.22 * math.cos(math.pi / 16) < radius_m < 0.22 + 0.01 * math.sqrt(2)


@pytest.mark.parametrize("kind", ["voxel", "voxel, thresholds", "flat", "flat, unknown"])
@pytest.mark.parametrize("seed", range(3))
def test_many_clouds_of_a_moving_robot_make_the_reference_costmap(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    near = SourceParameters(True, False, 0.2, 1.8, 1.2, 0.1 * seed)
    far = SourceParameters(False, True, -0.5, 2.0, raytrace_max_range=1.5)
    far = replace(far, raytrace_min_range=0.15 * seed)
    sources = (near, far)
    voxels = Voxels(8, 0.0, 0.1, 6, 1) if "thresholds" in kind else Voxels(16, -0.1, 0.05, 15, 0)
    layer: ObstacleParameters = replace(FLAT, sources=sources)
    if kind.startswith("voxel"):
        layer = replace(VOXELS, sources=sources, **voxels._asdict())
    map_ = costmap(layer, side_m=3)
    unknown = "unknown" in kind
    map_ = Costmap(replace(map_.parameters, track_unknown_space=unknown))
    slow = Reference(
        (60, 60), 0.05, [asdict(each) for each in sources], voxels if "voxel" in kind else None
    )
    slow.default = NO_INFORMATION if unknown else FREE_SPACE
    for step in range(6):
        robot = (0.31 * step - 0.7, 0.4 - 0.17 * step, 0.0)
        origin = np.array([robot[0], robot[1], 0.5])
        spread = rng.normal(0, 1, (100, 3)) * (1.2, 1.2, 0.4)
        above = spread + np.array([0.0, 0.0, 0.11])  # so that some columns have two
        points = np.float32(origin + np.concatenate([spread, above])).astype(np.float64)
        map_.update(points, origin, robot)
        slow.update([tuple(point) for point in points.tolist()], tuple(origin.tolist()), robot)
        assert np.array_equal(map_.costs, slow.grid())
    assert (map_.costs == LETHAL_OBSTACLE).sum() > 30
    assert (map_.costs == FREE_SPACE).sum() > 30


@pytest.mark.parametrize("seed", range(3))
def test_inflation_is_the_references(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inflation = InflationParameters(inflation_radius=0.4, cost_scaling_factor=2.0 + seed)
    parameters = replace(costmap(VOXELS, side_m=2).parameters, track_unknown_space=True)
    bare = Costmap(parameters)
    map_ = Costmap(replace(parameters, layers=(VOXELS, inflation)))
    points = CAMERA + rng.normal(0, 0.6, (40, 3)) * (1, 1, 0.3)
    for each in (bare, map_):
        each.update(points, CAMERA, HOME)
    expected = inflated(
        bare.costs.tolist(), 0.05, 0.4, map_.inscribed_radius_m, inflation.cost_scaling_factor
    )
    assert NO_INFORMATION in bare.costs
    assert np.array_equal(map_.costs, expected)


def test_the_shipped_parameters_are_read() -> None:
    parameters = CostmapParameters.read()
    voxels, inflation = parameters.layers
    assert isinstance(voxels, VoxelParameters)
    assert isinstance(inflation, InflationParameters)
    mark, clear = voxels.sources
    assert (parameters.width, parameters.resolution, parameters.robot_radius) == (8, 0.05, 0.22)
    assert (voxels.z_voxels, voxels.mark_threshold) == (16, 2)
    assert (mark.marking, mark.clearing, mark.min_obstacle_height) == (True, False, 0.1)
    assert (clear.marking, clear.clearing, clear.raytrace_max_range) == (False, True, 3.0)
    assert inflation.cost_scaling_factor == 3.0
    assert parameters.cloud_topic() == "/points/nav"


@pytest.mark.parametrize(("topics", "said"), [((), "none"), (("/left", "/right"), "/left, /right")])
def test_without_one_topic_there_is_no_cloud_to_take(topics: tuple[str, ...], said: str) -> None:
    sources = tuple(SourceParameters(topic=each) for each in topics)
    parameters = CostmapParameters(layers=(VoxelParameters(sources=sources),))
    with pytest.raises(SettingError, match=said):
        parameters.cloud_topic()


def test_a_source_without_a_topic_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "costmap.yaml"
    path.write_text(
        "local_costmap: {local_costmap: {ros__parameters: {plugins: [a], a: {plugin: "
        "'nav2_costmap_2d::ObstacleLayer', observation_sources: s, s: {data_type: PointCloud2}}}}}"
    )
    assert CostmapParameters.read(path).cloud_topic() == "s"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("local_costmap: 3", "no costmap's parameters"),
        ("plugins: [a]\na: {plugin: nav2_costmap_2d::StaticLayer}", "StaticLayer"),
        ("resolution: 0.0", "more than 0"),
        ("plugins: [a]\na: {plugin: 'nav2_costmap_2d::VoxelLayer', z_voxels: 17}", "17"),
        (
            "plugins: [a]\na: {plugin: 'nav2_costmap_2d::ObstacleLayer', combination_method: 5}",
            "combination_method 5",
        ),
        (
            "plugins: [a]\n"
            "a: {plugin: 'nav2_costmap_2d::VoxelLayer', observation_sources: s, s: {}}",
            "LaserScan",
        ),
    ],
)
def test_parameters_that_are_none_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "costmap.yaml"
    indented = text.replace("\n", "\n      ")
    whole = f"local_costmap:\n  local_costmap:\n    ros__parameters:\n      {indented}\n"
    path.write_text(text if text.startswith("local_costmap") else whole)
    with pytest.raises(SettingError, match=said):
        CostmapParameters.read(path)
