"""Noise schedules, and conversions at a noise level."""

import pytest
import torch
from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.models.grin import schedule

any_schedule = pytest.mark.parametrize("name", schedule.SCHEDULES)


def drawn(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Clean values, noise, and noise levels between the ends."""
    generator = torch.Generator().manual_seed(seed)
    x0, eps, gamma = torch.rand(3, 7, 501, dtype=torch.float64, generator=generator)
    return 2 * x0 - 1, eps, 0.001 + 0.998 * gamma


@any_schedule
def test_a_schedule_leads_from_clean_to_noise(name: str) -> None:
    gamma = schedule.find(name)(torch.linspace(0, 1, 1001, dtype=torch.float64))
    assert float(gamma[0]) == pytest.approx(1.0, abs=1e-9)
    assert 0 < float(gamma[-1]) < 1e-6, "a little is left, by which one can divide"
    assert (gamma.diff() < 0).all()


@any_schedule
def test_a_schedule_stays_in_its_limits_in_float32(name: str) -> None:
    gamma = schedule.find(name)(torch.linspace(0, 1, 1001))
    assert gamma.dtype == torch.float32
    assert gamma.min() > 0
    assert gamma.max() <= 1
    assert (gamma.diff() <= 0).all()


def test_schedules_differ() -> None:
    middle = [float(find(torch.tensor(0.3))) for find in schedule.SCHEDULES.values()]
    assert len({round(gamma, 2) for gamma in middle}) == len(middle)


@any_schedule
def test_half_the_noise_is_there_at_half_the_time(name: str) -> None:
    assert float(schedule.find(name)(torch.tensor(0.5))) == pytest.approx(0.5, abs=1e-6)


def test_an_unknown_schedule_names_those_there_are() -> None:
    with pytest.raises(ModelError, match="'sine', expected one of sigmoid, cosine, linear"):
        schedule.find("sine")


def test_noisy_values_keep_the_variance_of_clean_values_and_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 100_000, generator=generator)
    for gamma in torch.tensor([0.0, 0.3, 0.9, 1.0]):
        assert float(schedule.add_noise(x0, eps, gamma).var()) == pytest.approx(1.0, abs=0.02)


def test_of_noisy_values_and_v_both_the_clean_values_and_the_noise_follow() -> None:
    x0, eps, gamma = drawn()
    x_t = schedule.add_noise(x0, eps, gamma)
    found = schedule.clean(x_t, schedule.velocity(x0, eps, gamma), gamma)
    torch.testing.assert_close(found, x0, rtol=0, atol=1e-9)
    torch.testing.assert_close(schedule.noise(x_t, found, gamma), eps, rtol=0, atol=1e-6)


def test_v_is_the_noise_of_clean_values_and_minus_the_values_of_noise() -> None:
    x0, eps, _ = drawn()
    torch.testing.assert_close(schedule.velocity(x0, eps, torch.tensor(1.0)), eps)
    torch.testing.assert_close(schedule.velocity(x0, eps, torch.tensor(0.0)), -x0)


@any_schedule
def test_clean_values_follow_from_pure_noise_and_its_v(name: str) -> None:
    x0, eps, _ = (part.float() for part in drawn())
    gamma = schedule.find(name)(torch.tensor(1.0))
    x_t = schedule.add_noise(x0, eps, gamma)
    found = schedule.clean(x_t, schedule.velocity(x0, eps, gamma), gamma)
    torch.testing.assert_close(found, x0, rtol=0, atol=1e-6)
