"""What ends a thread of the node is told within two seconds, and the node goes on."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from test.killing import kill
from test.ros.conftest import LOG, Bench, take

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition

from depth_ros.profile import Profile
from depth_ros.ros import supervisor, watch, worker
from depth_ros.ros.watch import BEAT_S
from test.ros.test_diagnostics import values
from test.ros.test_lifecycle import change, state

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
OUTCOMES = ("answered", "dropped", "replaced", "unheard")
LOST = "CUDA error: an illegal memory access was encountered"


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def failing_at(monkeypatch: pytest.MonkeyPatch, stage: str, times: int, text: str) -> None:
    """Let so many frames fail where a stage begins, outside of what is dropped for its error."""
    begin, left = Profile.begin, [times]

    def begin_or_fail(self: Profile, name: str) -> None:
        if name == stage and left[0]:
            left[0] -= 1
            raise RuntimeError(text)
        begin(self, name)

    monkeypatch.setattr(Profile, "begin", begin_or_fail)


def counted(bench: Bench) -> int:
    return sum(bench.total(event) for event in OUTCOMES)


def told(bench: Bench, level: bytes, *words: str) -> Any:
    """Wait for a report of a level with words."""
    return bench.report(
        lambda status: status.level == level and all(word in status.message for word in words)
    )


def test_what_ends_a_worker_is_told_and_another_takes_its_place(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start("depth/image", "/diagnostics", LOG, stale_after_s=1000.0)
    bench.ask(take(0))
    failing_at(monkeypatch, "end", 1, "sticky")
    bench.ask(take(1))
    status = told(bench, ERROR, "a worker ended and was restarted", "RuntimeError: sticky")
    assert values(status)["worker restarts"] == "1"
    bench.warning("a worker ended", "sticky")
    bench.ask(take(2))
    bench.peer.wait(lambda: counted(bench) == 3)  # counted after it was sent
    assert bench.total("answered") == 3


def test_a_worker_that_is_killed_counts_the_frame_that_it_held(bench: Bench) -> None:
    bench.start("depth/image", "/diagnostics", stale_after_s=1000.0)
    bench.ask(take(0))
    (worker,) = threads("depth worker")
    bench.gate.close()
    bench.show(take(1))
    bench.peer.wait(bench.gate.entered.is_set, "the frame's inference")
    kill(worker)
    bench.gate.open()
    told(bench, ERROR, "a worker ended", "SystemExit")
    bench.ask(take(2))
    bench.peer.wait(lambda: counted(bench) == 3)
    assert (bench.total("answered"), bench.total("dropped")) == (2, 1)


def children() -> set[str]:
    """The processes that threads of this one started."""
    found = (path.read_text().split() for path in Path("/proc/self/task").glob("*/children"))
    return {child for each in found for child in each}


# What is told of each; of what is told at the same time, that of the last.
TOLD = {
    "depth publisher": "a publisher ended",
    "depth worker": "a worker ended",
    "depth watch": "the thread that watches the node ended",
}


@pytest.mark.parametrize("overlapped", [False, True], ids=["on the CPU", "as on a GPU"])
def test_every_thread_of_the_node_is_missed_at_once_when_it_ends_and_comes_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, overlapped: bool
) -> None:
    monkeypatch.setattr(worker, "overlaps", lambda pipeline: overlapped)
    before, processes = set(threading.enumerate()), children()
    bench.start("depth/image", "/diagnostics", stale_after_s=1000.0)
    bench.ask(take(0))

    def own() -> list[str]:
        return sorted(each.name for each in {*threading.enumerate()} - {*before, bench.spinner})

    names = [name for name in TOLD if overlapped or name != "depth publisher"]
    assert own() == sorted(names), "not all are killed here"
    assert children() == processes, "not all are killed here"
    for number, name in enumerate(names, 1):
        (thread,) = threads(name)
        kill(thread)
        bench.show(take(number))  # one that waits for an image does not run Python
        bench.peer.wait(lambda: not thread.is_alive())  # noqa: B023
        ended_s = time.monotonic()
        told(bench, ERROR, TOLD[name], "and was restarted", "SystemExit")
        assert time.monotonic() - ended_s < 2
        bench.peer.wait(lambda: own() == sorted(names))
        bench.peer.wait(lambda: counted(bench) == number + 1)  # noqa: B023
    bench.ask(take(9))


def test_the_end_of_the_executors_thread_is_told_within_two_seconds(bench: Bench) -> None:
    bench.start("/diagnostics", stale_after_s=1000.0)
    told(bench, OK, "running")
    kill(bench.spinner)
    bench.peer.wait(lambda: not bench.spinner.is_alive())
    ended_s = time.monotonic()
    told(bench, ERROR, "the executor has not run for")
    assert time.monotonic() - ended_s < 2


def test_an_executor_that_stops_is_told_and_so_is_its_timer(bench: Bench) -> None:
    node = bench.start("/diagnostics", stale_after_s=1000.0)
    told(bench, OK, "running")
    rounds: list[None] = []
    node.create_timer(BEAT_S, partial(rounds.append, None))
    bench.peer.wait(lambda: len(rounds) > 1, "the executor's first beat")
    for timer in node.timers:
        timer.cancel()
    told(bench, ERROR, "the executor has not run for")
    for timer in node.timers:
        timer.reset()
    told(bench, OK, "running")


def lose_the_device(bench: Bench) -> None:
    """Let as many frames fail as it takes to give the model up."""
    bench.gate.failure = RuntimeError(LOST)  # of the device: what torch and CUDA call sticky
    for number in range(2):
        dropped = bench.total("dropped")
        bench.show(take(number))
        bench.peer.wait(lambda dropped=dropped: bench.total("dropped") > dropped)  # type: ignore[misc]


def test_a_worker_that_ends_again_and_again_is_given_up_and_a_manager_sees_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = bench.start("/diagnostics", LOG, autostart=False, stale_after_s=1000.0)
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    bench.listen("depth/image")
    lose_the_device(bench)
    bench.warning("is unloaded", LOST)
    bench.peer.wait(lambda: state(bench) == State.PRIMARY_STATE_UNCONFIGURED)
    told(bench, ERROR, "failed", LOST)
    assert not node.ended.done()
    bench.gate.failure = None
    bench.peer.leave("depth/image")
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    bench.listen("depth/image")
    bench.ask(take(3))


def test_a_node_on_its_own_loads_its_model_anew_once_and_then_ends(bench: Bench) -> None:
    node = bench.start("/diagnostics", LOG, stale_after_s=1000.0)
    for failed in range(2):
        bench.listen("depth/image")
        lose_the_device(bench)
        bench.gate.failure = None
        bench.peer.leave("depth/image")
        if not failed:
            bench.warning("is unloaded", LOST)
            bench.peer.wait(lambda: len(threads("depth worker")) == 1 and node._workers.working)
    bench.peer.wait(node.ended.done)
    assert LOST in node.ended.result()
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED


@pytest.mark.parametrize("step", ["trigger_deactivate", "trigger_configure"])
def test_the_end_of_the_thread_that_loads_the_model_anew_is_told_and_ends_the_node(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    node = bench.start("depth/image", "/diagnostics", LOG, stale_after_s=1000.0)
    held, release = list[threading.Thread](), threading.Event()

    def hold() -> None:
        held.append(threading.current_thread())
        assert release.wait(60)

    monkeypatch.setattr(node, step, hold)
    lose_the_device(bench)
    (thread,) = bench.peer.wait(lambda: held)
    assert not node.ended.done()
    kill(thread)
    release.set()
    bench.peer.wait(node.ended.done)
    assert node.ended.result() == "SystemExit"
    bench.warning("cannot", "SystemExit")
    told(bench, ERROR, "failed: SystemExit")


def test_an_error_that_is_no_devices_costs_one_frame_and_no_worker(bench: Bench) -> None:
    bench.start("depth/image", "/diagnostics", stale_after_s=1000.0)
    before = threads("depth worker")
    bench.gate.failure = RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
    for number in range(4):
        bench.show(take(number))
        bench.peer.wait(lambda number=number: bench.total("dropped") == number + 1)  # type: ignore[misc]
    bench.gate.failure = None
    bench.ask(take(4))
    assert threads("depth worker") == before


def test_a_frame_that_takes_long_is_told_with_its_stage(bench: Bench) -> None:
    bench.start("depth/image", "/diagnostics", stale_after_s=0.5)
    bench.ask(take(0))
    bench.gate.close()
    bench.show(take(1))
    status = told(bench, WARN, "a worker is at one image for", "stage 'network'")
    assert values(status)["worker restarts"] == "0"
    bench.gate.open()
    bench.answers(take(1))


def test_silence_of_the_executor_is_told_within_two_seconds() -> None:
    # Its last beat may be as old as one is long, and the watch looks only so often.
    assert watch.SILENT_S + 2 * watch.BEAT_S < 2


# --- without a node


class Crew:
    """A supervisor whose workers do what they are told, and what it said of them."""

    def __init__(self) -> None:
        self.given_up: list[BaseException] = []
        self.said: list[str] = []
        self.errors: list[BaseException] = []
        self.proceed = threading.Semaphore(0)
        self.supervisor = supervisor.Supervisor(
            self._work, self.given_up.append, self.said.append, lambda: None
        )

    def _work(self, me: supervisor.Worker) -> None:
        while True:
            self.proceed.acquire()
            with me.busy():
                if self.errors:
                    raise self.errors.pop()

    def fail(self, error: BaseException) -> None:
        """Let the worker end, and the supervisor see it."""
        (worker,) = self.supervisor.workers
        self.errors.append(error)
        self.proceed.release()
        worker.join(60.0)
        self.supervisor.check()

    def work(self) -> None:
        (worker,) = self.supervisor.workers
        pieces = worker.pieces
        self.proceed.release()
        until_s = time.monotonic() + 60
        while worker.pieces == pieces and time.monotonic() < until_s:
            time.sleep(0.001)


def test_the_same_error_at_once_again_is_given_up() -> None:
    crew = Crew()
    crew.supervisor.start(1)
    crew.fail(ValueError("this"))
    assert (crew.given_up, crew.supervisor.restarts) == ([], 1)
    crew.work()
    crew.fail(ValueError("this"))
    assert (crew.given_up, crew.supervisor.restarts) == ([], 2)
    crew.fail(ValueError("that"))
    assert (crew.given_up, crew.supervisor.restarts) == ([], 3)
    last = ValueError("that")
    crew.fail(last)
    assert crew.given_up == [last]
    assert not crew.supervisor.working
    crew.supervisor.check()
    assert crew.given_up == [last]


def test_no_more_restarts_than_are_allowed_in_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    crew, later_s = Crew(), 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + later_s)
    monkeypatch.setattr(supervisor, "time", clock)
    crew.supervisor.start(1)
    for number in range(supervisor.RESTARTS):
        crew.fail(ValueError(str(number)))
    later_s = 61.0
    for number in range(supervisor.RESTARTS):
        crew.fail(ValueError(str(number + 100)))
    assert crew.given_up == []
    crew.fail(ValueError("one too many"))
    assert len(crew.given_up) == 1
    assert "one too many" in crew.said[-1]


def test_each_is_called_what_it_is() -> None:
    said: list[str] = []

    def work(me: supervisor.Worker) -> None:
        raise ValueError("at once")

    crew = supervisor.Supervisor(work, lambda error: None, said.append, lambda: None, "publisher")
    crew.start(1)
    for _ in range(2):
        (publisher,) = crew.workers
        assert publisher.text().startswith("a publisher is at one image")
        publisher.join(60.0)
        crew.check()
    assert said == [
        "a publisher ended and was restarted: ValueError: at once",
        "publishers keep ending, the model is unloaded: ValueError: at once",
    ]


def test_a_worker_that_does_not_end_is_returned_and_spoken_of_until_it_ends() -> None:
    release = threading.Event()

    def work(me: supervisor.Worker) -> None:
        with me.busy():
            release.wait(60.0)

    held = supervisor.Supervisor(work, lambda error: None, lambda text: None, lambda: None)
    held.start(1)
    (hung,) = held.stop(0.05)
    assert hung.abandoned and held.workers == [hung]
    assert "for 0." in hung.text()
    release.set()
    hung.join(60.0)
    assert held.workers == []
