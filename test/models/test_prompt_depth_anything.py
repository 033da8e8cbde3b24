"""Prompt Depth Anything: metres come from the prompt."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PromptDepthAnythingForDepthEstimation

from depth_ros import models
from depth_ros.models import DepthModel
from test.models.references import image, processor


@pytest.fixture
def model(built: Callable[[str], Path]) -> DepthModel:
    return models.load(str(built("prompt-depth-anything")))


def prompt_m(height: int, width: int) -> torch.Tensor:
    rows = torch.linspace(4, 1, height)[:, None]
    return (rows + torch.linspace(0, 0.5, width))[None, None]


def test_values_agree_with_transformers(model: DepthModel, built: Callable[[str], Path]) -> None:
    folder = built("prompt-depth-anything")
    theirs = processor(folder)
    network = PromptDepthAnythingForDepthEstimation.from_pretrained(folder, dtype=torch.float32)
    rgb, prompt = image(60, 91), prompt_m(192, 256)
    millimetres = (prompt[0, 0].numpy() * 1000).astype(np.float32)
    pixels = theirs(
        images=rgb, prompt_depth=millimetres, return_tensors="pt", input_data_format="channels_last"
    )
    with torch.inference_mode():
        outputs = network(**pixels)
        raw = model.network(model.preprocess(torch.from_numpy(rgb)[None]), prompt)
    expected = theirs.post_process_depth_estimation(outputs, target_sizes=[(60, 91)])
    values = model.postprocess(raw, 60, 91).values[0]
    error = (values - expected[0]["predicted_depth"]).abs()
    assert error.mean() < 0.02 * values.std()


def test_a_prompt_twice_as_deep_gives_depth_twice_as_deep(model: DepthModel) -> None:
    pixels = model.preprocess(torch.from_numpy(image(60, 91))[None])
    prompt = prompt_m(*model.prompt_size or (0, 0))
    with torch.inference_mode():
        near, far = model.network(pixels, prompt), model.network(pixels, 2 * prompt)
    torch.testing.assert_close(far, 2 * near, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("depth_m", [0.3, 5.0, 80.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_prompt_of_one_value_gives_about_that_value(
    built: Callable[[str], Path], depth_m: float, dtype: torch.dtype
) -> None:
    model = models.load(str(built("prompt-depth-anything")))
    network = model.network.to(dtype)
    pixels = model.preprocess(torch.from_numpy(image(60, 91))[None]).to(dtype)
    prompt = torch.full((1, 1, 192, 256), depth_m, dtype=dtype)
    with torch.inference_mode():
        raw = network(pixels, prompt).float()
    assert raw.isfinite().all()
    assert ((raw / depth_m - 1).abs() < 0.03).all()


def test_the_prompt_of_the_caller_is_left_as_it_was(model: DepthModel) -> None:
    prompt = torch.full((1, 1, 192, 256), 2.0)
    with torch.inference_mode():
        model.network(model.preprocess(torch.from_numpy(image(60, 91))[None]), prompt)
    assert (prompt == 2.0).all()
