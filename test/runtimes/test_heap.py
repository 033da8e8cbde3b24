"""Freed and allocated memory, in separate processes: the setting cannot be undone."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# Four times the largest size that glibc ever keeps by itself.
_CHURN = """
import resource, sys, threading
import torch
from depth_ros.runtimes import heap

def churn():
    for _ in range(20):
        torch.ones(1 << 25)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    churn()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def measured():
    churn()
    print(faults())

for step in sys.argv[1:]:
    if step == "load":
        import depth_ros
        depth_ros.load(device="cpu")
    elif step == "keep":
        heap.use_one_arena()
        heap.keep_freed_memory()
    elif step == "measure":
        measured()
    else:
        thread = threading.Thread(target=measured)
        thread.start()
        thread.join()
"""


def faults(*steps: str, **environment: str) -> list[int]:
    """Return how many pages the kernel gave a process that frees and takes 128 MB 20 times.

    Once for each step that measures, in the main thread or in one of its own.
    """
    malloc = {"MALLOC_", "GLIBC_TUNABLES"}
    clean = {k: v for k, v in os.environ.items() if not any(k.startswith(name) for name in malloc)}
    command = [sys.executable, "-c", _CHURN, *steps]
    done = subprocess.run(
        command, env=clean | environment, capture_output=True, text=True, check=True
    )
    return [int(line) for line in done.stdout.split()]


def test_kept_memory_is_not_requested_again() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("glibc only")
    left, kept, in_a_thread = faults("measure", "keep", "measure", "measure in a thread")
    assert left > 1000
    assert kept < 100
    assert in_a_thread < 100


def test_loading_a_model_leaves_memory_as_it_is() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("glibc only")
    (left,) = faults("load", "measure")
    assert left > 1000


def test_the_environments_settings_are_kept() -> None:
    (left,) = faults("keep", "measure", MALLOC_MMAP_THRESHOLD_="131072")
    assert left > 1000
