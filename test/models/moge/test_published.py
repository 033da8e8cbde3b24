"""MoGe-2's files of ONNX, as its authors export them: (image, num_tokens), open sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from depth_ros import models, runtimes
from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Request
from depth_ros.models.mirrored import Mirrored
from depth_ros.models.moge.model import focal_of, metric
from depth_ros.pipeline import Frame, Pipeline
from test.models.references import image

HEIGHT, WIDTH = 60, 90


def _place(name: str, axis: str) -> list[onnx.NodeProto]:
    """Return what makes a coordinate of the points: the place in the image times depth."""
    return [
        helper.make_node("CumSum", ["ones", axis], [f"{name}_count"]),
        helper.make_node("ReduceMax", [f"{name}_count"], [f"{name}_most"], keepdims=1),
        helper.make_node("Div", [f"{name}_count", f"{name}_most"], [f"{name}_share"]),
        helper.make_node("Sub", [f"{name}_share", "half"], [f"{name}_place"]),
        helper.make_node("Mul", [f"{name}_place", "z"], [name]),
    ]


def write(folder: Path) -> None:
    """Write a graph that takes and returns what the published ones do, though it computes less."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Add", ["grey", "two"], ["z"]),
        helper.make_node("Mul", ["grey", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "one"], ["ones"]),
        *_place("x", "across"),
        *_place("y", "down"),
        helper.make_node("Concat", ["x", "y", "z"], ["planes"], axis=1),
        helper.make_node("Transpose", ["planes"], ["points"], perm=[0, 2, 3, 1]),
        helper.make_node("Neg", ["points"], ["normal"]),
        helper.make_node("ReduceMax", ["image"], ["mask"], axes=[1], keepdims=0),
        helper.make_node("Cast", ["num_tokens"], ["tokens"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["image"], ["bright"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["tokens", "bright"], ["scale"]),
    ]
    anything = ["batch_size", "height", "width"]
    graph = helper.make_graph(
        nodes,
        "moge",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch_size", 3, "h", "w"]),
            helper.make_tensor_value_info("num_tokens", TensorProto.INT64, []),
        ],
        [
            helper.make_tensor_value_info("points", TensorProto.FLOAT, [*anything, 3]),
            helper.make_tensor_value_info("normal", TensorProto.FLOAT, [*anything, 3]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, anything),
            helper.make_tensor_value_info("scale", TensorProto.FLOAT, ["batch_size"]),
        ],
        [
            numpy_helper.from_array(np.array(value, kind), name)
            for name, value, kind in (
                ("zero", 0, np.float32),
                ("one", 1, np.float32),
                ("half", 0.5, np.float32),
                ("two", 2, np.float32),
                ("down", 2, np.int64),
                ("across", 3, np.int64),
            )
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.save(model, folder / "model.onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    write(folder)
    return folder


def expected(rgb: np.ndarray, camera: Camera) -> Tensor:
    """Depth of what the graph says, of the 3600 cells that are upstream's default."""
    shares = torch.from_numpy(rgb).float() / 255
    z = shares.mean(-1) + 2
    y, x = (torch.arange(side) + 1 for side in z.shape)
    places = torch.broadcast_tensors(x / z.shape[1] - 0.5, (y / z.shape[0] - 0.5)[:, None])
    points = torch.stack([*(place * z for place in places), z], dim=-1)
    seen, scale = shares.amax(-1) > 0.5, 3600 * shares.mean()
    focal = focal_of([camera], torch.device("cpu"))
    entry = models.MODELS["moge-2-small-onnx"]
    return metric(points[None], seen[None], scale[None], entry, focal).values


def test_a_published_file_runs_as_it_is(folder: Path) -> None:
    model = models.load("moge-2-small-onnx", str(folder))
    execute = runtimes.create("auto", model.network, "cpu", "float32", model.graphs)
    rgb, camera = image(HEIGHT, WIDTH), Camera.from_fov(WIDTH, HEIGHT, 60.0)
    given = torch.from_numpy(np.stack([rgb, rgb[::-1]]))
    found = model.infer(execute, given, Request([camera] * 2))
    for index, each in enumerate(given):
        values = expected(each.numpy(), camera)[0]
        torch.testing.assert_close(found.values[index], values, rtol=0.01, atol=1, equal_nan=True)
        assert values.isposinf().any()
    assert found.network_size == (16 * 49, 16 * 73), "of 3600 cells"
    pixels = model.preprocess(given)
    straight, turned = execute(pixels)[0], execute(pixels.flip(-1))[0].flip(2)
    mean = (straight + torch.tensor([-1.0, 1.0, 1.0]) * turned) / 2
    torch.testing.assert_close(Mirrored(execute)(pixels)[0], mean)


def test_it_passes_the_check_and_runs_in_the_pipeline(folder: Path) -> None:
    name, weights = "moge-2-small-onnx", str(folder)
    create = lambda model: runtimes.create("auto", model.network, "cpu", "float32", model.graphs)  # noqa: E731
    report = models.check(name, weights, create)
    assert report.differences == ()
    assert report.input_size == report.image_size
    pipeline = Pipeline.from_settings(Settings(model=name, weights=weights, device="cpu"))
    camera = Camera.from_fov(WIDTH, HEIGHT, 60.0)
    depth_m = pipeline(Frame(image(HEIGHT, WIDTH), camera)).depth_m
    near = depth_m.isfinite()
    assert near.any()
    assert torch.equal(near, expected(image(HEIGHT, WIDTH), camera)[0].isfinite())


def test_a_folder_without_the_file_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none of model\.onnx"):
        models.load("moge-2-small-onnx", str(tmp_path))
    (tmp_path / "model.onnx").write_bytes(b"none")
    with pytest.raises(ModelError, match="cannot be loaded"):
        models.load("moge-2-small-onnx", str(tmp_path))


def test_it_is_not_exported_once_more(folder: Path, tmp_path: Path) -> None:
    from depth_ros.export import export

    with pytest.raises(ModelError, match="exported already"):
        export("moge-2-small-onnx", tmp_path / "a.onnx", weights=str(folder))
