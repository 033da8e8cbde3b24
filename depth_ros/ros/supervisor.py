"""Threads that must not end: an error that ends one is reported, and it is restarted."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from depth_ros.ros.health import Notice

RESTARTS = 5
"""Maximum restarts of workers in a minute; after more failures a restart does not help."""

_MINUTE_S = 60.0


class Worker:
    """A worker thread, with the start time of its current piece of work.

    Args:
        work: the function that it runs.
        ended: called by the thread at its end.
        role: its name in messages.
        heritage: the error that ended the worker it replaces; empty: none.
    """

    def __init__(
        self,
        work: Callable[[Worker], None],
        ended: Callable[[], None],
        role: str,
        heritage: str,
    ) -> None:
        self._work, self._ended = work, ended
        self.role, self.heritage = role, heritage
        self.error: BaseException | None = None
        self.returned = False
        """Whether work() returned, as it does after a stop request."""
        self.stage: Callable[[], str] = str
        """Returns its current stage."""
        self.pieces = 0
        """Number of finished pieces of work."""
        self.abandoned = False
        """Whether nobody waits for it any longer: its results are ignored."""
        self._since_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"depth {role}", daemon=True)
        self._thread.start()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Measure one piece of work, done in the block."""
        self._since_s = time.monotonic()
        try:
            yield
            self.pieces += 1
        finally:
            self._since_s = None

    @property
    def busy_s(self) -> float:
        """Duration of the current piece of work so far; 0 while it waits."""
        since_s = self._since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def ident(self) -> int | None:
        """Identifier of the thread, see threading.get_ident()."""
        return self._thread.ident

    def text(self) -> str:
        """Return its current stage and duration as text."""
        at = f"for {self.busy_s:.1f} s, in stage '{self.stage()}'"
        return f"a {self.role} is at one image {at}"

    def join(self, timeout_s: float) -> None:
        """Wait for its end, at most timeout_s."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._work(self)
            self.returned = True
        except BaseException as error:  # any error, SystemExit too: else it is lost
            self.error = error
        finally:
            self._ended()


class Supervisor:
    """Keeps several workers running until they are stopped.

    A worker that ends is restarted, at most RESTARTS times a minute. give_up() is called once with
    the error if there are more failures, or if the new worker ends with the same error before it
    finished any work.

    Args:
        work: run by each worker until it is requested to stop; its argument is the worker.
        give_up: called with the last error; it may stop this supervisor, but not in this call.
        warn: called with a text for each event.
        wake: called when a worker has ended; check() must follow.
        role: name of each worker in messages.
    """

    def __init__(
        self,
        work: Callable[[Worker], None],
        give_up: Callable[[BaseException], None],
        warn: Callable[[str], None],
        wake: Callable[[], None],
        role: str = "worker",
    ) -> None:
        self._work, self._give_up, self._warn, self._wake = work, give_up, warn, wake
        self._role = role
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        self._hung: list[Worker] = []
        self._stopping = True
        self._restarts_s: deque[float] = deque()
        self._notice = Notice()
        self.count = 0
        """Number of workers to keep running."""
        self.restarts = 0
        """Number of restarted workers."""

    def start(self, count: int) -> None:
        """Start the given number of workers."""
        with self._lock:
            self._stopping, self.count = False, count
            self._restarts_s.clear()
            self._workers = [self._new() for _ in range(count)]

    def stop(self, within_s: float) -> list[Worker]:
        """Wait until the workers have ended, after a stop request; return those that hang.

        Those are abandoned, and stay in workers for as long as they hang.
        """
        with self._lock:
            self._stopping = True
            workers, self._workers = self._workers, []
        until_s = time.monotonic() + within_s
        for worker in workers:
            worker.join(max(0.0, until_s - time.monotonic()))
        hung = [worker for worker in workers if worker.alive]
        for worker in hung:
            worker.abandoned = True
        self._hung = [worker for worker in self._hung if worker.alive] + hung
        return hung

    @property
    def working(self) -> bool:
        """Whether workers should be running."""
        return not self._stopping

    @property
    def workers(self) -> list[Worker]:
        """Workers that should be running, and stopped ones that hang."""
        return [*self._workers, *(worker for worker in self._hung if worker.alive)]

    def fault(self) -> str:
        """Return the error that ended a worker recently; empty if there is none."""
        return self._notice.text()

    def check(self) -> None:
        """Restart workers that ended; to be called periodically."""
        with self._lock:
            lost = None if self._stopping else self._replace_ended()
            self._stopping = self._stopping or lost is not None
        if lost is not None:
            self._tell(f"{self._role}s keep ending, the model is unloaded: {_named(lost)}")
            self._give_up(lost)

    def _replace_ended(self) -> BaseException | None:
        """Restart workers that ended; return an error that a restart cannot fix."""
        for place, worker in enumerate(self._workers):
            if worker.alive or worker.returned:
                continue
            error = worker.error or RuntimeError("its thread ended without an error")
            if not self._may_restart(worker, error):
                return error
            self._workers[place] = self._new(_named(error))
            self._tell(f"a {self._role} ended and was restarted: {_named(error)}")
        return None

    def _new(self, heritage: str = "") -> Worker:
        return Worker(self._work, self._on_end, self._role, heritage)

    def _may_restart(self, worker: Worker, error: BaseException) -> bool:
        """Return whether a restart makes sense, and count it."""
        now_s = time.monotonic()
        while self._restarts_s and now_s - self._restarts_s[0] > _MINUTE_S:
            self._restarts_s.popleft()
        lasting = not worker.pieces and worker.heritage == _named(error)
        if lasting or len(self._restarts_s) >= RESTARTS:
            return False
        self._restarts_s.append(now_s)
        self.restarts += 1
        return True

    def _on_end(self) -> None:
        if not self._stopping:
            self._wake()

    def _tell(self, text: str) -> None:
        self._notice.set(text)
        self._warn(text)


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
