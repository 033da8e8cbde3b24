"""The mirrored average of every kind of network output."""

import torch
from torch import Tensor, nn

from depth_ros.models.mirrored import Mirrored
from depth_ros.runtimes.torch_runtime import TorchRuntime


class Echo(nn.Module):
    """Returns its input, and the brightness of the leftmost column."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return (*(image[:, 0] for image in inputs), inputs[0][:, 0, :, 0].mean(-1))


def test_maps_are_turned_back_and_numbers_of_images_are_averaged() -> None:
    pixels, prompt = torch.rand(2, 3, 4, 6), torch.rand(2, 1, 5, 7)
    map_, prompted, number = Mirrored(TorchRuntime(Echo(), "cpu"))(pixels, prompt)
    torch.testing.assert_close(map_, pixels[:, 0])
    torch.testing.assert_close(prompted, prompt[:, 0])
    rims = pixels[:, 0, :, 0] + pixels[:, 0, :, -1]
    torch.testing.assert_close(number, rims.mean(-1) / 2)


def test_a_single_map_stays_a_map() -> None:
    pixels = torch.rand(2, 1, 4, 6)
    output = Mirrored(TorchRuntime(nn.Flatten(1, 2), "cpu"))(pixels)
    assert isinstance(output, Tensor)
    torch.testing.assert_close(output, pixels[:, 0])
