"""Captured functions: they give the functions' results, and do not overwrite memory in use."""

import gc
import threading
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from depth_ros.runtimes.capture import Captured, Result
from depth_ros.runtimes.capture_check import CaptureCheck, NotCapturableError
from depth_ros.runtimes.notices import Notices
from test.killing import kill
from test.runtimes.stand_in import Launches, StandIn, graphs


def doubled(values: Tensor, more: Tensor | None = None) -> Result:
    return (values * 2, None if more is None else more + 1), "note"


def first(result: Result) -> Tensor:
    """The first tensor of a result."""
    value = result[0][0]
    assert value is not None
    return value


def captured(max_graphs: int = 8, **options: Any) -> tuple[Captured, StandIn, list[str]]:
    machine, notices, reports = StandIn(**options), Notices(), list[str]()
    notices.listen(reports.append)
    return Captured("it", machine, notices, max_graphs), machine, reports


def test_a_captured_function_gives_the_functions_result_for_new_arguments() -> None:
    call, machine, reports = captured()
    for number in range(4):
        values = torch.full((2, 3), float(number))
        (twice, none), note = call("key", doubled, values, None)
        assert twice is not None
        assert torch.equal(twice, 2 * values)
        assert none is None
        assert note == "note"
    assert machine.log.count("capture") == 1
    assert not reports


def test_each_call_waits_for_the_last_one_then_copies_replays_clones_and_records() -> None:
    call, machine, _ = captured()
    call("key", doubled, torch.ones(2))
    call("key", doubled, torch.ones(2))
    assert machine.log == [
        "on_side_stream",
        "on_side_stream",
        "capture",
        *(["wait", "replay", "record"] * 2),
    ]


def scaled(values: Tensor, table: Tensor) -> Result:
    return (values * table,), None


def test_constants_are_copied_once_and_again_when_they_are_others() -> None:
    call, machine, _ = captured()
    one, other = torch.full((2,), 3.0), torch.full((2,), 5.0)
    launches = []
    for number, table in enumerate((one, one, other, other, one)):
        values = torch.full((2,), float(number))
        with Launches(machine) as seen:
            found = first(call("key", scaled, values, constants=(table,)))
        assert torch.equal(found, values * table)
        launches.append(seen.counts["copy_"])
    assert launches[1:] == [1, 2, 1, 2]
    assert machine.log.count("capture") == 1


def test_a_constant_whose_copy_failed_is_copied_again(monkeypatch: pytest.MonkeyPatch) -> None:
    call, _, _ = captured()
    values, one, other = torch.ones(2), torch.full((2,), 3.0), torch.full((2,), 5.0)
    call("key", scaled, values, constants=(one,))
    broken: Any = SimpleNamespace(shape=other.shape, dtype=other.dtype)
    with pytest.raises(TypeError):
        call("key", scaled, values, constants=(broken,))
    assert first(call("key", scaled, values, constants=(one,))).tolist() == [3, 3]


def test_memory_is_flat_over_many_changes_of_size() -> None:
    call, machine, _ = captured()
    made: list[weakref.ref[Tensor]] = []

    def noted(values: Tensor) -> Result:
        result = values * 2
        made.extend(map(weakref.ref, (values, result)))
        return (result,), None

    for number in range(10_000):
        call("key", noted, torch.empty(1 + number % 100))
        assert len(machine.live) <= 8
    machine.last_replay.wait()
    gc.collect()
    assert machine.log.count("capture") - machine.log.count("reset") == 8
    assert len({id(each()) for each in made if each() is not None}) == 2 * 8


def test_a_graph_keeps_the_memory_of_weights_that_are_moved() -> None:
    call, _, _ = captured()
    layer = torch.nn.Linear(2, 2).requires_grad_(False)
    call("key", lambda values: ((layer(values),), None), torch.ones(1, 2))
    memory, (graph,) = layer.weight.data_ptr(), call._captured.values()
    layer.double()
    assert layer.weight.data_ptr() != memory
    assert memory in {each.data_ptr() for each in graph.kept_alive if isinstance(each, Tensor)}


def test_results_are_the_callers_own() -> None:
    call, _, _ = captured()
    one = first(call("key", doubled, torch.ones(2)))
    other = first(call("key", doubled, torch.full((2,), 5.0)))
    assert one.tolist() == [2, 2]
    assert other.tolist() == [10, 10]


def test_what_is_written_while_a_replay_may_read_it_is_found() -> None:
    machine = StandIn()
    statics = (torch.ones(2),)
    graph = machine.graph()
    graph.capture(lambda: doubled(*statics))
    graph.replay()
    statics[0].fill_(3)
    with pytest.raises(AssertionError, match="in flight"):
        machine.last_replay.wait()


@pytest.mark.parametrize(
    ("key", "values"),
    [("other", torch.ones(2)), ("key", torch.ones(3)), ("key", torch.ones(2).double())],
    ids=["key", "shape", "dtype"],
)
def test_another_key_shape_or_dtype_is_another_graph(key: str, values: Tensor) -> None:
    call, machine, _ = captured()
    for _ in range(2):
        call("key", doubled, torch.ones(2))
        assert torch.equal(first(call(key, doubled, values)), 2 * values)
    assert machine.log.count("capture") == 2


def test_the_given_number_of_most_recently_used_graphs_is_kept() -> None:
    call, machine, _ = captured(max_graphs=2)
    for size in (1, 2, 1, 3):
        call("key", doubled, torch.ones(size))
    assert len(machine.live) == 2
    assert machine.log.count("reset") == 1
    captures = machine.log.count("capture")
    call("key", doubled, torch.ones(1))
    assert machine.log.count("capture") == captures
    call("key", doubled, torch.ones(2))
    assert machine.log.count("capture") == captures + 1


def test_a_graphs_memory_is_freed_after_the_device_is_done_with_it() -> None:
    call, machine, _ = captured(max_graphs=1)
    call("key", doubled, torch.ones(1))
    call("key", doubled, torch.ones(2))
    assert machine.log.index("reset") == machine.log.index("synchronize") + 1
    call.forget()
    assert not machine.live


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted"), MemoryError()])
def test_what_cannot_be_captured_is_called_directly_and_reported_once(error: Exception) -> None:
    call, machine, reports = captured(error=error)
    for size in (1, 2, 2):
        assert torch.equal(first(call("key", doubled, torch.ones(size))), 2 * torch.ones(size))
    assert len(reports) == 1
    assert reports[0].startswith("it continues without a CUDA graph: ")
    assert machine.log.count("capture") == machine.log.count("synchronize device") == 1


def test_the_reason_is_what_went_wrong_first() -> None:
    error = RuntimeError("the capture was invalidated")
    error.__context__ = ValueError("no tensors of the host")
    call, _, reports = captured(error=error)
    call("key", doubled, torch.ones(1))
    assert reports[0].endswith(": no tensors of the host")


def test_a_function_that_makes_the_host_wait_is_not_captured() -> None:
    def asks(values: Tensor) -> Result:
        return (values * (2 if values.sum().item() > 0 else 1),), None

    call, machine, reports = captured(strict=True)
    assert first(call("key", asks, torch.ones(2))).tolist() == [2, 2]
    assert "capture" not in machine.log
    assert reports == ["it continues without a CUDA graph: item of a tensor on cpu waits for it"]


def test_a_functions_own_errors_reach_the_caller_and_disable_nothing() -> None:
    def fails(values: Tensor) -> Result:
        raise ValueError("bad frame")

    call, _, reports = captured()
    with pytest.raises(ValueError, match="bad frame"):
        call("key", fails, torch.ones(1))
    assert not call.disabled_reason
    assert not reports


def test_threads_share_graphs_and_get_their_own_results() -> None:
    call, _, _ = captured()
    wrong = []

    def work(number: int) -> None:
        for _ in range(50):
            twice = first(call("key", doubled, torch.full((64,), float(number))))
            if not torch.equal(twice, torch.full((64,), 2.0 * number)):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def tripled(values: Tensor, more: Tensor | None = None) -> Result:
    return (values * 3, None), "faster"


def test_a_faster_function_takes_over_when_it_is_ready() -> None:
    call, machine, reports = captured()
    ready = threading.Event()

    def faster(values: Tensor) -> Result:
        ready.wait(10)
        return tripled(values)

    values = torch.ones(2)
    assert first(call("key", doubled, values, faster=faster)).tolist() == [2, 2]
    assert first(call("key", doubled, values, faster=faster)).tolist() == [2, 2]
    ready.set()
    until(lambda: call("key", doubled, values, faster=faster)[1] == "faster")
    assert first(call("key", doubled, values, faster=faster)).tolist() == [3, 3]
    assert machine.log.count("capture") == 2
    assert len(machine.live) == 1
    assert not reports


def test_the_first_result_can_wait_for_the_faster_function() -> None:
    call, machine, _ = captured()
    found = call("key", doubled, torch.ones(2), faster=tripled, wait_for_faster=True)
    assert first(found).tolist() == [3, 3]
    assert machine.log.count("capture") == 1


def test_a_faster_function_that_fails_is_reported_once_and_changes_nothing() -> None:
    def fails(values: Tensor) -> Result:
        raise RuntimeError("no compiler")

    call, _, reports = captured()
    for size in (1, 2, 3):
        call("key", doubled, torch.ones(size), faster=fails)
    until(lambda: not any(thread.name == "compile" for thread in threading.enumerate()))
    assert reports == ["it continues without torch.compile: no compiler"]
    assert first(call("key", doubled, torch.ones(2), faster=fails)).tolist() == [2, 2]


def test_functions_of_one_version_share_one_place_among_the_compiled_ones() -> None:
    call, _, messages = captured(max_graphs=40)
    compiled = list[int]()

    def faster(values: Tensor) -> Result:
        compiled.append(len(values))
        return doubled(values)

    def ask(key: int, length: int, version: str | None) -> None:
        call(key, doubled, torch.ones(length), faster=faster, version=version)
        until(lambda: not call.pending)

    for key in range(12):
        ask(key, 2, "of a network")
    assert len(compiled) >= 12
    for length in range(3, 12):
        ask(0, length, "of a network")
    assert set(compiled) == {*range(2, 10)}  # eight shapes
    ask(99, 2, "of a network")
    assert compiled[-1] == 2
    assert not messages


def test_a_compiling_thread_that_ends_is_reported_and_frames_are_answered_without_it() -> None:
    entered, release = threading.Event(), threading.Event()

    def faster(values: Tensor) -> Result:
        entered.set()
        release.wait(60)
        return tripled(values)

    call, machine, reports = captured()
    call("key", doubled, torch.ones(2), faster=faster)
    assert entered.wait(60)
    (compiler,) = (each for each in threading.enumerate() if each.name == "compile")
    kill(compiler)
    release.set()
    compiler.join(60)
    assert reports == ["it continues without torch.compile: SystemExit"]
    assert call.pending == 0
    for size in (2, 3):  # one that was captured, and one that is captured now: the lock is free
        assert call("key", doubled, torch.ones(size), faster=faster)[1] == "note"
    assert machine.log.count("capture") == 2
    assert not any(each.name == "compile" for each in threading.enumerate())


def test_while_something_is_compiled_new_functions_are_called_directly() -> None:
    call, machine, reports = captured()
    other, ready = Captured("other", machine, Notices()), threading.Event()

    def faster(values: Tensor) -> Result:
        ready.wait(10)
        return tripled(values)

    call("key", doubled, torch.ones(2), faster=faster)
    until(lambda: other._try_to_capture("key", doubled, (torch.ones(1),), None) is None)
    captures = machine.log.count("capture")
    assert first(call("key", doubled, torch.ones(3), faster=faster)).tolist() == [2, 2, 2]
    assert first(other("key", doubled, torch.ones(3))).tolist() == [2, 2, 2]
    assert machine.log.count("capture") == captures
    ready.set()
    until(lambda: not call.pending)
    other("key", doubled, torch.ones(3))
    assert machine.log.count("capture") == captures + 2
    assert not reports


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it never was")


def test_constants_are_what_a_function_uses_and_did_not_make() -> None:
    table, index = torch.arange(4.0), torch.tensor([1, 3])
    with CaptureCheck(torch.device("cpu")) as check:
        made = torch.ones(2) + table[index]
        made.mul_(2).sum()
    assert {id(each) for each in check.constants} == {id(table), id(index)}


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.item(),
        lambda x: bool(x > 0),
        lambda x: x.reshape(1).nonzero(),
        lambda x: x.reshape(1)[x.reshape(1) > 0],
        lambda x: x.reshape(1).tolist(),
    ],
)
def test_waits_for_the_device_are_refused(ask: Callable[[Tensor], Any]) -> None:
    with pytest.raises(NotCapturableError), CaptureCheck(torch.device("cpu")):
        ask(torch.ones(()))


@pytest.mark.parametrize(
    "travel",
    [
        lambda x: x + torch.ones(2),
        lambda x: x[torch.arange(2)],
        lambda x: x.cpu(),
        lambda x: torch.ones(2).to("meta"),
        lambda x: torch.tensor([1.0, 2.0], device="meta"),
    ],
)
def test_tensors_of_the_host_are_refused(travel: Callable[[Tensor], Any]) -> None:
    with pytest.raises(NotCapturableError), CaptureCheck(torch.device("meta")):
        travel(torch.ones(2, device="meta"))


def test_numbers_of_the_host_and_tensors_made_in_place_are_allowed() -> None:
    with CaptureCheck(torch.device("meta")):
        x = torch.zeros(2, 3, device="meta")
        x[:, 0] = 1.0
        (x * 2 + torch.arange(3, device="meta")).masked_fill_(x > 0, torch.nan).sort()


def test_a_pipelines_two_kinds_of_graphs_share_one_device() -> None:
    both, machine = graphs()
    both.predict("key", doubled, torch.ones(2))
    both.render("key", doubled, torch.ones(2))
    assert len(machine.live) == 2


def test_what_is_reported_before_anybody_listens_is_not_lost() -> None:
    notices, warnings, others = Notices(), list[str](), list[str]()
    for text in ("one", "two"):
        notices.report(text)
        notices.inform(f"{text} more")
        if text == "one":
            notices.listen(warnings.append, others.append)
    assert warnings == ["one", "two"]
    assert others == ["one more", "two more"]
