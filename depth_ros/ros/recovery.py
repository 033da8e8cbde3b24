"""Starts the node, and starts it again after its model was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.task import Future

if TYPE_CHECKING:
    from depth_ros.ros.node import DepthNode

# A model that fails twice within this time is not loaded again.
_RECOVERY_S = 60.0


class Recovery:
    """Triggers the node's transitions, unless the settings leave them to a lifecycle manager.

    Args:
        node: the node; its errors are reported there.

    Attributes:
        ended: a future; its result is the cause if a node with autostart cannot continue.
        lost: the error with which the model was given up; None: it was not.
    """

    def __init__(self, node: DepthNode) -> None:
        self._node = node
        self.ended: Future = Future()
        self.lost: BaseException | None = None
        self._gave_up_s: float | None = None

    def autostart(self) -> None:
        """Configure and activate; if it fails, the node ends, because nobody else would start it.

        It does nothing if the settings leave this to a lifecycle manager.
        """
        node, success = self._node, TransitionCallbackReturn.SUCCESS
        if not node.settings.autostart:
            return
        with self._told("start"):
            if node.trigger_configure() != success or node.trigger_activate() != success:
                self.ended.set_result(node.health.last_error or "it could not be activated")

    def give_up(self, error: BaseException) -> None:
        """Deactivate, and with autostart load the model again, once."""
        if self.lost is not None:  # workers and publishers share one cause
            return
        self.lost = error
        self._node.fail(error)
        threading.Thread(target=self._recover, args=(error,), name="depth transition").start()

    def _recover(self, error: BaseException) -> None:
        with self._told("recover"):
            with suppress(RuntimeError):  # rclpy's RCLError: already being deactivated
                self._node.trigger_deactivate()
            now_s, before_s = time.monotonic(), self._gave_up_s
            self._gave_up_s = now_s
            if not self._node.settings.autostart:
                return
            if before_s is not None and now_s - before_s < _RECOVERY_S:
                self.ended.set_result(f"{type(error).__name__}: {error}")
                return
            self.autostart()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Report an error of a transition thread; with autostart, end the node."""
        node = self._node
        try:
            yield
        except (Exception, SystemExit) as error:
            if not node.context.ok():  # ROS is shutting down
                return
            node.tell(what, error)
            if node.settings.autostart:
                self.ended.set_result(node.health.last_error)
