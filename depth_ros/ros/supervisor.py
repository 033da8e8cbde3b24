"""Threads that must not end: what ends one is told, and another one takes its place."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from depth_ros.ros.diagnostics import Notice

RESTARTS = 5
"""How often a minute workers are started anew; what ends more than that, a new one cannot cure."""

_MINUTE_S = 60.0


class Worker:
    """A thread at work, and since when it has been at what it is doing.

    Args:
        work: what it does.
        ended: called by the thread at its end.
        role: what it is called.
        heritage: what ended the one in whose place it is.
    """

    def __init__(
        self,
        work: Callable[[Worker], None],
        ended: Callable[[], None],
        role: str = "worker",
        heritage: str = "",
    ) -> None:
        self._work, self._ended = work, ended
        self.role, self.heritage = role, heritage
        self.error: BaseException | None = None
        self.returned = False
        """Whether its work is over, as it is once it was told to stop."""
        self.stage: Callable[[], str] = str
        """Returns what it is at."""
        self.pieces = 0
        """How many pieces of work it has done."""
        self.abandoned = False
        """Whether nobody waits for it any longer: what it still finds out is not wanted."""
        self._since_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"depth {role}", daemon=True)
        self._thread.start()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Say that what is done inside is one piece of work."""
        self._since_s = time.monotonic()
        try:
            yield
            self.pieces += 1
        finally:
            self._since_s = None

    @property
    def busy_s(self) -> float:
        """How long it has been at one piece of work; 0 where it waits for some."""
        since_s = self._since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def ident(self) -> int | None:
        """The thread's, see threading.get_ident()."""
        return self._thread.ident

    def text(self) -> str:
        """Return what it is at, and for how long."""
        at = f"for {self.busy_s:.1f} s, in stage '{self.stage()}'"
        return f"a {self.role} is at one image {at}"

    def join(self, timeout_s: float) -> None:
        """Wait for its end, so long at most."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._work(self)
            self.returned = True
        except BaseException as error:  # whatever it is, SystemExit too: nobody else would say so
            self.error = error
        finally:
            self._ended()


class Supervisor:
    """Keeps several workers at work until they are stopped.

    A worker whose work ends is started anew, RESTARTS times a minute at most. Where that does not
    help, because the next one ends in the same way before it did any work or because there were too
    many, give_up() is told the error, once.

    Args:
        work: what each worker does until it is told to stop; it is given the worker.
        give_up: told what workers end of; it may stop this supervisor, but not at once.
        warn: told in words what happens.
        wake: called when a worker has ended; check() is what is to follow.
        role: what each worker is called.
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
        """How many workers there are to be."""
        self.restarts = 0
        """How many workers were started anew."""

    def start(self, count: int) -> None:
        """Let so many workers begin."""
        with self._lock:
            self._stopping, self.count = False, count
            self._restarts_s.clear()
            self._workers = [self._new() for _ in range(count)]

    def stop(self, within_s: float) -> list[Worker]:
        """Wait until the workers, who were told to end, have ended; return those that have not.

        They are abandoned, and fault() speaks of them for as long as they hang.
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
        """Whether workers are meant to be at work."""
        return not self._stopping

    @property
    def workers(self) -> list[Worker]:
        """Those that are meant to be at work, and those that hang although they were stopped."""
        return [*self._workers, *(worker for worker in self._hung if worker.alive)]

    def fault(self) -> str:
        """Return what has ended a worker lately; nothing where all is well."""
        return self._notice.text()

    def check(self) -> None:
        """Start anew what has ended; to be called again and again."""
        with self._lock:
            lost = None if self._stopping else self._replace_ended()
            self._stopping = self._stopping or lost is not None
        if lost is not None:
            self._tell(f"{self._role}s end again and again, the model is given up: {_named(lost)}")
            self._give_up(lost)

    def _replace_ended(self) -> BaseException | None:
        """Start anew what has ended; return what no new worker can cure."""
        for place, worker in enumerate(self._workers):
            if worker.alive or worker.returned:
                continue
            error = worker.error or RuntimeError("its thread ended without an error")
            if not self._may_restart(worker, error):
                return error
            self._workers[place] = self._new(_named(error))
            self._tell(f"a {self._role} ended and was started anew: {_named(error)}")
        return None

    def _new(self, heritage: str = "") -> Worker:
        return Worker(self._work, self._on_end, self._role, heritage)

    def _may_restart(self, worker: Worker, error: BaseException) -> bool:
        """Return whether there is sense in a restart, and count it."""
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
