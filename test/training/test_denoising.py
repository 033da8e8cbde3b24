"""GRIN's objective: what it asks, what it leaves out, and that it can be met."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Request, Sampling
from depth_ros.models.grin.model import GrinModel
from depth_ros.models.grin.network import Grin
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.training.denoising import Denoising, choose, labelled
from depth_ros.training.frames import Batch
from depth_ros.training.render import random_frames
from depth_ros.training.scenes import Robot
from depth_ros.training.train import TrainConfig, Trainer
from test.models.grin import small

WIDTH, HEIGHT = 128, 64
COUNT = 2
# Its coarsest map is larger than one cell, so that attention among cells is no constant.
CONFIG = replace(small.CONFIG, backbone={**small.CONFIG.backbone, "image_size": [HEIGHT, WIDTH]})
UNUSED = ("attend.context_norm",)
"""What a layer among latents, which are their own context, does not read."""


def batch(count: int = 2, seed: int = 0) -> Batch:
    """Images with depth everywhere."""
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.randint(0, 256, (count, 4, 8, 3), generator=generator, dtype=torch.uint8)
    rays = torch.from_numpy(Camera.from_fov(WIDTH, HEIGHT, 70.0).rays().copy())
    return Batch(
        rgb.repeat_interleave(HEIGHT // 4, 1).repeat_interleave(WIDTH // 8, 2),
        0.5 + 8 * torch.rand(count, HEIGHT, WIDTH, generator=generator),
        rays.expand(count, -1, -1, -1),
        torch.full((count,), 90.0),
    )


def sparse(share: float = 0.05) -> Batch:
    """A batch most of whose pixels have no depth."""
    whole = batch()
    dropped = torch.rand(whole.depth_m.shape, generator=torch.Generator().manual_seed(1)) > share
    return whole._replace(depth_m=whole.depth_m.masked_fill(dropped, torch.nan))


def network() -> Grin:
    drawn = small.network(backbone=CONFIG.backbone)
    return drawn.requires_grad_(True)


def loss(objective: Denoising, given: Batch, trained: Grin | None = None, seed: int = 0) -> Tensor:
    return objective(trained or network(), given, torch.Generator().manual_seed(seed))


def test_what_is_chosen_is_labelled_and_distinct_and_as_many_of_every_image() -> None:
    generator = torch.Generator().manual_seed(0)
    candidates = torch.rand(5, 700, generator=generator) < torch.linspace(0.1, 0.9, 5)[:, None]
    chosen = choose(candidates, 1000, 4, generator)
    fewest = int(candidates.sum(1).min())
    assert chosen.shape == (5, fewest // 4 * 4)
    assert candidates.gather(1, chosen).all()
    assert all(len(row.unique()) == len(row) for row in chosen)
    assert choose(candidates, 33, 4, generator).shape == (5, 32)


def test_every_labelled_pixel_is_chosen_as_often() -> None:
    generator = torch.Generator().manual_seed(0)
    candidates = torch.arange(20).expand(500, -1) % 2 == 0
    counts = choose(candidates, 5, 1, generator).flatten().bincount(minlength=20)
    assert (counts[1::2] == 0).all()
    assert (counts[::2] - 250).abs().max() < 60


def test_pixels_without_depth_or_ray_have_no_label() -> None:
    given = batch(1)
    rays = given.rays.clone()
    rays[0, 3, 4, 1] = torch.nan
    for place, value in enumerate((torch.nan, torch.inf, -torch.inf, 0.0, -1.0)):
        given.depth_m[0, 0, place] = value
    known = labelled(given._replace(rays=rays)).reshape(HEIGHT, WIDTH)
    assert not known[0, :5].any()
    assert not known[3, 4]
    assert int(known.sum()) == HEIGHT * WIDTH - 6


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, 0.0, -7.0])
def test_what_stands_where_there_is_no_label_does_not_matter(value: float) -> None:
    given, objective = sparse(), Denoising(pixels=64)
    other = given._replace(depth_m=given.depth_m.nan_to_num(value, posinf=value, neginf=value))
    assert other.depth_m.isfinite().all() == (abs(value) < torch.inf)
    assert torch.equal(loss(objective, given), loss(objective, other))


def test_only_labelled_pixels_reach_the_network() -> None:
    given, trained, seen = sparse(), network(), []
    trained.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    loss(Denoising(pixels=10_000, levels=3, self_conditioning=0.0), given, trained)
    ((x, gamma, local, scene, before),) = seen
    fewest = int(labelled(given).sum(1).min())
    assert x.shape == (2 * 3, fewest // 3)
    assert local.shape[:2] == x.shape
    assert len(gamma) == len(scene) == len(before) == len(x)
    assert not before.any()


@pytest.mark.parametrize("levels", [1, 2])
def test_the_loss_is_the_mean_absolute_error_of_v(levels: int) -> None:
    given, trained = batch(), network()
    asked, denoised = [], []
    trained.encoder.register_forward_pre_hook(lambda _, inputs: asked.append(inputs))
    trained.denoiser.register_forward_hook(lambda _, i, o: denoised.append((*i, o[0])))
    found = loss(Denoising(30, levels, self_conditioning=0.0), given, trained)
    ((pixels, positions, rays, _, _),), ((x_t, gamma, _, _, _, v),) = asked, denoised
    torch.testing.assert_close(pixels, given.rgb.movedim(-1, 1).float() / 127.5 - 1)
    u, w = (((positions + 1) * torch.tensor([WIDTH, HEIGHT]) - 1) / 2).round().long().unbind(-1)
    image = torch.arange(2)[:, None]
    torch.testing.assert_close(rays, given.rays[image, w, u])
    depth_m = given.depth_m[image, w, u].reshape(2 * levels, -1)
    values = CONFIG.input_scale * (2 * torch.log(depth_m / 0.1) / np.log(200.0) - 1)
    signal, rest = gamma.sqrt()[:, None], (1 - gamma).sqrt()[:, None]
    eps = (x_t - signal * values) / rest
    assert float(eps.std()) == pytest.approx(1.0, abs=0.4)
    expected = (v - (signal * eps - rest * values)).abs().mean()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_every_sample_knows_its_own_image_and_pixels() -> None:
    trained, message, given = network(), [], []
    trained.encoder.register_forward_hook(lambda _, i, o: message.append(o))
    trained.denoiser.register_forward_pre_hook(lambda _, inputs: given.append(inputs))
    loss(Denoising(10, levels=3, self_conditioning=0.0), batch(), trained)
    ((local, scene),), ((_, _, locals_given, scenes_given, _),) = message, given
    assert not torch.equal(scene[0], scene[1])
    for sample in range(6):
        image, level = divmod(sample, 3)
        assert torch.equal(scenes_given[sample], scene[image])
        assert torch.equal(locals_given[sample], local[image, 10 * level : 10 * (level + 1)])


def test_noise_levels_are_spread_evenly_over_time() -> None:
    trained, seen = network(), []
    trained.denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    trained.config = replace(trained.config, schedule="linear")
    loss(Denoising(8, levels=8, self_conditioning=0.0), batch(), trained)
    t = (1 - seen[0]).sort().values * 16
    assert torch.equal(t.floor(), torch.arange(16.0))


def test_some_samples_start_from_the_latents_of_a_first_pass_without_its_gradient() -> None:
    trained, seen = network(), []
    trained.denoiser.register_forward_hook(lambda _, i, o: seen.append((i, o)))
    loss(Denoising(16, levels=2, self_conditioning=0.5), batch(), trained)
    (first, (_, latents)), (second, _) = seen
    assert len(first[0]) == 2
    assert torch.equal(second[0][:2], first[0])
    assert torch.equal(second[4][:2], latents)
    assert not second[4][2:].any()
    assert not latents.requires_grad


@pytest.mark.parametrize("bf16", [False, True])
def test_finite_gradients_reach_everything_that_is_used(bf16: bool) -> None:
    trained = network()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss(Denoising(64), sparse(), trained).backward()
    for name, parameter in trained.named_parameters():
        if not any(unused in name for unused in UNUSED):
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


def test_the_same_draw_gives_the_same_loss_and_another_another() -> None:
    one, same, other = (
        float(loss(Denoising(16), batch(), seed=seed).detach()) for seed in (1, 1, 2)
    )
    assert one == same != other


class Fixed:
    """The same rendered frames in every step."""

    def __init__(self) -> None:
        frames, self.cameras = random_frames(np.random.default_rng(0), Robot(), 64, 32, COUNT)
        rays = torch.stack([torch.from_numpy(camera.rays().copy()) for camera in self.cameras])
        self.batch = Batch(frames.rgb, frames.depth_m, rays, torch.ones(COUNT))

    def start(self, step: int) -> None:
        pass

    def draw(self, step: int) -> Batch:
        return self.batch


@pytest.mark.slow
def test_a_network_can_overfit_a_few_frames(tmp_path: Path) -> None:
    fixed, config = Fixed(), TrainConfig(steps=400, learning_rate=5e-3, ema=0.99)
    torch.manual_seed(0)
    wide = replace(small.CONFIG, blocks=1, token_dim=48, latent_dim=64)
    fresh = Grin(replace(wide, bands=8, max_frequency=16.0))
    trainer: Trainer[Grin] = Trainer(fresh, Denoising(128), fixed, config, tmp_path)
    grin = GrinModel(small.ENTRY, trainer.run())
    runtime = TorchRuntime(grin.network, "cpu")
    said = [
        grin.infer(runtime, rgb[None], Request([camera], None, Sampling(stride=1))).values
        for rgb, camera in zip(fixed.batch.rgb, fixed.cameras, strict=True)
    ]
    truth_m = fixed.batch.depth_m
    known = truth_m.isfinite()
    errors = (torch.cat(said) / truth_m - 1).abs()[known]
    assert float(errors.mean()) < 0.03
