"""The denoiser's conditioning: features of the same place on every scale, and rays."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_outputs import BackboneOutput

from depth_ros.models.grin.conditioning import Conditioner, Fusion, fourier, sample, unit_rays
from depth_ros.models.grin.positions import grid, normalise
from test.models.grin import small

HEIGHT, WIDTH = 32, 64


def ramp(height: int, width: int) -> Tensor:
    """A map (1, 2, h, w) that tells the place of each of its pixels."""
    return grid(height, width).T.reshape(1, 2, height, width)


def places(count: int, seed: int = 0) -> Tensor:
    """Positions (1, N, 2) between the middles of the outermost cells."""
    generator = torch.Generator().manual_seed(seed)
    return 0.7 * (2 * torch.rand(1, count, 2, generator=generator) - 1)


def condition(
    encoder: Conditioner, positions: Tensor, rays: Tensor | None = None, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Local and global conditioning of one image of blocks."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.rand(1, 3, 4, 8, generator=generator) * 2 - 1
    pixels = blocks.repeat_interleave(HEIGHT // 4, 2).repeat_interleave(WIDTH // 8, 3)
    rays = positions if rays is None else rays
    return encoder(pixels, positions, rays, positions, rays)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("height", "width"), [(32, 64), (8, 16), (4, 8), (16, 8)])
def test_a_position_is_the_same_place_on_every_scale(height: int, width: int) -> None:
    positions = places(40)
    torch.testing.assert_close(sample(ramp(height, width), positions), positions)


def test_beyond_the_middle_of_the_outermost_cell_its_value_stays() -> None:
    corner = sample(ramp(2, 4), torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]]))
    torch.testing.assert_close(corner, torch.tensor([[[-0.75, -0.5], [0.75, 0.5]]]))


def test_every_image_is_sampled_at_its_own_positions() -> None:
    features, positions = torch.rand(2, 5, 6, 9), torch.cat([places(7), places(7, seed=1)])
    together = sample(features, positions)
    assert together.shape == (2, 7, 5)
    for one in range(2):
        alone = sample(features[one : one + 1], positions[one : one + 1])
        torch.testing.assert_close(together[one : one + 1], alone)


def test_rays_are_encoded_directly_and_as_fourier_features() -> None:
    rays = unit_rays(torch.tensor([[0.3, -0.2], [0.0, 0.0]]))
    encoded = fourier(rays, bands=3, max_frequency=5.0)
    assert encoded.shape == (2, 3 + 6 * 3)
    torch.testing.assert_close(encoded[:, :3], rays)
    for axis in range(3):
        for band, frequency in enumerate((1.0, 3.0, 5.0)):
            angle = math.pi * frequency * rays[:, axis]
            torch.testing.assert_close(encoded[:, 3 + 3 * axis + band], angle.sin())
            torch.testing.assert_close(encoded[:, 12 + 3 * axis + band], angle.cos())


def test_rays_are_directions_of_length_one() -> None:
    rays = torch.tensor([[0.0, 0.0], [3.0, -4.0]])
    found = unit_rays(rays)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(found[:, :2] / found[:, 2:], rays)


def test_maps_of_every_scale_are_sampled_at_the_pixels_position() -> None:
    encoder = small.network().encoder
    maps = encoder.encode(torch.zeros(1, 3, HEIGHT, WIDTH))
    assert [tuple(each.shape[2:]) for each in maps] == [(8, 16), (4, 8), (2, 4), (1, 2)]
    assert [each.shape[1] for each in maps] == [8, 16, 32, 64]
    positions = places(9)
    features, encoded = encoder.at(maps, positions, positions)
    assert encoded.shape == (1, 9, 3 + 6 * small.CONFIG.bands)
    parts = [norm(sample(each, positions)) for norm, each in zip(encoder.norms, maps, strict=True)]
    torch.testing.assert_close(features, torch.cat(parts, dim=-1))


def test_a_pixels_conditioning_is_independent_of_other_pixels() -> None:
    encoder = small.network().encoder
    positions = places(30)
    local, scene = condition(encoder, positions)
    assert local.shape == (1, 30, small.CONFIG.token_dim)
    assert scene.shape == (1, 30, small.CONFIG.latent_dim)
    assert local.std(dim=1).mean() > 0.05, "nothing to compare: pixels have equal conditioning"
    few, _ = condition(encoder, positions[:, 4::5])
    torch.testing.assert_close(few, local[:, 4::5], rtol=1e-4, atol=1e-5)


def test_a_pixels_features_are_those_of_the_image_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = small.network().encoder
    maps = tuple(ramp(height, 2 * height) for height in (8, 4, 2, 1))
    monkeypatch.setattr(encoder.backbone, "forward", lambda _: BackboneOutput(feature_maps=maps))
    monkeypatch.setattr(encoder, "norms", nn.ModuleList(nn.Identity() for _ in maps))
    monkeypatch.setattr(Conditioner, "_dtype", torch.float32)
    corner = normalise(torch.tensor([[[20, 9], [43, 22]]]), HEIGHT, WIDTH)
    features, _ = encoder.at(encoder.encode(torch.zeros(1, 3, HEIGHT, WIDTH)), corner, corner)
    torch.testing.assert_close(features[..., :6], corner.repeat(1, 1, 3))


def test_the_camera_matters_to_a_network_that_sees_rays() -> None:
    encoder = small.network().encoder
    positions = places(20)
    narrow, wide = (condition(encoder, positions, zoom * positions) for zoom in (0.4, 0.8))
    for one, other in zip(narrow, wide, strict=True):
        assert (one - other).abs().mean() > 0.01


def test_the_camera_does_not_matter_to_a_network_that_sees_none() -> None:
    encoder = small.network(rays=False).encoder
    positions = places(20)
    narrow, wide = (condition(encoder, positions, zoom * positions) for zoom in (0.4, 0.8))
    for one, other in zip(narrow, wide, strict=True):
        assert torch.equal(one, other)
    seeing = small.network().encoder
    torch.testing.assert_close(condition(seeing, positions, positions)[0], narrow[0])


def test_rays_enter_exactly_also_where_the_rest_is_in_bfloat16() -> None:
    fusion = Fusion(channels=5, encoding=9, out=4)
    nn.init.zeros_(fusion.features.weight)
    nn.init.zeros_(fusion.features.bias)
    rays = torch.rand(2, 3, 9)
    seen = functional.gelu(fusion.rays(rays))
    fusion.out = nn.Identity()  # type: ignore[assignment]
    with torch.autocast("cpu", torch.bfloat16):
        fused = fusion(torch.rand(2, 3, 5), rays)
    torch.testing.assert_close(fused, seen)
