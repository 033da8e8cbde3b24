"""The running node over DDS, where ROS is installed: rates of one camera, and three cameras."""

from __future__ import annotations

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.gpu import networks
from benchmarks.gpu.bench import Bench
from benchmarks.network import SIDE
from depth_ros.models import MODELS

LIVE = "live"
RATES_HZ = (30.0, 60.0, 120.0)
CAMERAS, CAMERAS_HZ = 3, 60.0


def run(bench: Bench, name: str, dtype: str, seconds: float) -> None:
    """Run nodes of a network in a precision, and store their results."""
    if find_spec("rclpy") is None:
        bench.results.failed[LIVE] = "no rclpy"
        print("live: not measured: no rclpy")
        return
    with tempfile.TemporaryDirectory() as folder:
        model = bench.attempt(LIVE, lambda: _model(bench, name, Path(folder)))
        if model is not None:
            _run(bench, model, dtype, seconds)


def _run(bench: Bench, model: str, dtype: str, seconds: float) -> None:
    from benchmarks import live

    runs = [(live.one_camera(), hz) for hz in RATES_HZ]
    runs += [(make(CAMERAS), CAMERAS_HZ) for make in (live.one_node, live.many_nodes)]
    more = ["-p", f"dtype:={dtype}", "-p", f"device:={bench.device.place}"]
    for setup, hz in runs:
        setup = setup._replace(nodes=[[*node, *more] for node in setup.nodes])
        label = f"{setup.label}, {hz:g} Hz"
        result = bench.attempt(label, lambda: live.run(setup, model, hz, seconds))  # noqa: B023
        if result is not None:
            bench.results.live[label] = {**result._asdict(), "per_second": result.per_second}
            print(result.text(), flush=True)


def _model(bench: Bench, name: str, folder: Path) -> str:
    """Return the node's model: a known name, or a folder with random weights."""
    if name in MODELS:
        return name
    model: Any = networks.build(name, bench.device.place)
    model.network.network.save_pretrained(folder)
    rules = model.preprocessing
    preprocessor = {
        "image_processor_type": "DPTImageProcessor",
        "size": {"height": SIDE, "width": SIDE},
        "ensure_multiple_of": rules.multiple,
        "keep_aspect_ratio": True,
        "resample": 3,
        "image_mean": list(rules.mean),
        "image_std": list(rules.std),
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return str(folder)
