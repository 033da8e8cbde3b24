"""Positions of pixels are independent of the image's size."""

import torch
from torch.nn import functional

from depth_ros.models.grin.positions import grid, normalise


def test_an_image_spans_minus_one_to_one_from_border_to_border() -> None:
    borders = torch.tensor([[-0.5, -0.5], [6.5, 4.5]])
    torch.testing.assert_close(normalise(borders, 5, 7), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    middle = normalise(torch.tensor([3, 2]), 5, 7)
    torch.testing.assert_close(middle, torch.zeros(2))


def test_a_block_of_pixels_is_where_the_pixel_is_that_it_becomes() -> None:
    fine = grid(8, 12).reshape(2, 4, 3, 4, 2).mean(dim=(1, 3))
    torch.testing.assert_close(fine.reshape(-1, 2), grid(2, 3))


def test_a_grid_goes_row_by_row_with_x_first() -> None:
    positions = grid(2, 3)
    assert positions.shape == (6, 2)
    torch.testing.assert_close(positions[:, 0], torch.tensor([-2.0, 0.0, 2.0] * 2) / 3)
    torch.testing.assert_close(positions[:, 1], torch.tensor([-0.5] * 3 + [0.5] * 3))


def test_values_sampled_on_the_grid_are_the_image_itself() -> None:
    image = torch.rand(1, 2, 5, 7)
    found = functional.grid_sample(image, grid(5, 7)[None, None], align_corners=False)
    torch.testing.assert_close(found.reshape(1, 2, 5, 7), image)
