"""A film of a drive: camera image and depth, costmap, and the true position of the robot."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray, ImageArray
from depth_ros.drive.floor import outlines
from depth_ros.drive.rendered_camera import View
from depth_ros.drive.scenario import OVERHEAD_M, Scenario
from depth_ros.evaluation import picture
from depth_ros.navigation.costmap import Costmap
from depth_ros.navigation.costs import INSCRIBED_INFLATED_OBSTACLE, LETHAL_OBSTACLE, NO_INFORMATION
from depth_ros.navigation.footprint import RobotPose
from depth_ros.navigation.simulation import Step
from depth_ros.training.rooms.room import SHELL, Room

Colour = tuple[int, int, int]
SIDE = 372
"""Height of the pictures, and width of the two maps, in pixels."""
_EYE = (SIDE * 2 // 3, SIDE // 2)  # width and height of camera image and depth
_BAND = 26
_FINE = 2  # factor by which maps are drawn larger
_BACKGROUND, _TEXT = (16, 18, 22), (225, 228, 232)
_FREE, _LETHAL, _INSCRIBED = (34, 39, 48), (255, 214, 92), (172, 62, 84)
_FAR_COST, _NEAR_COST = (40, 52, 84), (120, 58, 128)
_ROBOT, _PATH, _TRACE, _GOAL = (255, 122, 40), (92, 240, 200), (255, 170, 110), (255, 60, 150)
_AROUND_M, _WALL_M = 1.8, 0.15  # margins of the maps around start and goal, and outside walls
_VIEW_M, _HALF_FOV = 1.1, math.radians(35)
_EDGE = (30, 32, 36)
_GAMMA = 2.2


class Scene(NamedTuple):
    """What is constant in a drive: the room, its number, the room count and the robot's radius."""

    scenario: Scenario
    number: int
    rooms: int
    radius_m: float


class _Map:
    """A square map, north up, of the area around start and goal."""

    def __init__(self, scenario: Scenario) -> None:
        ends = np.array([scenario.start[:2], scenario.goal])
        half = np.ptp(ends, axis=0).max() / 2 + _AROUND_M
        # Shift the map into the room where possible.
        spare = np.maximum(scenario.room.size_m[:2] / 2 + _WALL_M - half, 0)
        self._low, self.size = ends.mean(axis=0).clip(-spare, spare) - half, SIDE * _FINE
        self.px_per_m = self.size / (2 * half)

    def px(self, places_m: FloatArray | tuple[float, float]) -> npt.NDArray[np.int32]:
        """Return the pixels (..., 2) of positions (..., 2) in metres."""
        u, v = np.moveaxis((np.asarray(places_m) - self._low) * self.px_per_m, -1, 0)
        return np.asarray(np.stack([u, self.size - v], axis=-1).round(), np.int32)

    def middles_m(self) -> FloatArray:
        """Return the positions (H, W, 2) of the map's pixels in metres."""
        steps = (np.arange(self.size) + 0.5) / self.px_per_m
        x, y = np.meshgrid(steps + self._low[0], steps[::-1] + self._low[1])
        return np.stack([x, y], axis=-1)


class Film:
    """Draws the pictures of one drive, one per step."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._map = scene, _Map(scene.scenario)
        self._room = _draw_room(scene.scenario.room, self._map)
        self._trace: list[tuple[float, float]] = []

    def picture(
        self, step: Step, view: View, costmap: Costmap, path_m: FloatArray | None
    ) -> ImageArray:
        """Return the next picture (H, W, 3).

        Args:
            step: state of the robot.
            view: the last image and depth.
            costmap: the robot's costmap.
            path_m: (N, 2) the planned path.
        """
        self._trace.append(step.pose[:2])
        known = self._draw_costmap(costmap)
        if path_m is not None:
            _line(known, self._map.px(path_m), _PATH, 2)
        truth = self._room.copy()
        _wedge(truth, self._map, step.pose)
        _line(truth, self._map.px(np.array(self._trace)), _TRACE, 3)
        for panel in (known, truth):
            self._draw_robot(panel, step.pose)
        body = [_eyes(view), *(_shrunk(panel) for panel in (known, truth))]
        return np.vstack([self._band(step), np.hstack(body)])

    def _draw_costmap(self, costmap: Costmap) -> ImageArray:
        places = costmap.window.map_from_world(self._map.middles_m())
        inside = costmap.window.contains(places)
        cells = places.astype(np.int64).clip(0, costmap.window.size - 1)
        costs = costmap.costs[cells[..., 1], cells[..., 0]]
        colours = _cost_colours()[costs]
        colours[~inside] = _BACKGROUND
        return np.ascontiguousarray(colours, np.uint8)

    def _draw_robot(self, panel: ImageArray, pose: RobotPose) -> None:
        goal, centre = self._map.px(self._scene.scenario.goal), self._map.px(pose[:2])
        radius = round(self._scene.radius_m * self._map.px_per_m)
        _disc(panel, goal, 9 * _FINE, _GOAL, 2 * _FINE)
        _disc(panel, goal, 3 * _FINE, _GOAL, -1)
        _disc(panel, centre, radius, _ROBOT, -1)
        _disc(panel, centre, radius, (255, 255, 255), _FINE)
        nose = centre + radius * np.array([math.cos(pose[2]), -math.sin(pose[2])])
        ends = np.stack([centre, nose.round().astype(np.int32)])
        _line(panel, ends, (255, 255, 255), 2)

    def _band(self, step: Step) -> ImageArray:
        scene, band = self._scene, np.full((_BAND, _EYE[0] + 2 * SIDE, 3), _BACKGROUND, np.uint8)
        state = step.outcome.value if step.outcome else "driving"
        _write(band, f"room {scene.number} of {scene.rooms}: {state}", 8)
        _write(band, "what the robot knows: costmap and path", _EYE[0] + 8)
        _write(band, f"the true room, after {step.seconds:.0f} s", _EYE[0] + SIDE + 8)
        return band


def _eyes(view: View) -> ImageArray:
    """Draw the camera's image above its depth."""
    image = picture.fit(view.rgb, *_EYE)
    if view.depth_m is None:
        return np.vstack([image, np.zeros_like(image)])
    return np.vstack([image, picture.fit(picture.coloured(view.depth_m), *_EYE)])


def _cost_colours() -> ImageArray:
    """Return the colours (256, 3) of all costs."""
    share = np.linspace(0, 1, 256)[:, None]
    table = (1 - share) * np.array(_FAR_COST) + share * np.array(_NEAR_COST)
    table[0] = _FREE
    table[INSCRIBED_INFLATED_OBSTACLE] = _INSCRIBED
    table[LETHAL_OBSTACLE] = _LETHAL
    table[NO_INFORMATION] = _BACKGROUND
    return np.asarray(table, np.uint8)


def _draw_room(room: Room, map_: _Map) -> ImageArray:
    """Draw floor and furniture from above in their own colours, the highest last."""
    canvas = np.full((map_.size, map_.size, 3), _BACKGROUND, np.uint8)
    half = room.size_m[:2] / 2
    corners = map_.px(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half)
    cv2.fillPoly(canvas, [corners], _shown(room.materials[0]), cv2.LINE_AA)
    shapes = np.concatenate([room.boxes[:, [2, 6]], room.cylinders[:, [2, 4]]])
    below = shapes[:, 0] < OVERHEAD_M
    tops_m = shapes[below].sum(axis=1)
    all_corners, materials = outlines(room, OVERHEAD_M), room.materials[SHELL:][below]
    for index in np.argsort(tops_m, kind="stable"):
        shape = map_.px(all_corners[index])
        cv2.fillPoly(canvas, [shape], _shown(materials[index]), cv2.LINE_AA)
        cv2.polylines(canvas, [shape], True, _EDGE, 1, cv2.LINE_AA)
    cv2.polylines(canvas, [corners], True, (230, 230, 230), 2 * _FINE, cv2.LINE_AA)
    return canvas


def _shown(material: FloatArray) -> Colour:
    """Return a material's colour, gamma-encoded for a screen."""
    red, green, blue = (255 * material[:3].clip(0, 1) ** (1 / _GAMMA)).round().astype(int).tolist()
    return red, green, blue


def _wedge(panel: ImageArray, map_: _Map, pose: RobotPose) -> None:
    """Lighten the area in the camera's field of view."""
    angles = pose[2] + np.linspace(-_HALF_FOV, _HALF_FOV, 24)
    arc = np.array(pose[:2]) + _VIEW_M * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    shape = map_.px(np.vstack([pose[:2], arc]))
    lit = panel.copy()
    cv2.fillPoly(lit, [shape], (255, 250, 225), cv2.LINE_AA)
    cv2.addWeighted(lit, 0.35, panel, 0.65, 0, dst=panel)


def _disc(
    panel: ImageArray, px: npt.NDArray[np.int32], radius: int, colour: Colour, width: int
) -> None:
    cv2.circle(panel, (int(px[0]), int(px[1])), radius, colour, width, cv2.LINE_AA)


def _line(panel: ImageArray, px: npt.NDArray[np.int32], colour: Colour, width: int) -> None:
    cv2.polylines(panel, [px], False, colour, width * _FINE, cv2.LINE_AA)


def _shrunk(panel: ImageArray) -> ImageArray:
    return np.asarray(cv2.resize(panel, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _write(band: ImageArray, text: str, x: int) -> None:
    at = (x, _BAND - 9)
    cv2.putText(band, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _TEXT, 1, cv2.LINE_AA)
