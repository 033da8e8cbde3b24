"""Outputs for navigation from depth: uncertainty, a thinned cloud and a laser scan."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.geometry import navigation
from depth_ros.geometry.cloud import compacted, coordinates
from depth_ros.geometry.contact import find_contact, standing, upright_m
from depth_ros.geometry.edges import flying
from depth_ros.geometry.navigation import Ground, Points
from depth_ros.geometry.scan import nearest_ranges
from depth_ros.geometry.uncertainty import deviation, deviation_from_confidence
from depth_ros.geometry.voxels import voxel_means
from depth_ros.models.base import ModelFacts
from depth_ros.models.error_models import error_model
from depth_ros.pipeline.agreement import FrameAgreement
from depth_ros.pipeline.depth_frame import DepthFrame
from depth_ros.pipeline.frame_points import FramePoints, range_end_m
from depth_ros.pipeline.laser_scan import Scan, axis_row, beams_in, in_band
from depth_ros.pipeline.place import Place
from depth_ros.pipeline.ray_tables import Rays, RayTables
from depth_ros.pipeline.renderer import Cloud, edge_radius_px, point_stride
from depth_ros.profile import Profile
from depth_ros.runtimes.upload import to_device
from depth_ros.scale.ground import Mount


class _Raw(NamedTuple):
    """Depth (h, w), its deviation, its rays, and the radius of its blur in pixels."""

    depth_m: Tensor
    sigma: Tensor
    rays: Rays
    radius: int


class Navigator:
    """Makes the outputs for navigation on the device of depth, without synchronisation.

    It keeps the last frames of each camera, which are compared with later frames.

    Args:
        model: facts about the network.
        device: of depth.
        profile: measures the time of each stage.
    """

    def __init__(self, model: ModelFacts, device: torch.device, profile: Profile) -> None:
        self._profile = profile
        self._errors = error_model(model.entry.name)
        self._send = partial(to_device, device=device)
        self._agreement = FrameAgreement(self._send)
        self._tables = RayTables(self._send)
        self._beams = lru_cache(maxsize=8)(beams_in)
        self._last: tuple[DepthFrame, Settings, Place, FramePoints] | None = None

    @torch.inference_mode()
    def uncertainty_m(self, depth: DepthFrame, settings: Settings) -> Tensor:
        """Return one standard deviation of depth (H, W) in metres; NaN: no depth."""
        self._profile.begin("uncertainty")
        radius = edge_radius_px(depth, settings)
        sigma = self._sigma(depth, depth.depth_m, radius, 1, self._scale(depth))
        return sigma.mul_(depth.depth_m)

    @torch.inference_mode()
    def cloud(self, depth: DepthFrame, settings: Settings, place: Place) -> Cloud:
        """Return the cloud of obstacles, float32 x, y, z, without synchronisation.

        It includes points that clear: beyond range and on the floor, depending on settings.
        """
        look = self._look(depth, settings, place)
        self._profile.begin("nav")
        marks = self._marks(look, depth, settings, place)
        beyond = look.beyond if settings.beyond_range == "max" else torch.zeros_like(marks)
        points_m, clears = look.points_m, beyond
        if place.mount is not None:
            points_m, clears = _on_ground(look, beyond, place.mount, settings)
        return _thinned(points_m, marks | clears, clears, settings.nav_voxel_m)

    @torch.inference_mode()
    def scan(self, depth: DepthFrame, settings: Settings, place: Place) -> Scan:
        """Return the nearest surface in each direction, without synchronisation.

        With scan.height_band_m and a known ground, the scan is in the ground's frame. Otherwise it
        covers the row of the optical axis, in the camera's frame with x forward (REP 103).
        """
        step, banded = point_stride(depth.stride, settings), in_band(settings, place)
        if not banded:
            settings, place = _of_row(settings), _NOWHERE
        look = self._look(depth, settings, place)
        self._profile.begin("scan")
        pose, hits, free = _BODY_FROM_OPTICAL, look.solid, look.beyond
        if banded:
            assert look.heights_m is not None and look.margin_m is not None
            assert place.ground_from_optical is not None
            (low_m, high_m), pose = settings.scan_height_band_m, place.ground_from_optical
            free = free | hits
            hits = hits & (look.heights_m <= high_m) & (look.heights_m >= low_m + look.margin_m)
        else:
            row = axis_row(depth.camera, step, look.solid)
            hits, free = hits & row, free & row
        beams = self._beams(
            depth.camera, step, pose.tobytes(), range_end_m(depth, settings), banded
        )
        turned = self._send(torch.from_numpy(pose[None, :3].astype(np.float32)))
        points = look.points_m.flatten().moved(turned)
        return Scan(beams, nearest_ranges(points, hits, free, beams))

    def _look(self, depth: DepthFrame, settings: Settings, place: Place) -> FramePoints:
        """Return the points of a frame and their properties; those of the last frame are cached."""
        if self._last is not None:
            *facts, look = self._last
            if facts[0] is depth and facts[1] == settings and facts[2] is place:
                return look
        self._profile.begin("nav")
        look = self._looked(depth, settings, place.mount)
        self._last = (depth, settings, place, look)
        return look

    def _looked(self, depth: DepthFrame, settings: Settings, mount: Mount | None) -> FramePoints:
        step = point_stride(depth.stride, settings)
        depth_m = depth.depth_m[::step, ::step].contiguous()
        radius = math.ceil(edge_radius_px(depth, settings) / step)
        sigma = self._sigma(depth, depth_m, radius, step, scale=0.0)
        raw = _Raw(depth_m, sigma, self._tables.rays(depth.camera, step), radius)
        floor = None
        if mount is not None and settings.nav_contact:
            raw, floor = self._by_contact(depth, raw, mount, settings)
        points_m, distance_m, solid, beyond = _within(raw, range_end_m(depth, settings))
        if settings.edges_filter != "off":
            filled = depth.filled
            solid &= ~(
                flying(depth_m, settings.edges_step, radius)
                if filled is None
                else filled[::step, ::step]
            )
        # Objects on the floor have the scale of the floor.
        scale = self._scale(depth) if floor is None else 0.0
        sigma = raw.sigma.square().add_(scale**2).sqrt_() if scale else raw.sigma
        look = FramePoints(points_m, distance_m, sigma, raw.sigma, solid, beyond)
        return look if mount is None else _with_heights(look, floor, mount, settings)

    def _by_contact(
        self, depth: DepthFrame, raw: _Raw, mount: Mount, settings: Settings
    ) -> tuple[_Raw, Tensor]:
        """Return depth corrected by contact with the ground, and a mask of the ground."""
        step = point_stride(depth.stride, settings)
        ground_m = self._tables.ground_m(depth.camera, step, mount)
        turns, reach = _turns_to(mount), max(2, raw.radius)
        turned_m, x, y, turned_ground_m = (
            _turned(plane, turns) for plane in (raw.depth_m, raw.rays.x, raw.rays.y, ground_m)
        )
        contact = find_contact(turned_m, turned_ground_m, reach)
        object_m = turned_m * contact.log_factor.exp()
        object_m = standing(object_m, contact, upright_m(contact, x, y, mount.down), reach)
        ground = _turned(contact.ground, -turns)
        depth_m = torch.where(ground, ground_m, _turned(object_m, -turns))
        # Error of the angle to a foot, and the resulting error of depth.
        angle_rad = reach / 2 * step / depth.camera.f_px
        by_foot = (depth_m * (angle_rad / mount.height_m)).add_(raw.sigma, alpha=0)
        known = _turned((contact.foot_m < torch.inf).expand_as(contact.ground), -turns)
        sigma = torch.where(known, by_foot, raw.sigma)
        return raw._replace(depth_m=depth_m, sigma=sigma), ground

    def _scale(self, depth: DepthFrame) -> float:
        """Return one standard deviation of the log scale of a whole image."""
        return self._errors.scale if depth.scale is None else depth.scale.deviation

    def _sigma(
        self, depth: DepthFrame, depth_m: Tensor, radius: int, step: int, scale: float
    ) -> Tensor:
        """Return one standard deviation of ln depth of every step-th pixel."""
        if depth.confidence is not None:
            confidence = depth.confidence[::step, ::step]
            sigma = deviation_from_confidence(confidence, self._errors, scale)
            return sigma.masked_fill_(~(depth_m < torch.inf), torch.nan)
        return deviation(depth_m, self._errors, radius, scale)

    def _marks(
        self, look: FramePoints, depth: DepthFrame, settings: Settings, place: Place
    ) -> Tensor:
        """Return a mask (h, w) of obstacle pixels."""
        marks = look.solid
        if look.heights_m is not None:
            marks = marks & ~look.is_low(settings) & (look.heights_m <= settings.nav_max_height_m)
        if settings.nav_max_uncertainty_m:
            marks = marks & (look.sigma * look.distance_m <= settings.nav_max_uncertainty_m)
        if settings.nav_neighbours:
            depth_m = look.points_m.z.masked_fill(~marks, torch.nan)
            near = navigation.neighbours(depth_m, settings.nav_neighbour_radius_m)
            marks = marks & (near >= settings.nav_neighbours)
        return self._agreement.of(marks, look, depth, settings, place)


_BODY_FROM_OPTICAL = np.array(
    [[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]
)  # REP 103


_NOWHERE = Place()


@lru_cache(maxsize=4)
def _of_row(settings: Settings) -> Settings:
    """Return the settings for a scan of one row, which uses depth without correction."""
    return settings.with_values(nav_range_m=0.0, nav_contact=False)


def _turns_to(mount: Mount) -> int:
    """Return the number of torch.rot90 turns that bring the ground to the image's bottom.

    It is not 0 for cameras that are mounted sideways or upside down.
    """
    right, down, _ = mount.down
    if abs(right) > abs(down):
        return 3 if right > 0 else 1
    return 0 if down >= 0 else 2


def _turned(plane: Tensor, turns: int) -> Tensor:
    """Return an image after quarter turns."""
    return torch.rot90(plane, turns) if turns % 4 else plane


def _within(raw: _Raw, far_m: float) -> tuple[Points, Tensor, Tensor, Tensor]:
    """Return points, at most at far_m, their distances, and whether they are nearer, or not."""
    distance_m = raw.depth_m * raw.rays.length
    z_m = raw.depth_m
    if math.isfinite(far_m):
        z_m = torch.minimum(z_m, far_m / raw.rays.length)
    points_m = Points(*coordinates(z_m, raw.rays.x, raw.rays.y))
    return points_m, distance_m, distance_m < far_m, distance_m >= far_m


def _ground(mount: Mount, settings: Settings) -> Ground:
    return Ground(mount.down, mount.height_m, math.radians(settings.nav_tilt_deg))


def _with_heights(
    look: FramePoints, floor: Tensor | None, mount: Mount, settings: Settings
) -> FramePoints:
    ground = _ground(mount, settings)
    heights_m = navigation.heights_m(look.points_m, ground)
    if floor is not None:
        heights_m.masked_fill_(floor, 0.0)
    sigma = look.sigma.nan_to_num(0.0)
    margin_m = navigation.height_deviation_m(heights_m, look.distance_m, sigma, ground)
    return replace(look, heights_m=heights_m, margin_m=margin_m.mul_(settings.nav_sigmas))


def _on_ground(
    look: FramePoints, beyond: Tensor, mount: Mount, settings: Settings
) -> tuple[Points, Tensor]:
    """Return points, none of them below the ground, and a mask (h, w) of those that clear."""
    assert look.heights_m is not None
    ground = _ground(mount, settings)
    points_m = navigation.above_floor(look.points_m, ground)
    clears = beyond & (look.heights_m < settings.nav_max_height_m)
    if settings.nav_floor == "drop":
        return points_m, clears
    floor = look.solid & look.is_low(settings)
    return navigation.settled(points_m, floor, ground), clears | floor


def _thinned(points_m: Points, kept: Tensor, clears: Tensor, voxel_m: float) -> Cloud:
    points_m, kept = points_m.flatten(), kept.flatten()
    if voxel_m:
        points, count = voxel_means(points_m, kept, clears.flatten(), voxel_m)
    else:
        known_m = points_m._replace(z=points_m.z.where(kept, torch.nan))
        points, count = compacted(torch.stack(known_m, -1)[None])
    return Cloud(points.view(torch.uint8), count)
