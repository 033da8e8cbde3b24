"""Poses of the camera and other sensors: from TF or from parameters."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from rclpy.node import Node

from depth_ros import messages
from depth_ros.anchor_messages import optical_from_sensor
from depth_ros.arrays import FloatArray
from depth_ros.config import Settings
from depth_ros.errors import ScaleError, SettingError
from depth_ros.ground_frame import find_mount, find_place, mount_of_parameters
from depth_ros.pipeline import Place
from depth_ros.ros import transform_buffer
from depth_ros.ros.transform_buffer import MISSING
from depth_ros.scale.ground import Mount

# Transforms sometimes arrive after images. A scale that is one frame old is better than waiting.
_PATIENCE_S = 0.05
_JUMP_NS = 1_000_000_000


class Extrinsics(Protocol):
    """Poses at the time of an image; its header contains the camera's optical frame."""

    def mount(self, header: Any, settings: Settings) -> Mount:
        """Return the camera's height and direction over the ground."""

    def optical_from(
        self, frame_id: str, header: Any, settings: Settings, optical: bool
    ) -> FloatArray:
        """Return the 4x4 transform of points in a sensor's frame to the camera's optical frame.

        Args:
            frame_id: the sensor's frame.
            header: the image's.
            settings: for the image.
            optical: whether the sensor's frame is an optical one (REP 103).
        """

    def place(self, header: Any, settings: Settings, refused: Callable[[str], None]) -> Place:
        """Return the camera's pose as far as it is known now; report why a part is unknown."""

    def destroy(self) -> None:
        """Destroy the subscriptions."""


class Parameters:
    """Poses from the settings, the same for every image."""

    def mount(self, header: Any, settings: Settings) -> Mount:
        """Return the mount from camera.height_m, camera.pitch_deg and camera.roll_deg."""
        return mount_of_parameters(settings)

    def optical_from(
        self, frame_id: str, header: Any, settings: Settings, optical: bool
    ) -> FloatArray:
        """Return the transform from anchors.pose."""
        return optical_from_sensor(settings.anchors_pose, optical)

    def place(self, header: Any, settings: Settings, refused: Callable[[str], None]) -> Place:
        """Return the pose of the mount; the robot's motion is unknown."""
        return Place.of_mount(self.mount(header, settings))

    def destroy(self) -> None:
        """Do nothing: there is nothing to take back."""


class SameFrame:
    """Poses without TF, for sensors in the same frame as the image."""

    def mount(self, header: Any, settings: Settings) -> Mount:
        """Raise an error: there is no mount without TF.

        Raises:
            ScaleError: always.
        """
        raise ScaleError(f"the pose of {header.frame_id} is unknown: {MISSING}")

    def optical_from(
        self, frame_id: str, header: Any, settings: Settings, optical: bool
    ) -> FloatArray:
        """Return the identity for equal frames.

        Raises:
            ScaleError: the frames differ.
        """
        if _same(frame_id, header.frame_id):
            return np.eye(4)
        raise ScaleError(f"the pose of {frame_id} in {header.frame_id} is unknown: {MISSING}")

    def place(self, header: Any, settings: Settings, refused: Callable[[str], None]) -> Place:
        """Return an empty place: nothing is known."""
        refused(f"the pose of {header.frame_id} is unknown: {MISSING}")
        return Place()

    def destroy(self) -> None:
        """Do nothing: there is nothing to take back."""


class Tf:
    """Poses from TF.

    Raises:
        SettingError: TF cannot be received.
    """

    def __init__(self, node: Node) -> None:
        self._buffer = transform_buffer.receiving(node)
        self._node = node
        self._grounds: dict[str, str] = {}
        """The ground frame used last, by camera frame."""
        self._newest_ns: dict[str, int] = {}
        """Newest stamp by camera frame: the stamps of two cameras may differ by seconds."""
        self._known: set[tuple[str, str]] = set()
        """Pairs of frames for which the last lookup found a transform."""
        self._lock = threading.Lock()

    def mount(self, header: Any, settings: Settings) -> Mount:
        """Return the mount of the camera over the ground; log the ground frame if it is new.

        A missing frame is looked up again each time, because TF may come late, but without waiting.
        """
        camera = header.frame_id
        taken = self._grounds.get(camera)

        def look_up(frame: str) -> FloatArray:
            patience_s = _PATIENCE_S if taken in (None, frame) else 0.0
            return self._look_up(frame, camera, header, patience_s)

        frame, mount = find_mount(settings, look_up)
        if frame != taken:
            self._grounds[camera] = frame
            said = f"{camera} is {mount.height_m:.3f} m above the ground, by TF to {frame}"
            self._node.get_logger().info(said)
        return mount

    def optical_from(
        self, frame_id: str, header: Any, settings: Settings, optical: bool
    ) -> FloatArray:
        """Return the transform between the two frames as TF has it."""
        return self._look_up(header.frame_id, frame_id, header, _PATIENCE_S)

    def place(self, header: Any, settings: Settings, refused: Callable[[str], None]) -> Place:
        """Return the camera's pose over the ground and in nav.odom_frame.

        It waits a little only for transforms that were available before: a transform without a
        publisher must not delay a frame.
        """
        camera, known = header.frame_id, self._known

        def look_up(frame: str) -> FloatArray:
            pair = (frame, camera)
            try:
                found = self._look_up(*pair, header, _PATIENCE_S if pair in known else 0.0)
            except ScaleError:
                known.discard(pair)
                raise
            known.add(pair)
            return found

        return find_place(settings, look_up, refused)

    def destroy(self) -> None:
        """Unsubscribe from TF."""
        self._buffer.destroy()

    def _look_up(self, target: str, source: str, header: Any, patience_s: float) -> FloatArray:
        if _same(target, source):
            return np.eye(4)
        stamp_ns = messages.stamp_ns(header)
        self._note_time(header.frame_id, stamp_ns)
        try:
            return self._buffer.look_up(target, source, stamp_ns, patience_s)
        except Exception as error:  # tf2 raises many unrelated types
            raise ScaleError(f"TF has no {source} in {target}: {error}") from error

    def _note_time(self, camera: str, stamp_ns: int) -> None:
        """Reset if a camera's time jumps back, as when a bag is played again."""
        with self._lock:
            if stamp_ns < self._newest_ns.get(camera, 0) - _JUMP_NS:
                self._buffer.clear()  # tf2 would reject transforms older than its own
                self._newest_ns.clear()  # the other cameras jump too: reset once
            self._newest_ns[camera] = stamp_ns


def create(node: Node, settings: Settings) -> Extrinsics:
    """Return the source of poses that the settings select.

    Raises:
        SettingError: TF is needed, but tf2_ros is not installed.
    """
    if settings.extrinsics == "parameters":
        return Parameters()
    try:
        return Tf(node)
    except SettingError:
        if settings.scale_mode == "ground":
            raise
        return SameFrame()


def _same(one: str, other: str) -> bool:
    # ROS 1 frame names sometimes begin with a slash.
    return one.lstrip("/") == other.lstrip("/")
