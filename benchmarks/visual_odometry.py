"""Visual odometry of images with depth, frame to frame: from features, and Open3D's."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.arrays import FloatArray, ImageArray
from depth_ros.errors import SettingError
from depth_ros.geometry.camera import Camera

Pose = npt.NDArray[np.float64]
Depth = npt.NDArray[np.float32]

_FAR_M = 5.0
_MIN_FITNESS = 0.3  # share of the pixels that two frames agree on: less is a lost frame
_FEATURES = 800
_MIN_FEATURES = 12
_SPACING_PX = 6
_MOST_ERROR_PX = 1.5
_TRACKING: dict[str, Any] = {"winSize": (21, 21), "maxLevel": 4}


@dataclass
class Track:
    """A trajectory that odometry made of one kind of depth.

    Attributes:
        poses: 4x4, world from optical frame; the first is the identity.
        lost: frames that odometry found no motion for.
    """

    poses: list[Pose] = field(default_factory=lambda: [np.eye(4)])
    lost: int = 0

    @property
    def length_m(self) -> float:
        """Length of the path."""
        positions = np.array([pose[:3, 3] for pose in self.poses])
        return float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum())


@dataclass(frozen=True)
class View:
    """An image uint8 (H, W, 3) with z-depth (H, W), not finite: unknown."""

    rgb: ImageArray
    depth_m: Depth


class Odometry(ABC):
    """Finds the motion from each frame to the next one.

    Attributes:
        track: the trajectory so far.
    """

    def __init__(self) -> None:
        self._before: View | None = None
        self.track = Track()

    def add(self, rgb: ImageArray, depth_m: Depth, camera: Camera) -> None:
        """Take the next frame of an undistorted camera, see View."""
        now = View(rgb, depth_m)
        before, self._before = self._before, now
        if before is None:
            return
        motion = self.motion(before, now, camera)
        if motion is None:
            self.track.lost += 1
            motion = np.eye(4)
        self.track.poses.append(self.track.poses[-1] @ motion)

    @abstractmethod
    def motion(self, before: View, now: View, camera: Camera) -> Pose | None:
        """Return the 4x4 transform of points in this frame to the one before; None: lost."""


class FeatureOdometry(Odometry):
    """Tracks features, and finds the pose that projects them to where they are seen (PnP).

    Only the depth of the first of two frames is used, as RTAB-Map's odometry does by default and
    with config/rtabmap.yaml (Vis/EstimationType 1). Sources: Bouguet's pyramids of Lucas and
    Kanade (2001); EPnP (Lepetit et al., IJCV 2009) in RANSAC.
    """

    def motion(self, before: View, now: View, camera: Camera) -> Pose | None:
        """Return the 4x4 transform of points in this frame to the one before; None: lost."""
        places, found = _followed(before.rgb, now.rgb)
        points = _points(places, before.depth_m, camera)
        known = np.isfinite(points[:, 2]) & (points[:, 2] < _FAR_M)
        points, found = points[known], found[known]
        if len(points) < _MIN_FEATURES:
            return None
        matrix, lens = camera.matrix, np.zeros(4)
        done, turn, shift, inliers = cv2.solvePnPRansac(
            points,
            found,
            matrix,
            lens,
            iterationsCount=300,
            reprojectionError=_MOST_ERROR_PX,
            confidence=0.999,
            flags=cv2.SOLVEPNP_EPNP,
        )
        if not done or inliers is None or len(inliers) < _MIN_FEATURES:
            return None
        agreed = inliers.ravel()
        turn, shift = cv2.solvePnPRefineLM(points[agreed], found[agreed], matrix, lens, turn, shift)
        seen = np.eye(4)
        seen[:3, :3], seen[:3, 3] = cv2.Rodrigues(turn)[0], shift.ravel()
        motion: Pose = np.linalg.inv(seen).astype(np.float64)
        return motion


def _followed(before: ImageArray, now: ImageArray) -> tuple[FloatArray, FloatArray]:
    """Return pixels (N, 2) of one image, and where the other shows the same."""
    one, other = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (before, now))
    places = cv2.goodFeaturesToTrack(one, _FEATURES, 0.001, _SPACING_PX)
    if places is None:
        return np.empty((0, 2)), np.empty((0, 2))
    nothing: Any = None  # where to search, which OpenCV's types forbid to be missing
    found, forth, _ = cv2.calcOpticalFlowPyrLK(one, other, places, nothing, **_TRACKING)
    again, back, _ = cv2.calcOpticalFlowPyrLK(other, one, found, nothing, **_TRACKING)
    apart_px = np.linalg.norm((again - places).reshape(-1, 2), axis=1)
    kept = (forth.ravel() == 1) & (back.ravel() == 1) & (apart_px < 1)
    return places.reshape(-1, 2)[kept].astype(float), found.reshape(-1, 2)[kept].astype(float)


def _points(places: FloatArray, depth_m: Depth, camera: Camera) -> FloatArray:
    """Return the points (N, 3) at pixels (N, 2); NaN where depth is unknown."""
    u, v = np.round(places).astype(int).T
    z = np.where(np.isfinite(depth_m[v, u]) & (depth_m[v, u] > 0), depth_m[v, u], np.nan)
    return np.column_stack([camera.unproject(places) * z[:, None], z])


class Open3dOdometry(Odometry):
    """Open3D's RGB-D odometry (Park, Zhou and Koltun, ICCV 2017: hybrid terms).

    It compares the depth of both frames.

    Raises:
        SettingError: Open3D is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            self._o3d: Any = importlib.import_module("open3d")
        except ImportError as error:
            raise SettingError(
                f"Open3D is missing, expected: pip install open3d ({error})"
            ) from error

    def motion(self, before: View, now: View, camera: Camera) -> Pose | None:
        """Return the 4x4 transform of points in this frame to the one before; None: lost."""
        core, odometry = self._o3d.core, self._o3d.t.pipelines.odometry
        steps = [odometry.OdometryConvergenceCriteria(count) for count in (20, 10, 10)]
        try:
            result = odometry.rgbd_odometry_multi_scale(
                self._image(now),
                self._image(before),
                core.Tensor(camera.matrix),
                core.Tensor(np.eye(4)),
                1.0,
                _FAR_M,
                steps,
                odometry.Method.Hybrid,
            )
        except RuntimeError:  # its equations have no solution
            return None
        if result.fitness < _MIN_FITNESS:
            return None
        pose: Pose = result.transformation.numpy()
        return pose

    def _image(self, view: View) -> Any:
        geometry = self._o3d.t.geometry
        plain = np.where(np.isfinite(view.depth_m), view.depth_m, 0).astype(np.float32)
        colours = np.ascontiguousarray(view.rgb)
        return geometry.RGBDImage(geometry.Image(colours), geometry.Image(plain[..., None]))


METHODS: dict[str, type[Odometry]] = {"features": FeatureOdometry, "Open3D": Open3dOdometry}


def installed() -> dict[str, type[Odometry]]:
    """Return the methods that work here."""
    has_open3d = importlib.util.find_spec("open3d") is not None
    return {name: kind for name, kind in METHODS.items() if has_open3d or name != "Open3D"}
