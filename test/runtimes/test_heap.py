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

if sys.argv[1] == "load":
    import depth_ros
    depth_ros.load(device="cpu")
elif sys.argv[1] != "leave":
    heap.use_one_arena()
    heap.keep_freed_memory()

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

if sys.argv[1] == "keep in a thread":
    thread = threading.Thread(target=measured)
    thread.start()
    thread.join()
else:
    measured()
"""


def faults(mode: str, **environment: str) -> int:
    """Return how many pages the kernel gave a process that frees and takes 128 MB 20 times."""
    malloc = {"MALLOC_", "GLIBC_TUNABLES"}
    clean = {k: v for k, v in os.environ.items() if not any(k.startswith(name) for name in malloc)}
    command = [sys.executable, "-c", _CHURN, mode]
    done = subprocess.run(
        command, env=clean | environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_kept_memory_is_not_requested_again() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("glibc only")
    assert faults("keep") < 100
    assert faults("keep in a thread") < 100
    assert faults("leave") > 1000


def test_loading_a_model_leaves_memory_as_it_is() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("glibc only")
    assert faults("load") > 1000


def test_the_environments_settings_are_kept() -> None:
    assert faults("keep", MALLOC_MMAP_THRESHOLD_="131072") > 1000
