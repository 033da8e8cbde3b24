"""The node with a network that was exported: the file alone, ONNX Runtime, the same depth."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_ros.config import Settings
from depth_ros.pipeline import Frame, Pipeline
from test.ros.conftest import Bench, take

pytest.importorskip("rclpy")

FAMILY = "depth-anything-metric"


@pytest.fixture
def path(exported: Callable[[str, str], Path]) -> Path:
    return exported(FAMILY, "float32")


def test_the_node_answers_from_the_file_alone(
    bench: Bench, built: Callable[[str], Path], path: Path
) -> None:
    shot = take()
    pipeline = Pipeline.from_settings(Settings(model=str(built(FAMILY))))
    expected = pipeline(Frame(shot.rgb, shot.camera)).depth_m.cpu().numpy()
    bench.start("depth/image", model=str(path))
    answer = bench.ask(shot)["depth/image"]
    depth_m = np.frombuffer(answer.data, "<f4").reshape(answer.height, answer.width)
    assert np.array_equal(np.isfinite(depth_m), np.isfinite(expected))
    known = np.isfinite(expected)
    assert np.std(expected[known]) > 0.1, "nothing to compare: depth is constant"
    assert np.allclose(depth_m[known], expected[known], rtol=1e-3)


def test_another_runtime_that_was_asked_for_is_refused_at_the_start(
    bench: Bench, path: Path
) -> None:
    bench.start("/rosout", model=str(path), runtime="torch")
    assert bench.node.health.model_failed
