"""Depth Pro: canonical inverse depth and a field of view, to metres."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import DepthProForDepthEstimation

from depth_ros import models
from depth_ros.geometry.camera import Camera
from depth_ros.models.depth_pro import DepthPro
from test.models.references import depth_pro_pixels, image


@pytest.fixture
def model(built: Callable[[str], Path]) -> DepthPro:
    model = models.load(str(built("depth-pro")))
    assert isinstance(model, DepthPro)
    return model


@pytest.mark.parametrize(("height", "width"), [(60, 91), (121, 50)], ids=str)
def test_metres_agree_with_the_processors_formula(
    model: DepthPro, built: Callable[[str], Path], height: int, width: int
) -> None:
    rgb = image(height, width)
    theirs = DepthProForDepthEstimation.from_pretrained(built("depth-pro"), dtype=torch.float32)
    pixels = torch.from_numpy(depth_pro_pixels(rgb, 64)).float()[None]
    with torch.inference_mode():
        outputs = theirs(pixels)
        raw = model.network(model.preprocess(torch.from_numpy(rgb)[None]))
    prediction = model.postprocess(raw, height, width)
    # post_process_depth_estimation of DepthProImageProcessor, which needs torchvision to import.
    f_px = 0.5 * width / math.tan(0.5 * math.radians(float(outputs.field_of_view[0])))
    inverse = outputs.predicted_depth * width / f_px
    inverse = functional.interpolate(inverse[:, None], (height, width), mode="bilinear")[:, 0]
    expected_m = 1 / inverse.clamp(1e-4, 1e4)
    assert expected_m.std() > 0.1 * expected_m.mean()
    torch.testing.assert_close(prediction.values, expected_m, rtol=1e-3, atol=1e-3)
    assert prediction.f_px is not None
    assert float(prediction.f_px[0]) == pytest.approx(f_px, rel=1e-3)


def test_the_estimated_focal_length_spans_the_field_of_view(model: DepthPro) -> None:
    raw = torch.ones(2, 8, 8), torch.tensor([90.0, 60.0])
    prediction = model.postprocess(raw, 48, 64)
    assert prediction.f_px is not None
    expected = [Camera.from_fov(64, 48, 90).fx, Camera.from_fov(64, 48, 60).fx]
    torch.testing.assert_close(prediction.f_px, torch.tensor(expected))


def test_at_the_lower_clamp_depth_is_beyond_range(model: DepthPro) -> None:
    inverse = torch.tensor([[0.0, 0.0], [0.5, 0.5]])[None]
    depth_m = model.postprocess((inverse, torch.tensor([90.0])), 2, 2).values[0]
    assert torch.isposinf(depth_m[0]).all()
    torch.testing.assert_close(depth_m[1], torch.tensor([1.0, 1.0]))


def test_with_and_without_an_estimate_metres_mean_the_same(
    model: DepthPro, built: Callable[[str], Path]
) -> None:
    """Depth is f / (width c): both conventions of the pipeline must come to it."""
    without = models.load(str(built("depth-pro-without-fov")))
    camera = Camera(640, 480, 700.0, 500.0, 320, 240)
    inverse = torch.full((1, 8, 8), 0.4)
    expected_m = 700.0 / (640 * 0.4)

    prediction = model.postprocess((inverse, torch.tensor([60.0])), 480, 640)
    assert model.training_f_px is None
    assert prediction.f_px is not None
    depth_m = prediction.values * (camera.fx / float(prediction.f_px[0]))
    torch.testing.assert_close(depth_m, torch.full((1, 480, 640), expected_m))

    prediction = without.postprocess(inverse, 480, 640)
    assert without.training_f_px is not None
    assert prediction.f_px is None
    depth_m = prediction.values * (without.network_f_px(camera) / without.training_f_px)
    torch.testing.assert_close(depth_m, torch.full((1, 480, 640), expected_m))


def test_only_the_focal_length_across_counts(model: DepthPro) -> None:
    camera = Camera(640, 480, 700.0, 500.0, 320, 240)
    taller = replace(camera, fy=900.0)
    assert model.network_f_px(camera) == model.network_f_px(taller) == pytest.approx(70.0)
