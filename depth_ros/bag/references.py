"""The references of metric scale in a recording: camera mounts and other sensors' points."""

from __future__ import annotations

from functools import partial
from typing import Any

from depth_ros import messages
from depth_ros.anchor_messages import anchors_from, optical_from_sensor
from depth_ros.arrays import FloatArray
from depth_ros.bag import topics
from depth_ros.bag.reader import Recording
from depth_ros.bag.transforms import Transforms
from depth_ros.bag.window import Window
from depth_ros.config import Settings
from depth_ros.errors import BagError, BagSettingError, MessageError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.ground_frame import LookUp, find_mount, find_place, mount_of_parameters
from depth_ros.pipeline import Frame, Place
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.ground import Mount
from depth_ros.scale.scaler import Reference

_KINDS = {
    "points": ("sensor_msgs/msg/PointCloud2",),
    "scan": ("sensor_msgs/msg/LaserScan",),
    "depth": (topics.IMAGE, topics.COMPRESSED),
}


class BagReferences:
    """Finds the scale reference of each image, according to the settings.

    Args:
        recording: contains /tf_static, /tf and the anchors.
        settings: the pipeline's settings.
        topic: topic of the anchors; empty: the only one of the type in the settings.
        info_topic: camera_info of anchors that are depth images; empty: the sibling topic.
        placed: whether place() will be called.

    Raises:
        BagError: the recording does not have the required topics.
    """

    def __init__(
        self,
        recording: Recording,
        settings: Settings,
        topic: str = "",
        info_topic: str = "",
        placed: bool = False,
    ) -> None:
        self._settings = settings
        self._anchors: Window | None = None
        self._infos: Window | None = None
        self._transforms: Transforms | None = None
        self.groundless = ""
        """Why the ground is not known; empty where it is, or was not asked for."""
        if settings.scale_mode == "model" and not placed:
            return
        if settings.extrinsics == "tf":
            # Anchors in the image's own frame need no TF.
            self._transforms = _transforms(recording, needed=settings.scale_mode == "ground")
        if settings.scale_mode == "anchors":
            self._follow_anchors(recording, topic, info_topic)

    def of(self, frame: Frame, time_ns: int) -> Reference | None:
        """Return the reference for a frame at a bag time; None if the model's own scale is used.

        Raises:
            ScaleError: no anchors are near its time, or TF does not connect their frame.
            MessageError, CameraError: the image has no stamp; the anchors' message or its
                camera_info is damaged.
        """
        if self._settings.scale_mode == "model":
            return None
        if not frame.stamp_ns:
            raise MessageError("stamp is 0, expected the time of capture, which scales need")
        if self._settings.scale_mode == "ground":
            return self._mount(frame, time_ns)
        return self._points_of(frame, time_ns)

    def place(self, frame: Frame, time_ns: int) -> Place:
        """Return where the camera was, as far as the recording knows it."""
        if self._transforms is None:
            return Place.of_mount(mount_of_parameters(self._settings))
        look_up = self._look_up(self._transforms, frame, time_ns)
        return find_place(self._settings, look_up, self._refuse_ground)

    def _refuse_ground(self, why: str) -> None:
        self.groundless = why

    def _follow_anchors(self, recording: Recording, topic: str, info_topic: str) -> None:
        of_depth = self._settings.anchors_type == "depth"
        kinds = _KINDS[self._settings.anchors_type]
        candidates = [name for name, each in recording.topics.items() if each.kind in kinds]
        if topic not in candidates:
            if of_depth:
                depths = [name for name in candidates if topics.holds_depth(recording, name)]
                candidates = topics.one_of_each_camera(depths)
            if topic or len(candidates) != 1:
                raise BagSettingError(
                    f"anchors are expected as {' or '.join(kinds)} on {topic or 'one topic'}, "
                    f"the bag has: {', '.join(candidates) or 'none of that type'}"
                )
        topic = topic or candidates[0]
        span_ns = int(max(1.0, self._settings.anchors_max_age_s) * 10**9)
        self._anchors = Window(recording.records([topic]), span_ns)
        if of_depth:
            info_topic = info_topic or topics.camera_info_of(recording, topic)
            if info_topic not in recording.topics:
                raise BagSettingError(f"the bag has no {info_topic}, the camera_info of {topic}")
            self._infos = Window(recording.records([info_topic]), 10**9)

    def _mount(self, frame: Frame, time_ns: int) -> Mount:
        if self._transforms is None:
            return mount_of_parameters(self._settings)
        return find_mount(self._settings, self._look_up(self._transforms, frame, time_ns))[1]

    @staticmethod
    def _look_up(transforms: Transforms, frame: Frame, time_ns: int) -> LookUp:
        return partial(
            transforms.look_up,
            source=frame.frame_id,
            stamp_ns=frame.stamp_ns,
            time_ns=time_ns,
        )

    def _points_of(self, frame: Frame, time_ns: int) -> Anchors:
        assert self._anchors is not None
        anchors = self._anchors.nearest(time_ns, frame.stamp_ns)
        most_s = self._settings.anchors_max_age_s
        if anchors is None or abs(anchors.stamp_ns - frame.stamp_ns) > most_s * 10**9:
            raise ScaleError(f"no anchors are within {most_s:g} s of the image")
        pose = self._pose(anchors.message.header.frame_id, frame, time_ns)
        kind = self._settings.anchors_type
        sensor = partial(self._camera, anchors.message, time_ns)
        most = self._settings.max_image_pixels
        return anchors_from(anchors.message, kind, pose, frame.camera, sensor, most)

    def _pose(self, frame_id: str, frame: Frame, time_ns: int) -> FloatArray:
        """Return the transform from the anchors' frame to the camera's optical frame."""
        if self._transforms is not None:
            return self._transforms.look_up(frame.frame_id, frame_id, frame.stamp_ns, time_ns)
        optical = self._settings.anchors_type == "depth"
        return optical_from_sensor(self._settings.anchors_pose, optical)

    def _camera(self, message: Any, time_ns: int) -> Camera:
        assert self._infos is not None
        info = self._infos.nearest(time_ns, messages.stamp_ns(message.header))
        if info is None:
            raise ScaleError("no camera_info of the anchors is in the bag")
        return messages.camera_from_info(info.message)


def _transforms(recording: Recording, needed: bool) -> Transforms:
    of_tf = [n for n, each in recording.topics.items() if each.kind == "tf2_msgs/msg/TFMessage"]
    static = [name for name in of_tf if is_static_tf(name)]
    if not of_tf and needed:
        raise BagError(
            "extrinsics is tf, but the bag has no /tf or /tf_static: "
            "set extrinsics=parameters and the camera's mount"
        )
    moving = [name for name in of_tf if name not in static]
    nothing = iter(())
    return Transforms(
        recording.records(static) if static else nothing,
        recording.records(moving) if moving else nothing,
    )


def is_static_tf(topic: str) -> bool:
    """Return whether a topic contains static transforms, valid for the whole recording."""
    return topic.rpartition("/")[2] == "tf_static"
