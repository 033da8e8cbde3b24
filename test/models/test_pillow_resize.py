"""The resize on other devices, against Pillow's arithmetic."""

import pytest
import torch

from depth_ros.models.pillow_resize import pillow_resize, rounded_resize
from test.models.references import image


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(31, 44), (200, 150)], ids=["smaller", "larger"])
def test_the_resize_of_other_devices_agrees_with_the_processors(
    mode: str, size: tuple[int, int]
) -> None:
    pixels = torch.from_numpy(image(120, 91)).permute(2, 0, 1)[None]
    fixed_point = pillow_resize(pixels, size, mode).float()
    floating = rounded_resize(pixels, size, mode)
    assert floating.is_contiguous()  # planes, as the network takes them: no other copy
    assert (fixed_point - floating).abs().max() <= 2
    assert (fixed_point - floating).abs().mean() <= 0.1
    assert 0 <= floating.min() <= floating.max() <= 255
