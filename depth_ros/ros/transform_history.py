"""The transforms of the last seconds, as far as TF sent them."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import defaultdict
from operator import attrgetter
from typing import Any, NamedTuple

import cv2
import numpy as np

from depth_ros import messages
from depth_ros.arrays import FloatArray
from depth_ros.errors import ScaleError
from depth_ros.frame_tree import frames_of, transform_between

_KEPT_NS = 10_000_000_000  # as in tf2


class _Pose(NamedTuple):
    """Where a frame was: the 4x4 transform of its points to its parent."""

    stamp_ns: int
    parent: str
    matrix: FloatArray


_STAMP = attrgetter("stamp_ns")


class TransformHistory:
    """The transforms of the last 10 s. Between two of a frame it interpolates, as tf2 does."""

    def __init__(self) -> None:
        self._static: dict[str, tuple[str, FloatArray]] = {}
        self._moving: dict[str, list[_Pose]] = defaultdict(list)
        self._changed = threading.Condition()

    def add(self, message: Any, static: bool) -> None:
        """Add a tf2_msgs/TFMessage, except transforms that are not finite."""
        with self._changed:
            for each in message.transforms:
                parent, child = frames_of(each)
                matrix = messages.matrix_from_transform(each.transform)
                pose = _Pose(messages.stamp_ns(each.header), parent, matrix)
                if not np.isfinite(pose.matrix).all():
                    continue
                if static:
                    self._static[child] = pose[1:]
                else:
                    self._add_moving(self._moving[child], pose)
            self._changed.notify_all()

    def _add_moving(self, poses: list[_Pose], pose: _Pose) -> None:
        insort(poses, pose, key=_STAMP)
        del poses[: bisect_left(poses, poses[-1].stamp_ns - _KEPT_NS, key=_STAMP)]

    def clear(self) -> None:
        """Forget what moves."""
        with self._changed:
            self._moving.clear()

    def look_up(self, target: str, source: str, stamp_ns: int, patience_s: float) -> FloatArray:
        """Return a transform, see TransformBuffer.look_up.

        Raises:
            ScaleError: the two are not connected at this time.
        """

        def find() -> FloatArray | None:
            return transform_between(target, source, lambda frame: self._parent(frame, stamp_ns))

        target, source = target.lstrip("/"), source.lstrip("/")
        with self._changed:
            self._changed.wait_for(lambda: find() is not None, patience_s)
            found = find()
            if found is None:
                raise ScaleError(f"they are not connected at {stamp_ns / 1e9:.3f} s")
            return found

    def _parent(self, frame: str, stamp_ns: int) -> tuple[str, FloatArray] | None:
        if frame in self._static:
            return self._static[frame]
        poses = self._moving.get(frame, [])
        index = bisect_left(poses, stamp_ns, key=_STAMP)
        if index == len(poses) or (index == 0 and poses[0].stamp_ns != stamp_ns):
            return None  # never extrapolated
        later, earlier = poses[index], poses[max(index - 1, 0)]
        if later.stamp_ns == stamp_ns or earlier.parent != later.parent:
            return later[1:]
        part = (stamp_ns - earlier.stamp_ns) / (later.stamp_ns - earlier.stamp_ns)
        return later.parent, _between(earlier.matrix, later.matrix, part)


def _between(first: FloatArray, second: FloatArray, part: float) -> FloatArray:
    """Return a rigid transform between two: at 0 the first, at 1 the second."""
    turn = cv2.Rodrigues(first[:3, :3].T @ second[:3, :3])[0]
    between = first + part * (second - first)
    between[:3, :3] = first[:3, :3] @ cv2.Rodrigues(part * turn)[0]
    return between
