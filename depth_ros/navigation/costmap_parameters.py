"""The parameters of a local costmap, with Nav2's names and defaults (nav2_costmap_2d 1.3.13)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from depth_ros import share, yaml_file
from depth_ros.errors import SettingError

SHIPPED = "config/nav2/costmap.yaml"
COMBINATION_METHODS = (0, 1, 2)
MAX_Z_VOXELS = 16
_NODE = "local_costmap"
_T = TypeVar("_T")


@dataclass(frozen=True)
class SourceParameters:
    """One observation source of an obstacle or voxel layer. Heights and ranges in metres."""

    marking: bool = True
    clearing: bool = False
    min_obstacle_height: float = 0.0
    max_obstacle_height: float = 0.0
    obstacle_max_range: float = 2.5
    obstacle_min_range: float = 0.0
    raytrace_max_range: float = 3.0
    raytrace_min_range: float = 0.0
    topic: str = ""


@dataclass(frozen=True)
class ObstacleParameters:
    """nav2_costmap_2d::ObstacleLayer."""

    enabled: bool = True
    footprint_clearing_enabled: bool = True
    combination_method: int = 1
    min_obstacle_height: float = 0.0
    max_obstacle_height: float = 2.0
    sources: tuple[SourceParameters, ...] = ()


@dataclass(frozen=True)
class VoxelParameters(ObstacleParameters):
    """nav2_costmap_2d::VoxelLayer."""

    z_voxels: int = 10
    origin_z: float = 0.0
    z_resolution: float = 0.2
    unknown_threshold: int = 15
    mark_threshold: int = 0


@dataclass(frozen=True)
class InflationParameters:
    """nav2_costmap_2d::InflationLayer."""

    enabled: bool = True
    inflation_radius: float = 0.55
    cost_scaling_factor: float = 10.0
    inflate_unknown: bool = False
    inflate_around_unknown: bool = False


LayerParameters = ObstacleParameters | InflationParameters
_PLUGINS: dict[str, type[LayerParameters]] = {
    "nav2_costmap_2d::ObstacleLayer": ObstacleParameters,
    "nav2_costmap_2d::VoxelLayer": VoxelParameters,
    "nav2_costmap_2d::InflationLayer": InflationParameters,
}


@dataclass(frozen=True)
class CostmapParameters:
    """A costmap's window (width and height in whole metres, resolution in m) and its layers."""

    width: int = 5
    height: int = 5
    resolution: float = 0.1
    origin_x: float = 0.0
    origin_y: float = 0.0
    rolling_window: bool = False
    track_unknown_space: bool = False
    robot_radius: float = 0.1
    footprint_padding: float = 0.01
    footprint: str = "[]"
    layers: tuple[LayerParameters, ...] = field(default=())

    def polygon(self) -> list[tuple[float, float]]:
        """Return the corners [m] of `footprint`; empty if robot_radius is used instead."""
        return [(float(x), float(y)) for x, y in json.loads(self.footprint)]

    def cloud_topic(self) -> str:
        """Return the cloud topic that all observation sources of all layers subscribe to.

        Raises:
            SettingError: there is no source, or the sources have different topics.
        """
        layers = (each for each in self.layers if isinstance(each, ObstacleParameters))
        topics = {source.topic for layer in layers for source in layer.sources}
        if len(topics) != 1:
            found = ", ".join(sorted(topics)) or "none"
            raise SettingError(f"the costmap's sources have topics {found}, expected one topic")
        return topics.pop()

    @classmethod
    def read(cls, path: Path | None = None) -> CostmapParameters:
        """Read a Nav2 parameter file; without a path, the shipped file.

        Parameters that do not affect costs, such as frequencies, are ignored.

        Raises:
            SettingError: it is not a parameter file, or has an unknown layer or value.
        """
        path = path or share.find(SHIPPED)
        try:
            said = yaml_file.load(path)[_NODE][_NODE]["ros__parameters"]
            return _costmap(said)
        except SettingError as error:
            raise SettingError(f"{path}: {error}") from error
        except Exception as error:  # of the YAML parser, or from a wrong type
            raise SettingError(
                f"{path} is no costmap's parameters: {type(error).__name__}: {error}; expected "
                f"{_NODE}: {_NODE}: ros__parameters, as in {SHIPPED}"
            ) from error


def _costmap(said: Mapping[str, Any]) -> CostmapParameters:
    layers = tuple(_layer(name, said[name]) for name in said.get("plugins", ()))
    costmap = _known(CostmapParameters, said, layers=layers)
    if costmap.resolution <= 0 or costmap.width <= 0 or costmap.height <= 0:
        raise SettingError(
            f"a costmap of {costmap.width} x {costmap.height} m in cells of {costmap.resolution} m,"
            " expected more than 0"
        )
    costmap.polygon()  # raises early if invalid
    return costmap


def _layer(name: str, said: Mapping[str, Any]) -> LayerParameters:
    plugin = said.get("plugin")
    if plugin not in _PLUGINS:
        raise SettingError(f"{name} has plugin {plugin}, expected one of {', '.join(_PLUGINS)}")
    kind = _PLUGINS[plugin]
    if not issubclass(kind, ObstacleParameters):
        return _known(kind, said)
    names = str(said.get("observation_sources", "")).split()
    layer = _known(kind, said, sources=tuple(_source(each, said[each]) for each in names))
    if layer.combination_method not in COMBINATION_METHODS:
        raise SettingError(
            f"{name} has combination_method {layer.combination_method}, expected 0, 1 or 2"
        )
    if isinstance(layer, VoxelParameters) and not 0 < layer.z_voxels <= MAX_Z_VOXELS:
        raise SettingError(f"{name} has z_voxels {layer.z_voxels}, expected 1 to {MAX_Z_VOXELS}")
    return layer


def _source(name: str, said: Mapping[str, Any]) -> SourceParameters:
    if (kind := said.get("data_type", "LaserScan")) != "PointCloud2":
        raise SettingError(f"source {name} has data_type {kind}, expected PointCloud2")
    return _known(SourceParameters, {"topic": name, **said})


def _known(kind: Callable[..., _T], said: Mapping[str, Any], **others: Any) -> _T:
    """Create a dataclass from the given fields, each converted to the type of its default."""
    values = {
        each.name: type(cast(Any, each.default))(said[each.name])
        for each in fields(cast(Any, kind))
        if each.name in said and each.name not in others
    }
    return kind(**values, **others)
