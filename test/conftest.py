"""What tests of several folders share: small checkpoints, real data where it is present, a domain.

Several workers of pytest-xdist, and several runs, can test on one machine at the same time.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from test import dds_profile
from test.locks import free_domain, locked, of_machine
from test.result_check import ResultCheck

if "PYTEST_XDIST_WORKER" in os.environ:
    # As many threads of torch as cores in every worker would wait for each other. Read when torch
    # is imported, here and in the processes that the tests start.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples on every machine and every day: a red run is one that can be repeated.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

REPO = Path(__file__).parent.parent
_DDS_FIXTURE = "dds"
_SLOW_FIXTURES = {_DDS_FIXTURE, "exported"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as slow what needs a node over DDS, an exported network or much damage.

    Real sizes are left out.

    A test over DDS runs once more if it fails, as with `colcon test --retest-until-pass`: on a busy
    machine the middleware may lose a process that it has found.
    """
    left_out = pytest.mark.skip(reason="pytest -m real_size runs it")
    for item in items:
        damages = item.path.is_relative_to(REPO / "test" / "hostile")
        if damages or _SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
        if _DDS_FIXTURE in getattr(item, "fixturenames", ()) or item.get_closest_marker("dds"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if item.get_closest_marker("real_size") and "real_size" not in config.getoption("-m"):
            item.add_marker(left_out)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the garbage collector leave out what the libraries hold: it is a million objects."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let tests of the GPU run one at a time: they count its memory and time it."""
    gpu = locked(of_machine("gpu")) if item.get_closest_marker("cuda") else nullcontext()
    with gpu:
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print at once why a test of the GPU failed: a run there may be cut off before its summary."""
    report = yield
    reporter = item.config.pluginmanager.get_plugin("terminalreporter")
    if report.failed and item.get_closest_marker("cuda") and reporter is not None:
        crash = getattr(report.longrepr, "reprcrash", None)
        reporter.write_line(f"\n{item.name}: {getattr(crash, 'message', report.longreprtext)}")
    return report


def pytest_configure(config: pytest.Config) -> None:
    """Hold the workers' results together with what they collected."""
    config.pluginmanager.register(ResultCheck())


@pytest.fixture(scope="session", autouse=True)
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """ROS on this machine only, in a domain of this process and its children alone."""
    profile = (REPO / "config" / "fastdds.xml").read_text()
    with free_domain() as domain, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ROS_DOMAIN_ID", str(domain))
        environment.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        path = dds_profile.write(tmp_path_factory.mktemp("dds"), profile)
        environment.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(path))
        yield domain


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the format of real checkpoints: untrained, but its depth varies (0.5 to 8 m).

    A zoedepth-lite: it is loaded in a third of the time that transformers' networks take, hundreds
    of times.
    """
    import torch

    from depth_ros.models.lite.config import LiteConfig
    from depth_ros.models.lite.network import ZoeDepthLite

    folder = tmp_path_factory.mktemp("checkpoint")
    sizes = LiteConfig(height=48, width=64, multiple=16, training_f_px=50.0, channels=16)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = ZoeDepthLite(sizes).requires_grad_(False)
        # Start weights that are fit for training give almost the same depth everywhere.
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        log_depth = network.train()(torch.randn(4, 3, 48, 64)).log()
        network.get_parameter("head.layers.2.weight").mul_(0.3 / log_depth.std())
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder of this run, which all its workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def built(shared: Path) -> Callable[[str], Path]:
    """The folder of a family's small checkpoint, written when first asked for."""
    from test.models.checkpoints import build

    def write(family: str) -> Path:
        folder = shared / family
        with locked(shared / f"{family}.lock"):
            if not folder.exists():
                build(family, shared / f"{family}.begun").rename(folder)
        return folder

    return cache(write)


@pytest.fixture(scope="session")
def exported(shared: Path, built: Callable[[str], Path]) -> Callable[[str, str], Path]:
    """The exported file of a family in a precision, written when first asked for."""
    from depth_ros.export import ExportOptions, export
    from test.models.checkpoints import EXPORTED

    def write(family: str, precision: str) -> Path:
        (folder := shared / precision).mkdir(exist_ok=True)
        out, (dynamic, size) = folder / f"{family}.onnx", EXPORTED[family]
        with locked(folder / f"{family}.lock"):
            if not out.exists():
                # Random networks round worse than trained ones.
                export(
                    str(built(family)), out, ExportOptions(size, dynamic, precision, tolerance=0.05)
                )
        return out

    return cache(write)


@pytest.fixture(scope="session")
def living_room() -> Path:
    """A real bag: 120 frames of 640x480 with camera_info and true depth."""
    shared = Path(os.environ.get("DEPTH_ROS_SHARED", REPO.parent / "shared"))
    bag = shared / "data" / "living_room"
    if not bag.is_dir():
        pytest.skip(f"{bag} is not there; DEPTH_ROS_SHARED names the folder that has data/")
    return bag
