"""Threads of the CPU: one core stays free for ROS."""

import os
from collections.abc import Iterator

import cv2
import pytest
import torch

from depth_ros import runtimes
from depth_ros.runtimes import threads


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (3, 2), (4, 3), (64, 63)])
def test_a_core_is_left_for_ros_if_there_are_more_than_two(cores: int, expected: int) -> None:
    assert threads.default_count(cores) == expected


def test_a_number_is_used_as_given() -> None:
    assert threads.use(3) == 3
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("count", "workers", "expected"), [(8, 3, 3), (2, 2, 1), (1, 4, 1)])
def test_workers_share_threads_and_each_has_one(count: int, workers: int, expected: int) -> None:
    threads.use_share(count, workers)
    assert torch.get_num_threads() == expected


@pytest.mark.parametrize(("at_start", "expected"), [(1, 1), (7, 7), (16, 7)])
def test_zero_takes_no_more_than_the_environment_allows(
    at_start: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_AT_START", at_start)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    for _ in range(2):  # the second time is no other
        assert threads.use(0) == expected
        assert torch.get_num_threads() == expected


def test_a_process_that_runs_networks_on_the_cpu_leaves_the_cores_to_torch() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TORCHINDUCTOR_CACHE_DIR", "as the user says")
            patch.setattr(torch.cuda, "is_available", lambda: True)
            runtimes.prepare_process("auto")
            assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "as the user says"
        assert cv2.getNumThreads() == 2
        runtimes.prepare_process("cpu")
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)
