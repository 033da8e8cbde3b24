"""An output that is on its way from its device to its topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from depth_ros.runtimes.download import PendingDownload


class Started(NamedTuple):
    """An output that its device computes.

    Attributes:
        download: its values.
        send: fills its message with the values on the host, and publishes it.
    """

    download: PendingDownload
    send: Callable[[Tensor], None]


class PendingOutput:
    """An output to be published: started earlier in another thread, or when it is due.

    Args:
        begin: launches it on its device without waiting.
    """

    def __init__(self, begin: Callable[[], Started]) -> None:
        self._begin = begin
        self._started: Started | None = None

    def start(self) -> None:
        """Launch it on its device."""
        self._started = self._begin()

    def land(self) -> None:
        """Wait until it is on the host."""
        if self._started is not None:
            self._started.download.wait()

    def publish(self) -> None:
        """Publish it; start() may have been called before."""
        if self._started is None:
            self.start()
        assert self._started is not None
        try:
            self._started.send(self._started.download.wait())
        finally:
            self.release()

    def release(self) -> None:
        """Release what was started, published or not."""
        if self._started is not None:
            self._started.download.release()
