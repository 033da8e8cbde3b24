"""What tests of several folders share: a small checkpoint, real data where it is present, a domain.

Several workers of pytest-xdist, and several runs, can test on one machine at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import settings

from test.locks import free_domain, locked

if "PYTEST_XDIST_WORKER" in os.environ:
    # As many threads of torch as cores in every worker would wait for each other. Read when torch
    # is imported, here and in the processes that the tests start.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples on every machine and every day: a red run is one that can be repeated.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

REPO = Path(__file__).parent.parent


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let tests of the GPU run one at a time: they count its memory and time it."""
    gpu = locked("gpu") if item.get_closest_marker("cuda") else nullcontext()
    with gpu:
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def domain() -> Iterator[int]:
    """ROS on this machine only, in a domain of this process and its children alone."""
    with free_domain() as domain, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ROS_DOMAIN_ID", str(domain))
        environment.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        yield domain


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the format of real checkpoints: untrained, but its depth varies (0.5 to 8 m)."""
    import torch

    from depth_ros.models.zoedepth import Preprocessing, save, tiny_network

    folder = tmp_path_factory.mktemp("checkpoint")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = tiny_network(width=64, height=48, training_f_px=50.0, max_depth_m=20.0)
        # Start weights that are fit for training give almost the same depth everywhere.
        layers = (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear)
        for module in network.modules():
            if isinstance(module, layers):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    save(network, folder, Preprocessing(height=48, width=64, multiple=16, pad=False))
    return folder


@pytest.fixture(scope="session")
def living_room() -> Path:
    """A real bag: 120 frames of 640x480 with camera_info and true depth."""
    shared = Path(os.environ.get("DEPTH_ROS_SHARED", REPO.parent / "shared"))
    bag = shared / "data" / "living_room"
    if not bag.is_dir():
        pytest.skip(f"{bag} is not there; DEPTH_ROS_SHARED names the folder that has data/")
    return bag
