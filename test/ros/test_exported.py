"""The node with a network that was exported: the file alone, ONNX Runtime, the same depth."""

from pathlib import Path

import numpy as np
import pytest

from depth_ros import models
from depth_ros.export import Options, export
from depth_ros.models import DepthModel
from test.ros.conftest import CAMERA, Bench, Reference, take

pytest.importorskip("rclpy")


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of the other tests as a graph for the camera's images."""
    model = models.load(str(checkpoint))
    assert isinstance(model, DepthModel)
    rules, path = model.preprocessing, tmp_path_factory.mktemp("exported") / "depth.onnx"
    size = rules.network_size(*rules.padded_size(CAMERA.height, CAMERA.width))
    export(str(checkpoint), path, Options(size, tolerance=0.05))
    return path


def test_the_node_answers_from_the_file_alone(
    bench: Bench, exported: Path, reference: Reference
) -> None:
    shot, expected = take(), reference(take())
    bench.start("depth/image", model=str(exported))
    answer = bench.ask(shot)["depth/image"]
    depth_m = np.frombuffer(answer.data, "<f4").reshape(answer.height, answer.width)
    assert np.array_equal(np.isfinite(depth_m), np.isfinite(expected))
    known = np.isfinite(expected)
    assert np.allclose(depth_m[known], expected[known], rtol=1e-3)


def test_another_runtime_that_was_asked_for_is_refused_at_the_start(
    bench: Bench, exported: Path
) -> None:
    bench.start("/rosout", model=str(exported), runtime="torch")
    assert bench.node.health.model_failed
