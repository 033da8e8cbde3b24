"""Prompt Depth Anything: metres come from the prompt."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PromptDepthAnythingForDepthEstimation

from depth_ros import models
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel
from depth_ros.models.base import Request
from depth_ros.models.prompt_depth_anything import END, within
from depth_ros.runtimes.torch_runtime import TorchRuntime
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


@torch.inference_mode()
def test_surfaces_nearer_or_farther_than_all_anchors_become_no_wall(model: DepthModel) -> None:
    """A corridor beyond the farthest anchor, and an obstacle nearer than the nearest."""
    height, width = model.prompt_size or (0, 0)
    prompts = torch.linspace(4, 1, height)[:, None].repeat(2, 1, 1, width)
    prompts[1] *= 3  # each image has a range of its own
    shares = torch.linspace(-0.01, 1.01, 98)[:, None].expand(56, 98, 98)[0].expand(2, -1, -1)

    class Answers(TorchRuntime):
        def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
            near_m, far_m = inputs[1].amin((1, 2, 3)), inputs[1].amax((1, 2, 3))
            return near_m[:, None, None] + shares.clamp(0, 1) * (far_m - near_m)[:, None, None]

    rgb = torch.from_numpy(image(98, 98))[None].repeat(2, 1, 1, 1)
    request = Request([Camera.from_fov(98, 98, 60.0)] * 2, prompts)
    depth_m = model.infer(Answers(model.network, "cpu"), rgb, request).values
    for each_m, near_m, far_m in zip(depth_m, (1, 3), (4, 12), strict=True):
        inside = each_m[each_m.isfinite()]
        assert inside.min() > near_m
        assert inside.max() < far_m
        assert each_m[:2].isnan().all()
        assert (each_m[-2:] == torch.inf).all()
        margin_m = END * (far_m - near_m)
        assert inside.min() - near_m < 3 * margin_m
        assert far_m - inside.max() < 3 * margin_m
        assert inside.numel() / each_m.numel() > 0.9


def test_a_value_at_an_end_of_its_prompts_range_is_no_estimate(model: DepthModel) -> None:
    prompt = prompt_m(4, 6)
    near_m, far_m = float(prompt.min()), float(prompt.max())
    middle_m = (near_m + far_m) / 2
    limited = within(torch.tensor([[[near_m, middle_m, far_m, torch.nan]]]), prompt)[0, 0]
    assert limited[0].isnan()
    assert limited[1] == middle_m
    assert limited[2] == torch.inf
    assert limited[3].isnan()


def test_the_prompt_of_the_caller_is_left_as_it_was(model: DepthModel) -> None:
    prompt = torch.full((1, 1, 192, 256), 2.0)
    with torch.inference_mode():
        model.network(model.preprocess(torch.from_numpy(image(60, 91))[None]), prompt)
    assert (prompt == 2.0).all()
