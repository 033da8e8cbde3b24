"""Image to network input, against each family's own processor."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from depth_ros.geometry.camera import Camera
from depth_ros.models.depth_pro import DepthPro
from depth_ros.models.dpt import Dpt
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.preprocessor_config import preprocessing_of
from depth_ros.models.transformers_model import TransformersModel
from test.models.checkpoints import (
    DEPTH_ANYTHING_PROCESSOR,
    DEPTH_PRO_PROCESSOR,
    DINOV2_PROCESSOR,
    PROMPT_PROCESSOR,
    ZOEDEPTH_PROCESSOR,
    dpt_processor,
)
from test.models.references import depth_pro_pixels, image, processor

SIZES = [(48, 64), (61, 91), (50, 121), (121, 50), (480, 640)]
LEVEL = 1 / 255
"""One grey level, before the division by the standard deviation."""

# Processor's file, defaults of the family, and how many grey levels ours may be off.
CASES: dict[str, tuple[dict[str, Any], Preprocessing, float]] = {
    "zoedepth": (ZOEDEPTH_PROCESSOR, Preprocessing(), 0.1),
    "zoedepth-warped": (
        {**ZOEDEPTH_PROCESSOR, "keep_aspect_ratio": False, "do_pad": False},
        Preprocessing(),
        0.1,
    ),
    "midas": (dpt_processor(ensure_multiple_of=32), Dpt.processor, 2.1),
    "dpt-large": (dpt_processor(resample=2), Dpt.processor, 2.1),
    "dinov2": (DINOV2_PROCESSOR, Dpt.processor, 0.1),
    "depth-anything": (DEPTH_ANYTHING_PROCESSOR, Dpt.processor, 2.1),
    "upscaled": (
        {**DEPTH_ANYTHING_PROCESSOR, "size": {"height": 210, "width": 210}},
        Dpt.processor,
        2.1,
    ),
    "prompted": (PROMPT_PROCESSOR, Dpt.processor, 2.1),
    "unnormalised": (dpt_processor(do_normalize=False), Dpt.processor, 2.1),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("height", "width"), SIZES, ids=str)
def test_pixels_agree_with_transformers(name: str, height: int, width: int, tmp_path: Path) -> None:
    config, defaults, levels = CASES[name]
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    rgb = image(height, width)
    expected = processor(tmp_path)(
        images=rgb, return_tensors="pt", input_data_format="channels_last"
    )["pixel_values"]
    ours = preprocessing_of(config, defaults)
    pixels = ours(torch.from_numpy(rgb)[None])
    assert pixels.shape == expected.shape
    assert pixels.dtype == torch.float32
    error = (pixels - expected).abs() * torch.tensor(ours.std)[:, None, None]
    # A tall image that is made square: Pillow's other order of passes, see pillow_resize.
    assert error.max() <= (max(levels, 12) if height > width else levels) * LEVEL
    assert error.mean() <= 0.1 * LEVEL


@pytest.mark.parametrize(("height", "width"), SIZES, ids=str)
def test_depth_pros_pixels_agree_with_its_rule(height: int, width: int) -> None:
    rgb = image(height, width)
    ours = preprocessing_of(DEPTH_PRO_PROCESSOR, DepthPro.processor)
    pixels = ours(torch.from_numpy(rgb)[None])[0]
    np.testing.assert_allclose(pixels.numpy(), depth_pro_pixels(rgb, 64), atol=2e-5)


@pytest.mark.parametrize("name", [*CASES, "depth-pro"])
@pytest.mark.parametrize(("height", "width"), [(200, 240), (131, 250)], ids=str)
def test_the_network_sees_the_focal_length_of_the_resized_image(
    name: str, height: int, width: int
) -> None:
    config, defaults, _ = {**CASES, "depth-pro": (DEPTH_PRO_PROCESSOR, DepthPro.processor, 0)}[name]
    ours = preprocessing_of(config, defaults)
    family: type[TransformersModel] = DepthPro if name == "depth-pro" else Dpt
    model = family.__new__(family)
    model.preprocessing = ours

    def pitch(ramp: torch.Tensor) -> float:
        """Image pixels between two network pixels: the ramp's levels are image coordinates."""
        plain = replace(ours, mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255))
        levels = plain(ramp[None, ..., None].expand(1, height, width, 3).contiguous())[0, 0]
        line = (
            levels[levels.shape[0] // 2] if ramp.shape[0] == 1 else levels[:, levels.shape[1] // 2]
        )
        low, high = int(len(line) * 0.3), int(len(line) * 0.7)
        return float(line[high] - line[low]) / (high - low)

    across = pitch(torch.arange(width, dtype=torch.uint8)[None])
    down = pitch(torch.arange(height, dtype=torch.uint8)[:, None])
    camera = Camera(width, height, 300, 200, width / 2, height / 2)
    expected = 300 / across if name == "depth-pro" else (300 / across * 200 / down) ** 0.5
    assert model.network_f_px(camera) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("name", CASES)
def test_restored_values_are_at_their_pixels(name: str) -> None:
    config, defaults, _ = CASES[name]
    ours = preprocessing_of(config, defaults)
    plain = replace(ours, mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255))
    height, width = 131, 250
    ramp = torch.arange(width, dtype=torch.uint8)[None, None, :, None]
    seen = plain(ramp.expand(1, height, width, 3).contiguous())[:, 0]
    back = ours.restore(seen, height, width)
    assert back.shape == (1, height, width)
    middle = slice(20, -20)
    error = (back - torch.arange(width))[:, middle, middle].abs()
    assert error.max() < 2.5, "within an image pixel or two, of four to a network pixel"
    assert (back - torch.arange(width))[:, middle, middle].mean().abs() < 0.5


def test_restoring_starts_from_the_maps_own_size() -> None:
    ours = Preprocessing(height=64, width=96, pad=False)
    ramp = torch.linspace(0, 1, 37)[None, None].expand(2, 23, 37)
    assert ours.restore(ramp, 60, 91).shape == (2, 60, 91)


def test_zeros_pad_both_sides_and_the_odd_one_goes_last() -> None:
    ours = preprocessing_of(DINOV2_PROCESSOR, Dpt.processor)
    white = torch.full((1, 57, 71, 3), 255, dtype=torch.uint8)
    pixels = ours(white)[0, 0]
    assert pixels.shape == (70, 84)
    assert ours.padding(57, 71) == (6, 6)
    assert (pixels[6:63, 6:77] > 2).all()
    pixels[6:63, 6:77] = 0
    assert not pixels.any(), "the margin is zero after normalisation"


@pytest.mark.parametrize("size", [(60, 91), (37, 53), (20, 30), (140, 12)])
@pytest.mark.parametrize("turned", [False, True])
def test_maps_are_restored_as_torch_interpolates_them(size: tuple[int, int], turned: bool) -> None:
    raw = torch.rand(2, 53, 37, generator=torch.Generator().manual_seed(0))
    raw = raw.transpose(1, 2) if turned else raw[:, :, 3:]  # neither is contiguous
    expected = functional.interpolate(raw[:, None], size, mode="bicubic")[:, 0]
    found = Dpt.processor.restore(raw, *size)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (40, 1), (3, 4)], ids=str)
def test_an_image_may_be_one_pixel_wide_or_high(name: str, height: int, width: int) -> None:
    config, defaults, _ = CASES[name]
    rules = preprocessing_of(config, defaults)
    pixels = rules(torch.full((1, height, width, 3), 77, dtype=torch.uint8))
    assert pixels.isfinite().all()
    assert rules.restore(pixels[:, 0], height, width).shape == (1, height, width)
    assert all(scale > 0 for scale in rules.scale(height, width))
