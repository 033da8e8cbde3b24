"""The node's life: on its own, or as a lifecycle manager wants it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from depth_ros.config import Settings
from depth_ros.pipeline import Pipeline
from test.killing import kill
from test.ros.conftest import LOG, Bench, set_parameters, stamp_of, take

pytest.importorskip("rclpy")

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState

from depth_ros.ros.supervisor import Worker

OUTPUTS = {"depth/image", "depth/camera_info", "depth/color", "points"}


def state(bench: Bench) -> int:
    name = bench.node.get_fully_qualified_name()
    response = bench.peer.call(GetState, f"{name}/get_state", GetState.Request())
    found: int = response.current_state.id
    return found


def change(bench: Bench, transition: int) -> bool:
    name = bench.node.get_fully_qualified_name()
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(bench.peer.call(ChangeState, f"{name}/change_state", request).success)


def offered(bench: Bench) -> set[str]:
    return {topic for topic in OUTPUTS if bench.peer.ros.count_publishers(topic)}


def listened_to(bench: Bench) -> set[str]:
    return {topic for topic in ("image", "camera_info") if bench.peer.ros.count_subscribers(topic)}


def test_it_starts_on_its_own(bench: Bench) -> None:
    bench.start()
    assert state(bench) == State.PRIMARY_STATE_ACTIVE
    bench.peer.wait(lambda: offered(bench) == OUTPUTS)
    bench.peer.wait(lambda: listened_to(bench) == {"image", "camera_info"})


def test_a_lifecycle_manager_drives_it_through_its_whole_life(bench: Bench) -> None:
    bench.start(autostart=False)
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED
    assert not offered(bench) and not listened_to(bench)

    for number in range(2):
        assert change(bench, Transition.TRANSITION_CONFIGURE)
        assert state(bench) == State.PRIMARY_STATE_INACTIVE
        bench.listen("depth/image")
        assert not listened_to(bench)

        for again in range(2):
            assert change(bench, Transition.TRANSITION_ACTIVATE)
            assert state(bench) == State.PRIMARY_STATE_ACTIVE
            bench.ask(take(2 * number + again))
            assert change(bench, Transition.TRANSITION_DEACTIVATE)
            bench.peer.wait(lambda: not listened_to(bench))

        assert state(bench) == State.PRIMARY_STATE_INACTIVE
        assert change(bench, Transition.TRANSITION_CLEANUP)
        assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED
        bench.peer.wait(lambda: not offered(bench))
        bench.peer.leave("depth/image")

    assert change(bench, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert state(bench) == State.PRIMARY_STATE_FINALIZED


def test_it_can_be_shut_down_while_it_is_active(bench: Bench) -> None:
    bench.start("depth/image")
    bench.ask(take())
    assert change(bench, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(bench) == State.PRIMARY_STATE_FINALIZED
    bench.peer.wait(lambda: not offered(bench) and not listened_to(bench))


def test_the_frame_at_hand_is_answered_before_it_is_inactive(bench: Bench) -> None:
    bench.start("depth/image")
    bench.gate.close()
    bench.show(take())
    bench.peer.wait(bench.gate.entered.is_set)
    response = begin(bench, Transition.TRANSITION_DEACTIVATE)
    # The images' subscription is gone, and only the frame at hand is waited for.
    bench.peer.wait(lambda: not listened_to(bench))
    assert state(bench) == State.TRANSITION_STATE_DEACTIVATING
    assert not response.done()
    bench.gate.open()
    bench.peer.wait(response.done)
    assert response.result().success
    assert bench.total("answered") == 1, "it was not waited for"
    bench.answers(take())


@pytest.mark.parametrize(
    "transition", [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP, 77]
)
def test_a_transition_that_its_state_does_not_have_is_refused(
    bench: Bench, transition: int
) -> None:
    bench.start("depth/image")
    assert not change(bench, transition)
    assert state(bench) == State.PRIMARY_STATE_ACTIVE
    bench.ask(take())


def test_a_model_that_cannot_be_loaded_leaves_it_unconfigured(bench: Bench) -> None:
    bench.start("/diagnostics", model="no-such-model")
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED
    status = bench.report()
    assert status.level == b"\2"
    assert "'no-such-model' is unknown" in status.message
    assert not change(bench, Transition.TRANSITION_CONFIGURE)
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED


def test_an_activation_that_fails_half_way_can_be_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = bench.start(autostart=False)
    assert change(bench, Transition.TRANSITION_CONFIGURE)

    def fail(*arguments: Any, **keywords: Any) -> None:
        raise RuntimeError("no subscription today")

    with monkeypatch.context() as patch:
        patch.setattr(node, "create_subscription", fail)
        assert not change(bench, Transition.TRANSITION_ACTIVATE)
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED
    bench.peer.wait(lambda: not offered(bench))
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    bench.listen("depth/image")
    bench.ask(take())


def begin(bench: Bench, transition: int) -> Any:
    """Ask for a transition; the future of the response."""
    name = bench.node.get_fully_qualified_name()
    client = bench.peer.ros.create_client(ChangeState, f"{name}/change_state")
    bench.peer.wait(client.service_is_ready)
    return client.call_async(ChangeState.Request(transition=Transition(id=transition)))


def test_a_model_that_loads_for_long_blocks_neither_parameters_nor_diagnostics(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start("/diagnostics", autostart=False)
    loading = Loading(monkeypatch)
    response = begin(bench, Transition.TRANSITION_CONFIGURE)
    bench.peer.wait(lambda: loading.threads)
    assert state(bench) == State.TRANSITION_STATE_CONFIGURING
    assert not change(bench, Transition.TRANSITION_CONFIGURE)
    assert set_parameters(bench, max_depth_m=5.0) == ""
    assert set_parameters(bench, min_confidence=0.5) == ""  # no model yet that could refuse it
    assert bench.report().message.startswith("loading model")
    loading.release.set()
    bench.peer.wait(response.done)
    assert not response.result().success
    assert "gives no confidence" in bench.node.health.last_error
    assert set_parameters(bench, min_confidence=0.0) == ""
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    assert state(bench) == State.PRIMARY_STATE_INACTIVE


class Loading:
    """Stands before the loading of a model, and holds it up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._load, self.release = Pipeline.from_settings, threading.Event()
        self.threads: list[threading.Thread] = []
        monkeypatch.setattr(Pipeline, "from_settings", self._load_slowly)

    def _load_slowly(self, settings: Settings) -> Pipeline:
        self.threads.append(threading.current_thread())
        assert self.release.wait(60.0)
        return self._load(settings)


def test_the_end_of_the_thread_that_loads_the_model_is_told_and_it_can_be_loaded_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start("/diagnostics", LOG, autostart=False)
    loading = Loading(monkeypatch)
    response = begin(bench, Transition.TRANSITION_CONFIGURE)
    kill(bench.peer.wait(lambda: loading.threads)[0])
    loading.release.set()
    bench.peer.wait(response.done)
    assert not response.result().success
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED
    bench.warning("cannot configure", "SystemExit")
    status = bench.report(lambda status: "failed" in status.message)
    assert (status.level, status.message) == (b"\2", "failed: SystemExit")
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    bench.listen("depth/image")
    bench.ask(take())


def waits_in_vain(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long [s] the node waits for threads that do not end; what a busy machine adds is not."""
    found, join = list[float](), Worker.join

    def join_and_note(thread: Worker, timeout_s: float) -> None:
        join(thread, timeout_s)
        if thread.alive:
            found.append(timeout_s)

    monkeypatch.setattr(Worker, "join", join_and_note)
    return found


def test_a_network_that_hangs_is_abandoned_and_named_within_five_seconds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s = waits_in_vain(monkeypatch)
    bench.start("depth/image", "/diagnostics", LOG)
    bench.gate.close()
    bench.show(take(0))
    bench.peer.wait(bench.gate.entered.is_set)
    assert not change(bench, Transition.TRANSITION_DEACTIVATE)
    assert 0 < sum(waits_s) < 5
    assert state(bench) == State.PRIMARY_STATE_UNCONFIGURED
    said = bench.warning("a worker is at one image for", "stage 'network'", "abandoned")
    status = bench.report(lambda status: "abandoned" in status.message)
    assert status.level == b"\2" and "stage 'network'" in said
    assert set_parameters(bench, max_depth_m=5.0) == ""
    bench.peer.leave("depth/image")
    bench.gate.open()
    bench.report(lambda status: status.message == "not active")
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    bench.listen("depth/image")
    bench.ask(take(1))
    assert [stamp_of(each) for each in bench.peer.received["depth/image"]] == [take(1).stamp_ns]
    # An image counts when all of its messages are out, which is after the first has come.
    bench.peer.wait(lambda: (bench.total("answered"), bench.total("dropped")) == (1, 1))
