"""GLPN against transformers' own code."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import GLPNForDepthEstimation
from transformers.models.glpn.image_processing_pil_glpn import GLPNImageProcessorPil

from depth_ros import models
from test.models.references import image


@pytest.mark.parametrize(("height", "width"), [(480, 640), (375, 1242), (61, 91), (64, 96)])
def test_pixels_are_those_of_transformers_processor(height: int, width: int) -> None:
    rules = models.MODELS["glpn-nyu"].preprocessing
    assert rules is not None
    rgb = image(height, width)
    theirs = GLPNImageProcessorPil()(images=rgb, input_data_format="channels_last")
    expected = torch.as_tensor(theirs["pixel_values"][0])
    pixels = rules(torch.from_numpy(rgb)[None])[0]
    assert pixels.shape == expected.shape == (3, height // 32 * 32, width // 32 * 32)
    assert (pixels - expected).abs().max() < 13 / 255, "see pillow_resize"
    assert (pixels - expected).abs().mean() < 0.5 / 255


def test_values_agree_with_transformers(built: Callable[[str], Path]) -> None:
    folder = built("glpn")
    model = models.load("glpn-nyu", str(folder))
    network = GLPNForDepthEstimation.from_pretrained(folder, dtype=torch.float32)
    pixels = model.preprocess(torch.from_numpy(image(70, 100))[None])
    with torch.inference_mode():
        outputs = network(pixels)
        found = model.postprocess(model.network(pixels), 70, 100).values[0]
    theirs = GLPNImageProcessorPil().post_process_depth_estimation(outputs, [(70, 100)])
    torch.testing.assert_close(found, theirs[0]["predicted_depth"], rtol=1e-4, atol=1e-4)
    assert model.max_depth_m == 10


def test_metres_assume_the_cameras_own_focal_length(built: Callable[[str], Path]) -> None:
    model = models.load("glpn-nyu", str(built("glpn")))
    assert model.training_f_px == pytest.approx((518.8579 * 519.4696) ** 0.5, rel=1e-6)
