"""Noise over an image: of unit variance everywhere, alike where pixels are near, centred."""

import pytest
import torch
from torch import Tensor

from depth_ros.models.grin import noise
from depth_ros.models.grin.positions import grid

HEIGHT, WIDTH = 12, 16
SAMPLES = 4000


def drawn(samples: int = SAMPLES, seed: int = 0) -> tuple[Tensor, list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    white = torch.randn(samples, HEIGHT * WIDTH, generator=generator)
    positions = grid(HEIGHT, WIDTH).expand(samples, -1, -1)
    return white, noise.coarse(samples, generator), positions


def test_its_variance_is_about_one_everywhere_and_one_on_average() -> None:
    values = noise.at(*drawn())
    variances = values.var(dim=0)
    assert float(variances.mean()) == pytest.approx(1, abs=0.03)
    assert 0.75 < float(variances.min()) < float(variances.max()) < 1.35
    assert float(values.mean().abs()) < 0.02


def test_neighbours_are_more_alike_than_the_far_ends_of_the_image() -> None:
    values = noise.at(*drawn())
    near, far = (
        torch.corrcoef(torch.stack([values[:, 0], values[:, other]]))[0, 1] for other in (1, -1)
    )
    assert 0.4 < near < 0.9
    assert 0.05 < far < near - 0.2


def test_the_mean_over_an_image_varies_from_sample_to_sample() -> None:
    white, grids, positions = drawn()
    assert float(noise.at(white, grids, positions).mean(dim=1).std()) > 0.4
    assert float(white.mean(dim=1).std()) < 0.1


def test_noise_at_some_pixels_is_that_of_the_whole_at_these() -> None:
    white, grids, positions = drawn(samples=3)
    some = torch.tensor([5, 190, 77])
    part = noise.at(white[:, some], grids, positions[:, some])
    assert torch.allclose(part, noise.at(white, grids, positions)[:, some])


@pytest.mark.parametrize("samples", [2, 5])
def test_centred_grids_sum_to_zero_and_vary_as_much_as_before(samples: int) -> None:
    grids = noise.centred(noise.coarse(samples, torch.Generator().manual_seed(1)))
    assert [grid.shape for grid in grids] == [(samples, 1, side, side) for side in noise.GRIDS]
    assert all(grid.sum(dim=0).abs().max() < 1e-5 for grid in grids)
    many = [
        noise.centred(noise.coarse(samples, torch.Generator().manual_seed(seed)))[-1]
        for seed in range(200)
    ]
    assert float(torch.stack(many).var()) == pytest.approx(1, abs=0.05)


def test_a_single_sample_is_what_is_most_likely() -> None:
    grids = noise.centred(noise.coarse(1, torch.Generator()))
    assert all(grid.abs().max() == 0 for grid in grids)
