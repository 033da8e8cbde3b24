"""What tests of several folders share: a small checkpoint, and real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine and every day: a red run is one that can be repeated.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out, unless -m names them."""
    if "slow" not in config.getoption("-m"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: pytest -m slow runs it"))


REPO = Path(__file__).parent.parent


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
