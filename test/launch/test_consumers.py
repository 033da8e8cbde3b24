"""The shipped files for Nav2, STVL, RTAB-Map and others, against what these declare.

Names and types are facts of their sources: Nav2 1.3 (nav2_costmap_2d, nav2_collision_monitor,
nav2_lifecycle_manager), STVL 2.5, rtabmap_ros 0.21, depthimage_to_laserscan 2.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from depth_ros.config import SPECS, Settings, split
from depth_ros.ground_frame import ON_GROUND

CONFIG = Path(__file__).parents[2] / "config"
PRESETS = sorted((CONFIG / "presets").iterdir())
FILES = [*(CONFIG / "nav2").iterdir(), *(CONFIG / f"{n}.yaml" for n in ("stvl", "rtabmap"))]
FILES.append(CONFIG / "laserscan.yaml")

Table = dict[str, type]
COSTMAP: Table = {
    **dict.fromkeys(("update_frequency", "publish_frequency", "resolution"), float),
    **dict.fromkeys(("robot_radius", "footprint_padding", "transform_tolerance"), float),
    **dict.fromkeys(("global_frame", "robot_base_frame"), str),
    **dict.fromkeys(("width", "height"), int),
    "rolling_window": bool,
    "plugins": list,
}
SOURCE: Table = {
    **dict.fromkeys(("topic", "data_type", "sensor_frame"), str),
    **dict.fromkeys(("marking", "clearing", "inf_is_valid"), bool),
    **dict.fromkeys(("min_obstacle_height", "max_obstacle_height"), float),
    **dict.fromkeys(("obstacle_max_range", "obstacle_min_range"), float),
    **dict.fromkeys(("raytrace_max_range", "raytrace_min_range"), float),
    **dict.fromkeys(("expected_update_rate", "observation_persistence"), float),
}
OBSTACLE: Table = {
    **dict.fromkeys(("plugin", "observation_sources"), str),
    **dict.fromkeys(("enabled", "footprint_clearing_enabled"), bool),
    "max_obstacle_height": float,
    "combination_method": int,
}
VOXEL: Table = {
    **OBSTACLE,
    "publish_voxel_map": bool,
    **dict.fromkeys(("origin_z", "z_resolution"), float),
    **dict.fromkeys(("z_voxels", "unknown_threshold", "mark_threshold"), int),
}
INFLATION: Table = {
    "plugin": str,
    "enabled": bool,
    **dict.fromkeys(("cost_scaling_factor", "inflation_radius"), float),
    **dict.fromkeys(("inflate_unknown", "inflate_around_unknown"), bool),
}
STVL: Table = {
    **dict.fromkeys(("plugin", "observation_sources"), str),
    **dict.fromkeys(("enabled", "track_unknown_space", "update_footprint_enabled"), bool),
    **dict.fromkeys(("publish_voxel_map", "mapping_mode"), bool),
    **dict.fromkeys(("voxel_decay", "voxel_size", "origin_z", "map_save_duration"), float),
    **dict.fromkeys(("decay_model", "mark_threshold", "combination_method"), int),
}
STVL_SOURCE: Table = {
    **dict.fromkeys(("topic", "data_type", "sensor_frame", "filter"), str),
    **dict.fromkeys(("marking", "clearing", "inf_is_valid", "clear_after_reading"), bool),
    **dict.fromkeys(("min_obstacle_height", "max_obstacle_height", "obstacle_range"), float),
    **dict.fromkeys(("expected_update_rate", "observation_persistence"), float),
    **dict.fromkeys(("min_z", "max_z", "vertical_fov_angle", "horizontal_fov_angle"), float),
    "decay_acceleration": float,
    **dict.fromkeys(("voxel_min_points", "model_type"), int),
}
MONITOR: Table = {
    **dict.fromkeys(("base_frame_id", "odom_frame_id", "state_topic"), str),
    **dict.fromkeys(("cmd_vel_in_topic", "cmd_vel_out_topic"), str),
    **dict.fromkeys(("transform_tolerance", "source_timeout", "stop_pub_timeout"), float),
    **dict.fromkeys(("base_shift_correction", "use_realtime_priority"), bool),
    **dict.fromkeys(("polygons", "observation_sources"), list),
}
ZONE: Table = {
    **dict.fromkeys(("type", "points", "action_type", "polygon_pub_topic"), str),
    **dict.fromkeys(("enabled", "visualize"), bool),
    "sources_names": list,
    "min_points": int,
}
# Each is declared for one action alone.
ACTIONS: dict[str, Table] = {
    "stop": {},
    "slowdown": {"slowdown_ratio": float},
    "limit": {"linear_limit": float, "angular_limit": float},
    "approach": {"time_before_collision": float, "simulation_time_step": float},
}
MONITOR_CLOUD: Table = {
    **dict.fromkeys(("type", "topic"), str),
    **dict.fromkeys(("enabled", "use_global_height"), bool),
    **dict.fromkeys(("min_height", "max_height", "min_range", "source_timeout"), float),
}
PLUGINS = {
    "nav2_costmap_2d::VoxelLayer": (VOXEL, SOURCE),
    "nav2_costmap_2d::ObstacleLayer": (OBSTACLE, SOURCE),
    "nav2_costmap_2d::InflationLayer": (INFLATION, {}),
    "spatio_temporal_voxel_layer/SpatioTemporalVoxelLayer": (STVL, STVL_SOURCE),
}
NODES: dict[str, Table] = {
    "local_costmap": COSTMAP,
    "collision_monitor": MONITOR,
    "lifecycle_manager_depth": {
        **dict.fromkeys(("autostart", "attempt_respawn_reconnection"), bool),
        **dict.fromkeys(("bond_timeout", "bond_respawn_max_duration"), float),
        "node_names": list,
    },
    "depthimage_to_laserscan": {
        **dict.fromkeys(("scan_time", "range_min", "range_max"), float),
        "scan_height": int,
        "output_frame": str,
    },
    "rgbd_sync": {
        "approx_sync": bool,
        **dict.fromkeys(("sync_queue_size", "topic_queue_size", "qos", "decimation"), int),
        **dict.fromkeys(("approx_sync_max_interval", "depth_scale"), float),
    },
    "rgbd_odometry": {
        **dict.fromkeys(("frame_id", "odom_frame_id", "guess_frame_id"), str),
        **dict.fromkeys(("subscribe_rgbd", "approx_sync", "publish_tf"), bool),
        "qos": int,
    },
    "rtabmap": {
        "frame_id": str,
        **dict.fromkeys(("subscribe_rgbd", "subscribe_depth", "approx_sync"), bool),
    },
}
# RTAB-Map's own parameters are texts.
RTABMAP = {"Vis/MaxDepth", "Vis/EstimationType", "Reg/Force3DoF"}
RTABMAP |= {"Grid/RangeMax", "Grid/MaxGroundHeight", "Grid/MaxObstacleHeight"}


def parameters(values: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node's parameters by its name."""
    for name, below in values.items():
        if name == "ros__parameters":
            yield path, below
        else:
            yield from parameters(below, name)


def load(path: Path) -> dict[str, dict[str, Any]]:
    return dict(parameters(yaml.safe_load(path.read_text())))


def check(values: dict[str, Any], table: Table) -> None:
    for name, value in values.items():
        if name in RTABMAP:
            assert isinstance(value, str), f"{name} is {value!r}"
        else:
            assert type(value) is table.get(name), f"{name} is {value!r}"


def check_layer(values: dict[str, Any]) -> None:
    own, each = PLUGINS[values["plugin"]]
    sources = values.get("observation_sources", "").split()
    assert sources == [name for name, value in values.items() if isinstance(value, dict)]
    check({name: value for name, value in values.items() if name not in sources}, own)
    for source in sources:
        check(values[source], each)


def check_monitor(values: dict[str, Any]) -> None:
    zones, sources = values["polygons"], values["observation_sources"]
    assert {*zones, *sources} == {name for name, value in values.items() if isinstance(value, dict)}
    for zone in zones:
        check(values[zone], {**ZONE, **ACTIONS[values[zone]["action_type"]]})
        assert values[zone]["type"] == "polygon"
    for source in sources:
        check(values[source], MONITOR_CLOUD)
        assert values[source]["type"] == "pointcloud"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_parameter_is_declared_by_its_node_and_of_its_type(path: Path) -> None:
    nodes = load(path)
    assert nodes
    for node, values in nodes.items():
        layers = {name: value for name, value in values.items() if isinstance(value, dict)}
        rest = {name: value for name, value in values.items() if name not in layers}
        check(rest, NODES[node])
        if node == "collision_monitor":
            check_monitor(values)
        else:
            for layer in layers.values():
                check_layer(layer)


@pytest.mark.parametrize("path", [*FILES, *PRESETS], ids=lambda path: path.stem)
def test_a_file_begins_with_what_it_is_for(path: Path) -> None:
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("layer", ["voxel_layer", "obstacle_layer"])
def test_what_clears_reaches_farther_and_lower_than_what_marks(layer: str) -> None:
    values = load(CONFIG / "nav2" / "costmap.yaml")["local_costmap"]
    mark, clear = (values[layer][name] for name in ("mark", "clear"))
    assert (mark["marking"], mark["clearing"]) == (True, False)
    assert (clear["marking"], clear["clearing"]) == (False, True)
    assert mark["topic"] == clear["topic"] == "/points/nav"
    assert clear["raytrace_max_range"] > mark["obstacle_max_range"]
    assert clear["min_obstacle_height"] < 0 < mark["min_obstacle_height"]
    assert mark["max_obstacle_height"] > mark["min_obstacle_height"]
    preset = load(CONFIG / "presets" / "nav2.yaml")["/**"]
    # Points that stand for what is beyond range mark nothing.
    assert preset["beyond_range"] == "max"
    assert preset["nav.range_m"] > mark["obstacle_max_range"]
    # Nothing is between the floor, at a height of 0, and what is an obstacle.
    assert mark["min_obstacle_height"] <= preset["nav.min_height_m"]


def zone(values: dict[str, Any]) -> Any:
    """A zone's corners (N, 2), as Nav2 reads them from its text."""
    corners = np.array(yaml.safe_load(values["points"]), float)
    assert corners.ndim == 2
    assert corners.shape[0] >= 3
    return corners


def test_the_monitors_zones_fit_the_robot_and_the_cloud() -> None:
    monitor = load(CONFIG / "nav2" / "collision_monitor.yaml")["collision_monitor"]
    costmap = load(CONFIG / "nav2" / "costmap.yaml")["local_costmap"]
    preset = load(CONFIG / "presets" / "nav2.yaml")["/**"]
    stop, slow = zone(monitor["stop"]), zone(monitor["slowdown"])
    radius_m = costmap["robot_radius"]
    assert np.abs(stop[:, 1]).min() == pytest.approx(radius_m + costmap["footprint_padding"])
    assert (np.abs(slow) >= np.abs(stop)).all()
    assert slow[:, 0].max() > stop[:, 0].max() > radius_m
    # The rays that clear end there, and would be obstacles. Those upwards end above the band.
    assert np.linalg.norm(slow, axis=1).max() < preset["nav.range_m"]
    assert monitor["slowdown"]["min_points"] > monitor["stop"]["min_points"] > 1
    cloud = monitor["depth"]
    assert cloud["topic"] == costmap["voxel_layer"]["mark"]["topic"]
    assert 0 < cloud["min_height"] <= preset["nav.min_height_m"] < cloud["max_height"]
    assert monitor["base_frame_id"] == ON_GROUND
    assert monitor["odom_frame_id"] == costmap["global_frame"]


def test_nobody_waits_for_a_bond() -> None:
    manager = load(CONFIG / "nav2" / "lifecycle_manager.yaml")["lifecycle_manager_depth"]
    assert manager["bond_timeout"] == 0.0
    assert manager["node_names"] == ["depth"]


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_value_of_a_preset_is_allowed_and_has_its_reason(path: Path) -> None:
    ours, warnings = split(load(path)["/**"])
    assert not warnings
    settings = Settings().with_values(**ours)
    assert {name: getattr(settings, SPECS[name].field) for name in ours} == {
        name: SPECS[name].cast(value) for name, value in ours.items()
    }
    lines = path.read_text().splitlines()
    for name in ours:
        (number,) = (i for i, line in enumerate(lines) if line.strip().startswith(f"{name}:"))
        assert lines[number - 1].strip().startswith("# "), name


def test_there_are_presets_for_navigation_slam_maps_and_eyes() -> None:
    assert {path.stem for path in PRESETS} == {"nav2", "slam", "mapping", "look"}
