"""Downloads of results: complete, independent of each other, copied only if necessary."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from depth_ros.runtimes import download as module
from depth_ros.runtimes.download import CudaBus, Download, PendingDownload
from test.runtimes.stand_in_bus import StandInBus

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA")


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> StandInBus:
    """Replaces the bus of all devices."""
    bus = StandInBus()
    monkeypatch.setattr(module, "bus_of", lambda device: bus)
    return bus


def test_on_the_cpu_a_result_stays_where_it_is() -> None:
    values = torch.rand(48, 64)
    assert Download()(values) is values
    pending = Download().start(values)
    assert pending.wait() is values
    pending.release()


def test_on_the_cpu_too_only_valid_rows_are_returned() -> None:
    values = torch.rand(48, 64)
    found = Download().start(values, torch.tensor(5)).wait()
    assert torch.equal(found, values[:5]) and found.data_ptr() == values.data_ptr()


def test_a_copy_comes_after_what_was_computed_before_it(bus: StandInBus) -> None:
    download = Download()
    for _ in range(2):
        download.start(torch.rand(4))
    assert bus.log == ["mark", "copy after 1", "mark", "copy after 3"]


def test_results_of_any_type_size_and_layout_arrive_complete(bus: StandInBus) -> None:
    download = Download()
    for values in (
        torch.rand(48, 64),
        torch.rand(64, 48).T,
        torch.rand(2),
        torch.randint(0, 256, (480, 640, 3), dtype=torch.uint8),
        torch.empty(0, 16, dtype=torch.uint8),
        torch.rand(3, dtype=torch.float64),
    ):
        pending = download.start(values)
        assert torch.equal(pending.wait(), values)
        pending.release()


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("count", [0, 1, 7, 10])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_the_count_arrives_with_its_rows(
    bus: StandInBus, dtype: torch.dtype, count: int, shape: tuple[int, ...]
) -> None:
    values = torch.randint(0, 256, (10, 16), dtype=torch.uint8)
    pending = Download().start(values, torch.full(shape, count, dtype=dtype))
    assert torch.equal(pending.wait(), values[:count])


def test_pending_results_are_never_overwritten(bus: StandInBus) -> None:
    choose, download = random.Random(0), Download()
    held: list[tuple[PendingDownload, Tensor]] = []
    for _ in range(500):
        if len(held) == 2:
            pending, values = held.pop(choose.randrange(2))
            if choose.random() < 0.8:  # otherwise it would be freed while it is in flight
                assert torch.equal(pending.wait(), values)
            pending.release()
        values = torch.rand(choose.randrange(1, 50), 4)
        held.append((download.start(values.clone()), values))
        if choose.random() < 0.3:
            pending, values = held[0]
            assert torch.equal(pending.wait(), values)
    assert len(bus.allocated) < 12  # two, which grow


def test_memory_of_released_results_is_reused(bus: StandInBus) -> None:
    download, values = Download(), torch.rand(10, 4)
    places = set()
    for _ in range(10):
        pair = [download.start(values), download.start(values)]
        for pending in pair:
            places.add(pending.wait().data_ptr())
            pending.release()
            pending.release()  # once is enough, twice is no harm
    assert bus.allocated == [values.nbytes] * 2
    assert len(places) == 2


def test_many_at_once_do_not_keep_their_memory(bus: StandInBus) -> None:
    download = Download()
    for pending in [download.start(torch.rand(4)) for _ in range(20)]:
        pending.release()
    for pending in [download.start(torch.rand(4)) for _ in range(20)]:
        pending.release()
    assert 20 < len(bus.allocated) < 40


def test_a_device_error_reaches_the_waiting_thread(bus: StandInBus) -> None:
    pending = Download().start(torch.rand(4))
    bus.failure = RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="illegal memory access"):
        pending.wait()


def test_a_download_does_not_wait_for_work_that_was_queued_later(bus: StandInBus) -> None:
    download = Download()
    first, second = download.start(torch.zeros(4)), download.start(torch.ones(4))
    first.wait()
    assert [copy.number for copy in bus._copies] == [4]
    assert torch.equal(second.wait(), torch.ones(4))


def test_a_call_keeps_one_result_until_the_next(bus: StandInBus) -> None:
    download = Download()
    for number in range(5):
        assert torch.equal(download(torch.full((4,), number)), torch.full((4,), number))
    assert len(bus.allocated) == 1


def test_cudas_copies_wait_in_a_stream_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    class Stream:
        def __init__(self, device: torch.device, name: str = "copies") -> None:
            self.name = name

        def wait_event(self, event: Any) -> None:
            log.append(f"{self.name} wait for {event.at}")

    class Event:
        def __init__(self, blocking: bool = False) -> None:
            self.blocking, self.at = blocking, ""

        def record(self, stream: Stream) -> None:
            self.at = stream.name
            log.append(f"a mark in {self.at}")

    class Target:
        def copy_(self, source: Any, non_blocking: bool) -> None:
            log.append(f"copy {source} in {current[-1].name}, {non_blocking=}")

    current = [Stream(torch.device("cpu"), "network")]

    @contextmanager
    def stream(inside: Stream) -> Iterator[None]:
        current.append(inside)
        yield
        current.pop()

    faked = {"Stream": Stream, "Event": Event, "stream": stream}
    faked["current_stream"] = lambda device: current[-1]
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(**faked))
    bus: Any = CudaBus(torch.device("cuda", 0))
    copied = bus.copy([(Target(), "depth"), (Target(), "count")], bus.event())
    assert copied.blocking
    assert log == [
        "a mark in network",
        "copies wait for network",
        "copy depth in copies, non_blocking=True",
        "copy count in copies, non_blocking=True",
        "a mark in copies",
    ]


@CUDA
def test_on_cuda_results_of_any_size_and_layout_arrive_whole() -> None:
    download = Download()
    for values in (torch.rand(48, 64), torch.rand(64, 48).T, torch.rand(480, 640), torch.rand(2)):
        found = download(values.cuda())
        assert found.is_pinned()
        assert torch.equal(found, values)


@CUDA
def test_on_cuda_only_a_download_waits() -> None:
    download, values = Download(), torch.rand(480, 640, device="cuda")
    count = torch.tensor(7, device="cuda")
    for _ in range(2):  # the memory is there
        pair = [download.start(values, count) for _ in range(2)]
        for pending in pair:
            pending.wait()
            pending.release()
    torch.cuda.set_sync_debug_mode("error")
    try:
        pair = [download.start(values * number, count) for number in (2, 3)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = values[:7].cpu()
    for number, pending in zip((2, 3), pair, strict=True):
        assert torch.equal(pending.wait(), expected * number)


@CUDA
def test_on_cuda_a_copy_contains_only_earlier_work() -> None:
    download, big = Download(), torch.rand(4096, 4096, device="cuda")
    for number in range(20):
        values = (big @ big)[:480] * 0 + number
        pending = download.start(values)
        del values
        later = [torch.full((480, 4096), -1.0, device="cuda") for _ in range(3)]
        assert torch.equal(pending.wait(), torch.full((480, 4096), float(number)))
        pending.release()
        del later
