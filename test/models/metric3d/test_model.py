"""Metric3D's files of ONNX against its authors' rules, which are written out here once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from depth_ros import models, runtimes
from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Request
from depth_ros.models.metric3d.letterbox import Box, placed
from depth_ros.pipeline import Frame, Pipeline
from test.models.references import image

NAME = "metric3d-v2-small"
INPUT = (616, 1064)
SIZES = [(480, 640), (360, 1200), (375, 1242), (61, 91), (616, 1064), (1200, 700)]


def write(folder: Path, outputs: int = 3) -> None:
    """Write a graph that takes and returns what the published ones do, though it computes less."""
    rows, columns = INPUT
    ends = [
        helper.make_tensor_value_info("predicted_depth", TensorProto.FLOAT, ["b", rows, columns]),
        helper.make_tensor_value_info("predicted_normal", TensorProto.FLOAT, ["b", 3, "h", "w"]),
        helper.make_tensor_value_info("normal_confidence", TensorProto.FLOAT, ["b", "h", "w"]),
    ]
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["pixel_values"], ["grey"], axes=[1], keepdims=0),
            helper.make_node("Div", ["grey", "ten"], ["predicted_depth"]),
            helper.make_node("Identity", ["pixel_values"], ["predicted_normal"]),
            helper.make_node("Identity", ["grey"], ["normal_confidence"]),
        ],
        "metric3d",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["b", 3, "h", "w"])],
        ends[:outputs],
        [numpy_helper.from_array(np.array(10, np.float32), "ten")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    (folder / "onnx").mkdir()
    onnx.save(model, folder / "onnx" / "model.onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("metric3d")
    write(folder)
    return folder


def prepared(rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[Any], list[int], float]:
    """Upstream's prepare_input() of onnx/test_onnx.py: pixels, margins and the scale."""
    height, width = rgb.shape[:2]
    scale = min(INPUT[0] / height, INPUT[1] / width)
    small = cv2.resize(rgb, (int(width * scale), int(height * scale)))
    down, across = INPUT[0] - small.shape[0], INPUT[1] - small.shape[1]
    margins = [down // 2, down - down // 2, across // 2, across - across // 2]
    colour = [123.675, 116.28, 103.53]
    top, below, left, right = margins
    constant = cv2.BORDER_CONSTANT
    framed = cv2.copyMakeBorder(small, top, below, left, right, constant, value=colour)
    return framed.transpose(2, 0, 1).astype(np.float32), margins, scale


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pixels_are_those_of_upstreams_rule(height: int, width: int) -> None:
    rgb = image(height, width)
    expected, margins, scale = prepared(rgb)
    found = placed(torch.from_numpy(np.stack([rgb, rgb])))
    assert found.shape == (2, 3, *INPUT)
    np.testing.assert_array_equal(found[1].numpy(), expected)
    box = Box.of(height, width)
    assert (box.top, box.left) == (margins[0], margins[2])
    assert box.scale == scale
    assert box.cut(found[:, 0]).shape == (2, box.height, box.width)


def test_elsewhere_than_on_the_cpu_pixels_are_the_same_but_for_rounding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rgb = torch.from_numpy(image(61, 91))[None]
    expected = placed(rgb)
    monkeypatch.setattr("depth_ros.models.metric3d.letterbox._HOST", "another")
    assert (placed(rgb) - expected).abs().max() <= 1


@pytest.mark.parametrize(("height", "width"), SIZES[:4])
def test_metres_are_canonical_depth_times_the_scaled_focal_length(
    height: int, width: int, folder: Path
) -> None:
    camera, rgb = Camera.from_fov(width, height, 60.0), image(height, width)
    settings = Settings(model=NAME, weights=str(folder), device="cpu", edges_filter="off")
    depth_m = Pipeline.from_settings(settings)(Frame(rgb, camera)).depth_m
    pixels, (top, below, left, right), scale = prepared(rgb)
    canonical = pixels.mean(0)[top : INPUT[0] - below, left : INPUT[1] - right] / 10
    grown = torch.nn.functional.interpolate(
        torch.from_numpy(canonical)[None, None], (height, width), mode="bilinear"
    )[0, 0]
    expected = grown * camera.fx * scale / 1000
    near = depth_m.isfinite()
    assert near.float().mean() > 0.9
    torch.testing.assert_close(depth_m[near], expected[near], rtol=1e-3, atol=1e-3)


def test_it_passes_the_check(folder: Path) -> None:
    report = models.check(
        NAME,
        str(folder),
        lambda model: runtimes.create("auto", model.network, "cpu", "float32", model.graphs),
    )
    assert report.differences == ()
    assert report.input_size == INPUT
    assert "commercial use: no" in report.text()


def test_a_batch_is_its_images_and_what_is_not_positive_is_no_depth(folder: Path) -> None:
    model = models.load(NAME, str(folder))
    execute = runtimes.create("auto", model.network, "cpu", "float32", model.graphs)
    one, other = image(60, 91), image(60, 91)[::-1].copy()
    one[:30] = 0
    camera = Camera.from_fov(91, 60, 60.0)
    rgb = torch.from_numpy(np.stack([one, other]))
    together = model.infer(execute, rgb, Request([camera] * 2)).values
    for index in range(2):
        alone = model.infer(execute, rgb[index : index + 1], Request([camera])).values[0]
        torch.testing.assert_close(together[index], alone, equal_nan=True)
    assert together[0, :25].isnan().all()
    assert together[1].isfinite().all()
    assert model.max_depth_m == 200
    assert model.training_f_px == 1000


def test_a_file_of_depth_alone_is_enough(tmp_path: Path) -> None:
    write(tmp_path, outputs=1)
    model = models.load(NAME, str(tmp_path))
    execute = runtimes.create("auto", model.network, "cpu", "float32", model.graphs)
    rgb = torch.from_numpy(image(60, 91))[None]
    values = model.infer(execute, rgb, Request([Camera.from_fov(91, 60, 60.0)])).values
    assert values.shape == (1, 60, 91)


def test_its_half_precision_and_another_fit_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="float16"):
        Pipeline.from_settings(
            Settings(model=NAME, weights=str(folder), device="cpu", dtype="float16")
        )
    with pytest.raises(ModelError, match="one way only"):
        models.load(NAME, str(folder)).with_fit("warp")
