"""The denoiser over a set of pixels: any number, in any order, each image for itself."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from depth_ros.models.grin.rin import Rin, embed_level
from test.models.grin import small

CONFIG = small.CONFIG
NEAR: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}


class Given(NamedTuple):
    """The denoiser's inputs."""

    x: Tensor
    gamma: Tensor
    local: Tensor
    scene: Tensor
    before: Tensor


def given(pixels: int = 30, batch: int = 2, seed: int = 0) -> Given:
    """Noisy pixels, each with a conditioning of its own."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(batch, *size, generator=generator)

    return Given(
        normal(pixels),
        torch.linspace(0.2, 0.8, batch),
        normal(pixels, CONFIG.token_dim),
        normal(12, CONFIG.latent_dim),
        torch.zeros(batch, CONFIG.latents, CONFIG.latent_dim),
    )


@pytest.fixture
def rin() -> Rin:
    return small.network().denoiser


def test_every_input_has_an_influence(rin: Rin) -> None:
    inputs = given()
    v, latents = rin(*inputs)
    assert v.shape == (2, 30)
    assert latents.shape == (2, CONFIG.latents, CONFIG.latent_dim)
    assert v.std() > 0.3
    others = given(seed=1)
    for name in ("x", "local", "scene"):
        changed, _ = rin(*inputs._replace(**{name: getattr(others, name)}))
        assert (changed - v).abs().mean() > 0.05, name
    changed, _ = rin(*inputs._replace(gamma=inputs.gamma.flip(0)))
    assert (changed - v).abs().mean() > 0.01


def test_pixels_are_a_set(rin: Rin) -> None:
    inputs = given()
    v, latents = rin(*inputs)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    turned = inputs._replace(x=inputs.x[:, order], local=inputs.local[:, order])
    others, same = rin(*turned)
    torch.testing.assert_close(others, v[:, order], **NEAR)
    torch.testing.assert_close(same, latents, **NEAR)


def test_the_order_of_the_global_conditioning_does_not_matter(rin: Rin) -> None:
    inputs = given()
    turned = rin(*inputs._replace(scene=inputs.scene.flip(1)))
    for one, other in zip(rin(*inputs), turned, strict=True):
        torch.testing.assert_close(one, other, **NEAR)


@pytest.mark.parametrize("pixels", [1, 2, 517])
def test_any_number_of_pixels_will_do(rin: Rin, pixels: int) -> None:
    v, latents = rin(*given(pixels))
    assert v.shape == (2, pixels)
    assert v.isfinite().all()
    assert latents.isfinite().all()


def test_pixels_that_come_twice_change_nothing(rin: Rin) -> None:
    inputs = given()
    v, latents = rin(*inputs)
    twice = inputs._replace(x=inputs.x.repeat(1, 2), local=inputs.local.repeat(1, 2, 1))
    others, same = rin(*twice)
    torch.testing.assert_close(others, v.repeat(1, 2), **NEAR)
    torch.testing.assert_close(same, latents, **NEAR)


def test_pixels_exchange_information(rin: Rin) -> None:
    inputs = given()
    x = inputs.x.clone()
    x[:, 0] += 3.0
    moved = (rin(*inputs._replace(x=x))[0] - rin(*inputs)[0]).abs()
    assert moved[:, 1:].mean() > 1e-4


def test_a_batch_is_its_images_one_by_one(rin: Rin) -> None:
    inputs = given(batch=3)
    v, latents = rin(*inputs)
    for one in range(3):
        alone_v, alone_latents = rin(*(part[one : one + 1] for part in inputs))
        torch.testing.assert_close(v[one : one + 1], alone_v, **NEAR)
        torch.testing.assert_close(latents[one : one + 1], alone_latents, **NEAR)


def test_latents_of_the_step_before_matter_from_the_first_gain_on(rin: Rin) -> None:
    inputs = given()
    v, latents = rin(*inputs)
    assert (rin(*inputs._replace(before=latents))[0] - v).abs().mean() > 0.01
    nn.init.zeros_(rin.before_norm.weight)
    without, _ = rin(*inputs)
    assert torch.equal(rin(*inputs._replace(before=latents))[0], without)


def test_an_untrained_network_predicts_zero() -> None:
    fresh = Rin(CONFIG)
    inputs = given()
    latents = fresh(*inputs)[1]
    v, same = fresh(*inputs._replace(before=latents))
    assert v.abs().max() < 1
    assert torch.equal(v, v[:1, :1].expand_as(v))
    assert torch.equal(same, latents)


def test_noise_levels_have_different_embeddings() -> None:
    levels = embed_level(torch.tensor([0.0, 1e-3, 0.5, 0.501, 1.0]), 32)
    assert levels.shape == (5, 32)
    torch.testing.assert_close(levels[0], torch.tensor([0.0] * 16 + [1.0] * 16))
    distances = torch.cdist(levels, levels) + 9 * torch.eye(5)
    assert distances.min() > 0.5


def test_stem_and_head_are_exact_where_the_rest_is_in_bfloat16(
    rin: Rin, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Still(nn.Module):
        def forward(self, latents: Tensor, tokens: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            return latents, tokens

    inputs = given()
    x = inputs.x[:1].clone()
    x[0, :2] = torch.tensor([1.0, 1.002])
    assert x[0, 0].bfloat16() == x[0, 1].bfloat16()
    first = [part[:1] for part in inputs[1:]]
    first[1] = first[1][:, :1].expand(-1, 30, -1)
    monkeypatch.setattr(rin, "blocks", nn.ModuleList([Still()]))
    with torch.autocast("cpu", torch.bfloat16):
        v, _ = rin(x, *first)
    assert v.dtype == torch.float32
    exact, _ = rin(x, *first)
    assert v[0, 0] != v[0, 1]
    slope = (v[0, 1] - v[0, 0]) / (exact[0, 1] - exact[0, 0])
    assert float(slope) == pytest.approx(1.0, abs=0.1)


def test_bfloat16_costs_little(rin: Rin) -> None:
    inputs = given()
    v, _ = rin(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast, _ = rin(*inputs)
    cast, latents = rin.bfloat16()(*inputs)
    assert cast.dtype == torch.float32
    assert latents.dtype == torch.bfloat16
    for rounded in (under_autocast, cast):
        assert (rounded - v).abs().mean() < 0.03 * v.std()
        assert not torch.equal(rounded, v)
