"""From noise to clean values: with a network that knows the truth, and with one that counts."""

import pytest
import torch
from torch import Tensor

from depth_ros.models.grin import schedule
from depth_ros.models.grin.sampler import Denoise, ddim, times

LATENTS = torch.zeros(2, 3, 4)


def values(limit: float = 1.0) -> tuple[Tensor, Tensor]:
    """Clean values within limits, and noise."""
    generator = torch.Generator().manual_seed(0)
    x0 = limit * (2 * torch.rand(2, 50, generator=generator) - 1)
    return x0, torch.randn(2, 50, generator=generator)


def oracle(x0: Tensor) -> Denoise:
    """A network that knows the clean values."""

    def denoise(x: Tensor, gamma: Tensor, latents: Tensor | None) -> tuple[Tensor, Tensor]:
        eps = schedule.noise(x, x0, gamma)
        return schedule.velocity(x0, eps, gamma), LATENTS

    return denoise


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 50])
def test_times_go_down_to_nothing_in_equal_parts(steps: int) -> None:
    found = times(steps, 0.6)
    assert len(found) == steps + 1
    assert (float(found[0]), float(found[-1])) == pytest.approx((0.6, 0.0))
    torch.testing.assert_close(found.diff(), torch.full((steps,), -0.6 / steps))


@pytest.mark.parametrize("warp", [1.0, 2.0, 3.0])
def test_times_that_are_warped_keep_their_ends_and_crowd_where_little_noise_is_left(
    warp: float,
) -> None:
    found = times(5, 0.6, warp)
    assert (float(found[0]), float(found[-1])) == pytest.approx((0.6, 0.0))
    parts = -found.diff()
    assert (parts > 0).all()
    assert float(parts[0] / parts[-1]) == pytest.approx(5**warp - 4**warp)


@pytest.mark.parametrize("name", schedule.SCHEDULES)
@pytest.mark.parametrize("start", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 100])
def test_a_network_that_predicts_the_truth_reaches_it(name: str, start: float, steps: int) -> None:
    x0, eps = values()
    gammas = schedule.find(name)(times(steps, start))
    found, _ = ddim(oracle(x0), schedule.add_noise(x0, eps, gammas[0]), gammas)
    torch.testing.assert_close(found, x0, rtol=0, atol=1e-5)


def test_the_network_runs_once_for_every_noise_level_but_the_last() -> None:
    x0, eps = values()
    requests: list[float] = []

    def denoise(x: Tensor, gamma: Tensor, latents: Tensor | None) -> tuple[Tensor, Tensor]:
        requests.append(float(gamma))
        return oracle(x0)(x, gamma, latents)

    gammas = schedule.sigmoid(times(5))
    ddim(denoise, eps, gammas)
    assert requests == gammas[:-1].tolist()


def test_between_steps_values_have_the_noise_of_their_level() -> None:
    x0, eps = values()
    seen: list[Tensor] = []

    def denoise(x: Tensor, gamma: Tensor, latents: Tensor | None) -> tuple[Tensor, Tensor]:
        seen.append(x)
        return oracle(x0)(x, gamma, latents)

    gammas = schedule.sigmoid(times(4))
    ddim(denoise, schedule.add_noise(x0, eps, gammas[0]), gammas)
    for x, gamma in zip(seen, gammas, strict=False):
        expected = schedule.add_noise(x0, eps, gamma)
        torch.testing.assert_close(x, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("first", [None, torch.full((2, 3, 4), 10.0)])
def test_the_latents_of_a_step_reach_the_next(first: Tensor | None) -> None:
    x0, eps = values()
    seen: list[Tensor | None] = []

    def denoise(x: Tensor, gamma: Tensor, latents: Tensor | None) -> tuple[Tensor, Tensor]:
        seen.append(latents)
        return oracle(x0)(x, gamma, None)[0], torch.full((2, 3, 4), float(len(seen)))

    _, last = ddim(denoise, eps, schedule.sigmoid(times(3)), first)
    assert seen[0] is first
    assert [float(each.mean()) for each in seen[1:] if each is not None] == [1.0, 2.0]
    assert float(last.mean()) == 3.0


def test_clean_values_are_kept_within_limits() -> None:
    x0, eps = values(limit=3.0)
    gammas = schedule.sigmoid(times(4))
    x = schedule.add_noise(x0, eps, gammas[0])
    within, _ = ddim(oracle(x0), x, gammas, limit=3.0)
    torch.testing.assert_close(within, x0, rtol=0, atol=1e-4)
    assert ddim(oracle(x0), x, gammas, limit=0.5)[0].abs().max() <= 0.5
    assert ddim(oracle(x0), x, gammas)[0].abs().max() == 1.0


def test_no_step_at_all_is_an_error() -> None:
    x0, eps = values()
    with pytest.raises(ValueError, match="1 noise levels, expected 2 or more"):
        ddim(oracle(x0), eps, torch.tensor([0.5]))
