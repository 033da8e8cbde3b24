"""Depth Anything 3 against its authors' rules, which are written out here once more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from depth_ros import models
from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models import Output
from depth_ros.models.depth_anything_3.model import DepthAnything3
from depth_ros.models.depth_anything_3.network import DepthAnything3Net
from depth_ros.models.opencv_resize import opencv_resize
from depth_ros.pipeline import Frame, Pipeline
from test.models.depth_anything_3 import upstream
from test.models.references import image

NAME = "depth-anything-3-metric-large"
SIZES = [(480, 640), (360, 640), (720, 1280), (1200, 1600), (240, 320), (640, 480), (61, 91)]


def test_the_large_network_loads_exactly_upstreams_weights() -> None:
    named = upstream.shapes()
    with torch.device("meta"):
        weights = {name: torch.empty(each) for name, each in named.items()}
    network = DepthAnything3Net.of_weights(weights, (4, 11, 17, 23))
    assert {f"model.{name}" for name in network.state_dict()} == named.keys()
    count = sum(each.numel() for each in network.parameters())
    assert count / 1e6 == pytest.approx(models.MODELS[NAME].parameters_m, rel=0.001)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    named = upstream.shapes(64, 4, (8, 8, 16, 16), 16, side=5)
    weights = upstream.weights(named)
    with pytest.raises(ModelError, match=r"lacks .model\.backbone"):
        DepthAnything3Net.of_weights({}, (0, 1, 2, 3))
    del weights["model.head.scratch.sky_output_conv2.0.bias"]
    with pytest.raises(ModelError, match=r"lacks 1 weights, head\.scratch\.sky_output_conv2"):
        DepthAnything3Net.of_weights(weights, (0, 1, 2, 3))


def resized(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Upstream's InputProcessor: longest side 504, then the nearest multiples of 14."""
    height, width = rgb.shape[:2]
    scale = 504 / max(height, width)
    if max(height, width) != 504:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=3 if scale <= 1 else 2), np.uint8)
    height, width = rgb.shape[:2]
    new = []
    for side in (width, height):
        down = side // 14 * 14
        new.append(down + 14 if abs(down + 14 - side) <= abs(side - down) else down)
    if tuple(new) != (width, height):
        grows = new[0] > width or new[1] > height
        rgb = np.asarray(cv2.resize(rgb, new, interpolation=2 if grows else 3), np.uint8)
    return rgb


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pixels_are_those_of_upstreams_rule(height: int, width: int) -> None:
    rules = models.MODELS[NAME].preprocessing
    assert rules is not None
    rgb = image(height, width)
    expected = resized(rgb)
    assert rules.network_size(height, width) == expected.shape[:2]
    assert max(expected.shape) == 504
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    pixels = rules(torch.from_numpy(rgb)[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(pixels, (expected / 255 - mean) / deviation, atol=1e-5)


@pytest.mark.parametrize("size", [(28, 42), (60, 91), (61, 84), (70, 98), (61, 91)])
def test_elsewhere_than_on_the_cpu_resizes_are_opencvs_but_for_rounding(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = torch.from_numpy(image(61, 91).copy()).permute(2, 0, 1)[None]
    expected = opencv_resize(pixels, size)
    monkeypatch.setattr("depth_ros.models.opencv_resize._HOST", "another")
    found = opencv_resize(pixels, size).float()
    assert found.shape == (1, 3, *size)
    error = (found - expected.float()).abs()
    assert error.max() <= 1
    assert error.mean() < 0.1


def test_metres_follow_the_focal_length_at_the_networks_input(
    built: Callable[[str], Path],
) -> None:
    """Metres = f out / 300."""
    settings = Settings(model=NAME, weights=str(built("da3")), device="cpu", edges_filter="off")
    pipeline = Pipeline.from_settings(settings)
    rgb = image(240, 320)
    camera = Camera.from_fov(320, 240, 60.0)
    depth_m = pipeline(Frame(rgb, camera)).depth_m
    model = models.load(NAME, settings.weights)
    with torch.inference_mode():
        raw = model.network(model.preprocess(torch.from_numpy(rgb)[None]))
    out = model.postprocess(raw, 240, 320).values[0]
    f_px = (camera.fx * 504 / 320 * camera.fy * 378 / 240) ** 0.5
    torch.testing.assert_close(depth_m, out * f_px / 300, rtol=1e-4, atol=1e-4)
    assert model.at_size(252, 252).training_f_px == model.training_f_px == 300


def test_sky_is_beyond_range(built: Callable[[str], Path]) -> None:
    model = models.load(NAME, str(built("da3")))
    log_depth = torch.zeros(1, 14, 28)
    sky = torch.full((1, 14, 28), -5.0)
    sky[..., 14:] = 0.5
    values = model.postprocess((log_depth, sky), 28, 56).values[0]
    assert values.shape == (28, 56)
    torch.testing.assert_close(values[:, :26], torch.ones(28, 26))
    assert values[:, 30:].isposinf().all()


def test_the_relative_model_gives_depth_up_to_scale_and_shift(tmp_path: Path) -> None:
    folder = str(upstream.build(tmp_path, name="da3mono-large"))
    model = models.load("depth-anything-3-mono-large", folder)
    assert model.entry.output is Output.AFFINE_DEPTH
    assert model.training_f_px is None
    assert models.load(folder).entry.output is Output.AFFINE_DEPTH
    with pytest.raises(ModelError, match="gives affine_depth, expected metric_depth"):
        models.load(NAME, folder)


@pytest.mark.parametrize("layers", [[1, 2], "all", [0, 1, 2, 3.5]])
def test_layers_that_are_none_are_refused(layers: object, tmp_path: Path) -> None:
    upstream.build(tmp_path)
    said = {"model_name": "da3metric-large", "config": {"net": {"out_layers": layers}}}
    (tmp_path / "config.json").write_text(json.dumps(said))
    with pytest.raises(ModelError, match="expected four integers"):
        models.load(NAME, str(tmp_path))


def test_another_network_of_the_family_is_refused(tmp_path: Path) -> None:
    upstream.build(tmp_path, name="da3-giant")
    with pytest.raises(ModelError, match="'da3-giant', expected da3metric-large or da3mono-large"):
        models.load(NAME, str(tmp_path))


@pytest.mark.slow
def test_the_published_sizes_pass_the_check_but_for_their_depth(tmp_path: Path) -> None:
    folder = upstream.build(tmp_path, upstream.shapes(depth=4))
    report = models.check(NAME, str(folder))
    assert report.input_size == (378, 504)
    assert report.differences == ()
    assert isinstance(models.load(NAME, str(folder)), DepthAnything3)
