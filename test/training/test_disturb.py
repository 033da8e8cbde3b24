"""Disturbances of images: what they change, and what they leave."""

import torch

from depth_ros.training import disturb
from depth_ros.training.frames import Batch


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 64, height: int = 40, width: int = 52) -> torch.Tensor:
    ramp = torch.linspace(0.1, 0.9, width).expand(count, 3, height, width).clone()
    ramp[:, 0] *= 0.8
    return ramp


def batch(count: int = 64) -> Batch:
    height, width = 40, 52
    rgb = torch.randint(0, 256, (count, height, width, 3), generator=generator(), dtype=torch.uint8)
    rays = torch.zeros(count, height, width, 2)
    return Batch(rgb, torch.full((count, height, width), 2.0), rays, torch.ones(count))


def test_all_together_keeps_shapes_and_is_repeatable() -> None:
    one, other = (disturb.disturb(batch(), generator(5)) for _ in range(2))
    assert one.rgb.dtype == torch.uint8
    assert one.rgb.shape == batch().rgb.shape
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one.rgb, batch().rgb)


def test_what_is_hidden_has_no_depth_and_another_image() -> None:
    before, after = batch(), disturb.occlude(batch(), generator())
    hidden = after.depth_m == 0
    assert 0.1 < float(hidden.flatten(1).any(1).float().mean()) < 0.6
    assert torch.equal(after.rgb[~hidden], before.rgb[~hidden])
    assert torch.equal(after.rgb[hidden], before.rgb.roll(1, 0)[hidden])


def test_colours_vary_and_stay_in_range() -> None:
    coloured = disturb.colour(images(), generator())
    assert float(coloured.min()) >= 0
    assert float(coloured.max()) <= 1
    means = coloured.mean((2, 3))
    assert float(means.mean(1).std()) > 0.05, "exposure"
    assert float((means[:, 0] / means[:, 1]).std()) > 0.05, "white balance"
    greyed = (coloured.amax(1) - coloured.amin(1)).amax((1, 2)) < 0.16
    assert bool(greyed.any())


def test_corners_of_some_are_darker() -> None:
    flat = torch.full((64, 3, 40, 52), 0.5)
    fallen = disturb.vignette(flat, generator())
    corner, middle = fallen[:, 0, 0, 0], fallen[:, 0, 20, 26]
    assert bool((corner <= middle + 1e-6).all())
    assert 0.2 < float((corner < 0.99 * middle).float().mean()) < 0.8


def test_blur_keeps_the_mean_and_lowers_detail() -> None:
    fine = torch.rand(64, 3, 40, 52, generator=generator())
    blurred = disturb.blur(fine, generator(1))
    assert torch.allclose(blurred.mean((1, 2, 3)), fine.mean((1, 2, 3)), atol=0.01)
    detail = blurred.diff(dim=-1).abs().mean((1, 2, 3)) / fine.diff(dim=-1).abs().mean((1, 2, 3))
    assert float(detail.min()) < 0.6
    assert float(detail.max()) > 0.95, "some stay sharp"


def test_noise_has_no_bias() -> None:
    noisy = disturb.noise(images(), generator()) - images()
    assert abs(float(noisy.mean())) < 1e-3
    assert 0.001 < float(noisy.std()) < 0.04


def test_compression_is_exact_for_what_has_no_waves_and_lossy_for_detail() -> None:
    flat = torch.zeros(64, 3, 40, 52)
    assert torch.allclose(disturb.compress(flat, generator()), flat, atol=1e-5)
    fine = torch.rand(64, 3, 40, 52, generator=generator())
    changed = (disturb.compress(fine, generator(), share=1.0) - fine).abs().mean((1, 2, 3))
    assert 0.002 < float(changed.min()) < float(changed.max()) < 0.2
    kept = (disturb.compress(fine, generator(), share=0.0) - fine).abs().max()
    assert float(kept) < 1e-5


def test_waves_are_an_orthonormal_base() -> None:
    waves = disturb._cosines(torch.device("cpu"))
    assert torch.allclose(waves @ waves.T, torch.eye(64), atol=1e-6)
