"""From light to an image."""

import torch

from depth_ros.training.rooms.photo import develop
from depth_ros.training.rooms.room import Photo


def image(photo: Photo, linear: torch.Tensor | None = None, seed: int = 0) -> torch.Tensor:
    linear = torch.full((1, 3, 40, 60), 0.7) if linear is None else linear
    table = torch.from_numpy(photo.row()[None]).float()
    return develop(linear, table, torch.Generator().manual_seed(seed))[0].float()


def test_exposure_reaches_its_brightness_whatever_the_light() -> None:
    for level in (0.01, 1.0, 50.0):
        shown = image(Photo(0.2, noise=0.0), torch.full((1, 3, 40, 60), level).clamp(max=4))
        assert torch.allclose((shown / 255) ** 2.2, torch.tensor(0.2), atol=0.01)


def test_white_balance_colours_the_image() -> None:
    red, _, blue = image(Photo(balance=(1.2, 1.0, 0.8))).mean((0, 1))
    assert red > 1.1 * blue


def test_corners_are_dark_with_vignetting() -> None:
    shown = image(Photo(vignetting=0.5, noise=0.0))
    assert shown[0, 0].mean() < 0.8 * shown[20, 30].mean()


def test_noise_follows_from_the_seed_and_grows_with_the_light() -> None:
    light = torch.full((1, 3, 40, 60), 0.05)
    light[..., 30:] = 0.8
    noisy = Photo(noise=0.05, gamma=1.0)
    assert torch.equal(image(noisy, light), image(noisy, light))
    assert not torch.equal(image(noisy, light), image(noisy, light, seed=1))
    shown = image(noisy, light)
    assert shown[:, 32:58].std() > 1.5 * shown[:, 2:28].std()


def test_a_lens_blurs_edges_and_keeps_the_light() -> None:
    light = torch.full((1, 3, 40, 60), 0.2)
    light[..., 30:] = 0.8
    sharp, soft = image(Photo(noise=0.0), light), image(Photo(noise=0.0, blur_px=0.7), light)
    assert soft.diff(dim=1).abs().max() < 0.8 * sharp.diff(dim=1).abs().max()
    assert torch.allclose(soft[20, 5], sharp[20, 5], atol=1)
