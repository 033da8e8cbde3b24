"""GRIN as a depth model: selection of pixels, and depth from samples."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from depth_ros import models
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Executor, Memory, Prediction, Raw, Request, Sampling
from depth_ros.models.grin import schedule
from depth_ros.models.grin.model import GrinModel
from depth_ros.runtimes.torch_runtime import TorchRuntime
from test.models.grin import small

WIDTH, HEIGHT = 102, 56
CAMERA = Camera(WIDTH, HEIGHT, 70.0, 74.0, 55.0, 25.0)
OTHER = replace(CAMERA, fx=45.0, fy=47.0)
# Its image circle ends inside of the image.
FISHEYE = Camera(WIDTH, HEIGHT, 25.0, 25.0, 50.0, 27.0, "equidistant", (0.0,) * 4)
INPUT = (32, 64)


def picture(seed: int = 0, count: int = 1) -> Tensor:
    """Images (count, HEIGHT, WIDTH, 3) of coloured blocks."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, 256, (count, 4, 6, 3), generator=generator, dtype=torch.uint8)
    return blocks.repeat_interleave(HEIGHT // 4, 1).repeat_interleave(WIDTH // 6, 2)


class Spy:
    """Runs a network's parts and records their inputs."""

    def __init__(self, execute: Executor, calls: dict[str, list[tuple[Tensor, ...]]], name: str):
        self._execute, self.calls, self._name = execute, calls, name

    @property
    def device(self) -> torch.device:
        return self._execute.device

    def __call__(self, *inputs: Tensor) -> Raw:
        self.calls.setdefault(self._name, []).append(inputs)
        return self._execute(*inputs)

    def part(self, name: str) -> Spy:
        return Spy(self._execute.part(name), self.calls, name)


@pytest.fixture(scope="module")
def grin() -> GrinModel:
    return small.model()


@pytest.fixture
def spy(grin: GrinModel) -> Spy:
    return Spy(TorchRuntime(grin.network, "cpu"), {}, "whole")


def ask(
    model: GrinModel,
    rgb: Tensor | None = None,
    cameras: Sequence[Camera] = (CAMERA,),
    enlarge: bool = True,
    memory: Memory | None = None,
    execute: Executor | None = None,
    **sampling: int,
) -> Prediction:
    execute = execute or TorchRuntime(model.network, "cpu")
    request = Request(cameras, None, Sampling(**sampling), memory, enlarge)
    return model.infer(execute, picture() if rgb is None else rgb, request)


def near(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def remembered(prediction: Prediction) -> Memory:
    assert prediction.memory is not None
    return prediction.memory


def confidence_of(prediction: Prediction) -> Tensor:
    assert prediction.confidence is not None
    return prediction.confidence


@pytest.mark.parametrize("stride", [0, 1, 2, 3, 8])
def test_depth_has_the_images_size_and_varies_within_the_range(
    grin: GrinModel, stride: int
) -> None:
    values = ask(grin, stride=stride).values
    assert values.shape == (1, HEIGHT, WIDTH)
    assert values.dtype == torch.float32
    assert values.min() >= 0.1 * (1 - 1e-5)
    assert values.max() <= 20.0 * (1 + 1e-5)
    assert values.log().std() > 0.2


def test_the_same_seed_gives_the_same_result_and_another_does_not(grin: GrinModel) -> None:
    first, again, other = (ask(grin, seed=seed).values for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert (other / first - 1).abs().median() > 0.05
    fresh = ask(small.model(), seed=3).values
    assert torch.equal(fresh, first)


@pytest.mark.parametrize("camera", [CAMERA, FISHEYE], ids=lambda camera: camera.lens)
@pytest.mark.parametrize("stride", [2, 5])
def test_noise_belongs_to_pixels_for_every_selection_of_them(
    grin: GrinModel, spy: Spy, camera: Camera, stride: int
) -> None:
    ask(grin, cameras=[camera], execute=spy, stride=1, samples=3, steps=1)
    ask(grin, cameras=[camera], execute=spy, stride=stride, samples=3, steps=1)
    every, some = (x for x, *_ in spy.calls["denoiser"])
    known = torch.from_numpy(camera.rays().copy()).isfinite().all(-1)
    whole = torch.full((3, HEIGHT, WIDTH), torch.nan)
    whole[:, known] = every
    near(some, whole[:, ::stride, ::stride][:, known[::stride, ::stride]])
    assert every.std(dim=0).mean() > 0.5


def test_every_image_of_a_batch_starts_from_the_same_noise(grin: GrinModel, spy: Spy) -> None:
    ask(grin, picture(count=2), [CAMERA] * 2, execute=spy, samples=3, steps=1)
    ((x, *_),) = spy.calls["denoiser"]
    assert torch.equal(x[:3], x[3:])
    assert not torch.equal(x[0], x[1])


@pytest.mark.parametrize("stride", [2, 4, 7])
def test_pixels_have_almost_the_same_depth_in_every_selection(grin: GrinModel, stride: int) -> None:
    every = ask(grin, stride=1).values[:, ::stride, ::stride]
    some = ask(grin, stride=stride, enlarge=False).values
    assert some.shape == every.shape
    assert (some / every - 1).abs().max() < 0.05


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_every_nth_pixel_has_its_own_position_and_ray(
    grin: GrinModel, spy: Spy, stride: int
) -> None:
    ask(grin, execute=spy, stride=stride)
    ((_, positions, rays, _, _),) = spy.calls["encoder"]
    v, u = torch.meshgrid(
        torch.arange(0, HEIGHT, stride), torch.arange(0, WIDTH, stride), indexing="ij"
    )
    pixels = torch.stack([u, v], -1).reshape(-1, 2)
    near(positions[0], (2 * pixels + 1) / torch.tensor([WIDTH, HEIGHT]) - 1)
    near(rays[0], torch.from_numpy(CAMERA.unproject(pixels.numpy())).float())


def test_by_default_every_second_pixel_of_the_encoders_input_is_estimated(
    grin: GrinModel, spy: Spy
) -> None:
    prediction = ask(grin, execute=spy)
    ((pixels, positions, rays, _, _),) = spy.calls["encoder"]
    assert pixels.shape == (1, 3, *INPUT)
    height, width = prediction.network_size or (0, 0)
    assert (height, width) == (INPUT[0] // 2, INPUT[1] // 2)
    at = (positions[0] + 1) / 2 * torch.tensor([WIDTH, HEIGHT]) - 0.5
    near(rays[0], torch.from_numpy(CAMERA.unproject(at.numpy())).float())
    near(positions[0].reshape(height, width, 2).mean((0, 1)), torch.zeros(2))


def test_the_global_conditioning_is_one_token_for_each_cell_with_its_ray(
    grin: GrinModel, spy: Spy
) -> None:
    ask(grin, execute=spy, stride=5)
    ((_, _, _, cells, rays),) = spy.calls["encoder"]
    assert cells.shape == rays.shape == (1, (INPUT[0] // 8) * (INPUT[1] // 8), 2)
    at = (cells[0] + 1) / 2 * torch.tensor([WIDTH, HEIGHT]) - 0.5
    near(rays[0], torch.from_numpy(CAMERA.unproject(at.numpy())).float())


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("stride", [0, 1, 4, 9])
def test_the_denoiser_gets_the_estimated_pixels_and_no_others(
    grin: GrinModel, spy: Spy, stride: int, samples: int
) -> None:
    ask(grin, execute=spy, stride=stride, steps=3, samples=samples)
    count = -(-HEIGHT // stride) * -(-WIDTH // stride) if stride else INPUT[0] * INPUT[1] // 4
    assert grin.cost(CAMERA, stride) == count
    assert len(spy.calls["encoder"]) == 1, "the image is looked at once, whatever the steps"
    assert [x.shape for x, *_ in spy.calls["denoiser"]] == [(samples, count)] * 3
    assert "whole" not in spy.calls


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_steps_are_those_of_the_request_or_the_checkpoint(
    grin: GrinModel, spy: Spy, steps: int
) -> None:
    ask(grin, execute=spy, steps=steps)
    levels = [float(gamma[0]) for _, gamma, *_ in spy.calls["denoiser"]]
    assert len(levels) == (steps or grin.config.steps)
    assert levels[0] < 1e-6
    assert levels == sorted(levels)


def test_latents_of_a_step_start_the_next(grin: GrinModel, spy: Spy) -> None:
    ask(grin, execute=spy, steps=2)
    (*_, first), (*_, second) = spy.calls["denoiser"]
    assert not first.any()
    x, gamma, local, scene, before = spy.calls["denoiser"][0]
    near(second, small.network().denoiser(x, gamma, local, scene, before)[1])


@pytest.mark.parametrize("stride", [0, 1, 4])
def test_where_the_lens_gives_no_ray_there_is_no_depth_and_no_work(
    grin: GrinModel, spy: Spy, stride: int
) -> None:
    prediction = ask(grin, cameras=[FISHEYE], execute=spy, stride=stride, enlarge=False, samples=2)
    height, width = prediction.network_size or (0, 0)
    camera = FISHEYE.subsample(stride) if stride else FISHEYE.scale(width, height)
    known = torch.from_numpy(camera.rays().copy()).isfinite().all(-1)
    assert 0.2 < known.float().mean() < 0.9
    for values in (prediction.values[0], confidence_of(prediction)[0]):
        assert torch.equal(values.isfinite(), known)
        assert torch.equal(values.isnan(), ~known)
    assert {x.shape[1] for x, *_ in spy.calls["denoiser"]} == {int(known.sum())}
    for inputs in (*spy.calls["denoiser"], *spy.calls["encoder"]):
        assert all(part.isfinite().all() for part in inputs)


def test_what_has_no_ray_changes_nothing_for_what_has_one(grin: GrinModel) -> None:
    prediction = ask(grin, cameras=[FISHEYE], stride=1).values
    few = ask(grin, cameras=[FISHEYE], stride=4, enlarge=False).values
    kept = few.isfinite()
    assert (few / prediction[:, ::4, ::4] - 1).abs()[kept].max() < 0.05


@pytest.mark.parametrize("stride", [2, 3, 4, 10])
def test_between_the_estimated_pixels_depth_is_linear(grin: GrinModel, stride: int) -> None:
    small_map = ask(grin, stride=stride, enlarge=False).values[0]
    large = ask(grin, stride=stride).values[0]
    near(large[::stride, ::stride], small_map)
    last = (small_map.shape[1] - 1) * stride
    inner = large[::stride, : last + 1]
    share = torch.arange(last) % stride / stride
    left = small_map[:, torch.arange(last) // stride]
    right = small_map[:, torch.arange(last) // stride + 1]
    near(inner[:, :-1], left + share * (right - left))
    near(large[:, last:], large[:, last : last + 1].expand(-1, WIDTH - last))


def test_images_of_one_camera_are_answered_as_one_by_one(grin: GrinModel, spy: Spy) -> None:
    rgb = picture(count=3)
    prediction = ask(grin, rgb, [CAMERA] * 3, execute=spy, stride=3, samples=2)
    assert len(spy.calls["encoder"]) == 1
    assert prediction.memory is None
    for one in range(3):
        alone = ask(grin, rgb[one : one + 1], stride=3, samples=2)
        near(prediction.values[one : one + 1], alone.values)
        near(confidence_of(prediction)[one : one + 1], confidence_of(alone))


def test_images_of_several_cameras_are_answered_as_one_by_one(grin: GrinModel) -> None:
    rgb, cameras = picture(count=3), [CAMERA, OTHER, FISHEYE]
    prediction = ask(grin, rgb, cameras, stride=3, samples=2)
    assert prediction.memory is None
    for one, camera in enumerate(cameras):
        alone = ask(grin, rgb[one : one + 1], [camera], stride=3, samples=2)
        torch.testing.assert_close(
            prediction.values[one : one + 1], alone.values, rtol=1e-4, atol=1e-5, equal_nan=True
        )
        torch.testing.assert_close(
            confidence_of(prediction)[one : one + 1],
            confidence_of(alone),
            rtol=1e-4,
            atol=1e-5,
            equal_nan=True,
        )
    assert ask(grin, rgb, cameras, stride=3).confidence is None


def test_the_same_image_of_another_camera_has_other_metres(grin: GrinModel) -> None:
    one, other = (ask(grin, cameras=[camera]).values for camera in (CAMERA, OTHER))
    assert (other / one - 1).abs().median() > 0.05


def test_a_network_that_sees_no_rays_has_the_same_metres_for_every_camera() -> None:
    blind = small.model(rays=False)
    one, other = (ask(blind, cameras=[camera]).values for camera in (CAMERA, OTHER))
    near(one, other)


def test_one_sample_has_no_confidence(grin: GrinModel) -> None:
    assert ask(grin).confidence is None
    assert ask(grin, samples=1).confidence is None
    assert (grin.has_confidence(0), grin.has_confidence(1), grin.has_confidence(2)) == (
        False,
        False,
        True,
    )
    more = small.model(samples=3)
    assert more.has_confidence(0)
    assert not more.has_confidence(1)
    assert ask(more).confidence is not None


@pytest.mark.parametrize("stride", [0, 1, 4])
def test_confidence_is_a_probability_that_falls_with_the_spread(
    grin: GrinModel, stride: int
) -> None:
    confidence = confidence_of(ask(grin, samples=5, stride=stride))
    assert confidence.shape == (1, HEIGHT, WIDTH)
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    assert confidence.std() > 0.02
    wider = confidence_of(ask(small.model(spread_gain=3.0), samples=5, stride=stride))
    assert (wider < confidence).float().mean() > 0.99


def test_equal_samples_have_full_confidence(monkeypatch: pytest.MonkeyPatch) -> None:
    grin = small.model()
    same = torch.randn(1, HEIGHT * WIDTH, generator=torch.Generator().manual_seed(5))
    monkeypatch.setattr(grin, "_noise", lambda *_: same.expand(4, -1))
    prediction = ask(grin, samples=4, stride=1)
    assert float(confidence_of(prediction).min()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("samples", "middle"), [(3, slice(1, 2)), (4, slice(1, 3))])
def test_depth_is_the_median_of_the_samples(
    monkeypatch: pytest.MonkeyPatch, samples: int, middle: slice
) -> None:
    grin = small.model()
    count = grin.cost(CAMERA, 4)
    noise = torch.randn(samples, count, generator=torch.Generator().manual_seed(5))
    monkeypatch.setattr(grin, "_noise", lambda *_: noise)
    prediction = ask(grin, samples=samples, stride=4, enlarge=False)
    alone = []
    for each in noise:
        monkeypatch.setattr(grin, "_noise", lambda *_, each=each: each[None])
        alone.append(ask(grin, stride=4, enlarge=False).values[0].log())
    expected = torch.stack(alone).sort(dim=0).values[middle].mean(dim=0)
    near(prediction.values[0].log(), expected)


def test_from_the_frame_before_sampling_starts_late_and_takes_half_the_steps(
    grin: GrinModel, spy: Spy
) -> None:
    memory = remembered(ask(grin, execute=spy))
    (noise, *_), *_ = spy.calls.pop("denoiser")
    ask(grin, execute=spy, memory=memory)
    levels = [gamma[0] for _, gamma, *_ in spy.calls["denoiser"]]
    assert len(levels) == grin.config.steps // 2
    start = schedule.find(grin.config.schedule)(torch.tensor(grin.config.carry_noise))
    near(levels[0], start)
    x, *_, before = spy.calls["denoiser"][0]
    near(
        x, schedule.add_noise(grin.config.input_scale * memory.values.reshape(1, -1), noise, start)
    )
    assert torch.equal(before, memory.latents)


def test_requested_steps_also_hold_with_carry(grin: GrinModel, spy: Spy) -> None:
    ask(grin, execute=spy, memory=remembered(ask(grin)), steps=3)
    assert len(spy.calls["denoiser"]) == 3


def test_one_step_is_always_taken() -> None:
    quick = small.model(steps=1)
    assert ask(quick, memory=remembered(ask(quick))).values.isfinite().all()


def test_what_is_remembered_is_the_answer_itself(grin: GrinModel) -> None:
    prediction = ask(grin, stride=3, enlarge=False)
    memory = remembered(prediction)
    assert memory.values.shape == prediction.values.shape[1:]
    near(0.1 * torch.exp((memory.values + 1) / 2 * torch.tensor(200.0).log()), prediction.values[0])
    assert memory.latents.shape == (1, grin.config.latents, grin.config.latent_dim)


@pytest.mark.parametrize("before", [{"stride": 4}, {"stride": 3, "samples": 2}])
def test_what_does_not_fit_is_not_started_from(
    grin: GrinModel, spy: Spy, before: dict[str, Any]
) -> None:
    memory = remembered(ask(grin, **before))
    prediction = ask(grin, execute=spy, stride=3, memory=memory)
    assert torch.equal(prediction.values, ask(grin, stride=3).values)
    assert len(spy.calls["denoiser"]) == grin.config.steps


def test_a_fisheye_is_carried_too(grin: GrinModel) -> None:
    memory = remembered(ask(grin, cameras=[FISHEYE], stride=2))
    assert memory.values.isnan().any()
    prediction = ask(grin, cameras=[FISHEYE], stride=2, enlarge=False, memory=memory)
    assert torch.equal(prediction.values[0].isfinite(), memory.values.isfinite())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_checkpoint_answers_as_the_network_it_was_written_from(
    grin: GrinModel, tmp_path: Path, dtype: str
) -> None:
    small.network().save_pretrained(tmp_path)
    loaded = models.load(str(tmp_path))
    assert isinstance(loaded, GrinModel)
    assert (loaded.max_depth_m, loaded.training_f_px) == (20.0, None)
    prediction = ask(loaded, execute=TorchRuntime(loaded.network, "cpu", dtype), steps=2).values
    expected = ask(grin, steps=2).values
    assert (prediction / expected - 1).abs().mean() < (0.01 if dtype == "float32" else 0.05)


def test_the_focal_length_of_the_encoders_input_follows_the_resize(
    grin: GrinModel,
) -> None:
    expected = CAMERA.scale(INPUT[1], INPUT[0]).f_px
    assert grin.network_f_px(CAMERA) == pytest.approx(expected)


def test_a_deleted_model_frees_its_network_at_once() -> None:
    used = small.model()
    ask(used)
    held = weakref.ref(used.network)
    del used
    assert held() is None
