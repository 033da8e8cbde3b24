"""Transforms between frames, from a recording's /tf_static and /tf (REP 105)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from depth_ros import messages
from depth_ros.arrays import FloatArray
from depth_ros.bag.reader import Record
from depth_ros.bag.window import Window
from depth_ros.errors import ScaleError
from depth_ros.frame_tree import frames_of, transform_between

_SPAN_NS = 1_000_000_000


class Transforms:
    """A tree of frames: static ones of the whole recording, moving ones nearest in time.

    Args:
        static: the records of all /tf_static topics.
        moving: the records of /tf, in time order.
    """

    def __init__(self, static: Iterable[Record], moving: Iterable[Record]) -> None:
        self._static: dict[str, tuple[str, FloatArray]] = {}
        for record in static:
            for transform in record.message().transforms:
                parent, child = frames_of(transform)
                self._static[child] = (parent, messages.matrix_from_transform(transform.transform))
        self._window = Window(moving, _SPAN_NS)

    def look_up(self, target: str, source: str, stamp_ns: int, time_ns: int) -> FloatArray:
        """Return the 4x4 transform from the source frame to the target frame.

        Args:
            target, source: frames.
            stamp_ns: time of the moving frames.
            time_ns: the bag time at which to look for /tf messages.

        Raises:
            ScaleError: the two are not connected within a second of the stamp.
        """
        parents = {**self._moving(stamp_ns, time_ns), **self._static}
        found = transform_between(target.lstrip("/"), source.lstrip("/"), parents.get)
        if found is None:
            raise ScaleError(
                f"the bag's TF does not connect {source} with {target}; without /tf and "
                "/tf_static set extrinsics=parameters"
            )
        return found

    def _moving(self, stamp_ns: int, time_ns: int) -> dict[str, tuple[str, FloatArray]]:
        nearest: dict[str, tuple[int, Any]] = {}
        for each in self._window.around(time_ns):
            for transform in each.message.transforms:
                apart_ns = abs(messages.stamp_ns(transform.header) - stamp_ns)
                child = frames_of(transform)[1]
                if apart_ns <= min(_SPAN_NS, nearest.get(child, (_SPAN_NS,))[0]):
                    nearest[child] = apart_ns, transform
        return {
            child: (frames_of(transform)[0], messages.matrix_from_transform(transform.transform))
            for child, (_, transform) in nearest.items()
        }
