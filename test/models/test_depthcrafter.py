"""DepthCrafter: its parts against diffusers' own, and its windows against none."""

import json
import math
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor

from depth_ros import models
from depth_ros.errors import ModelError, SettingError
from depth_ros.models import ClipOptions, Output
from depth_ros.models.depthcrafter import images, parts
from depth_ros.models.depthcrafter import model as model_module
from depth_ros.models.depthcrafter.model import DepthCrafter
from depth_ros.models.depthcrafter.unet import PerFrameUNet
from depth_ros.models.depthcrafter.windows import euler, rechunked, stitched, windows
from test.models import clip_checkpoints

pytestmark = pytest.mark.slow

REPO = Path(__file__).parents[2]
HEIGHT, WIDTH = 70, 101
SMALL = ClipOptions(window=4, overlap=2, steps=2)

Rgb = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_checkpoints.build(tmp_path_factory.mktemp("depthcrafter"))


@pytest.fixture(scope="module")
def model(folder: Path) -> DepthCrafter:
    return load(folder)


def load(folder: Path, options: ClipOptions = SMALL) -> DepthCrafter:
    model = models.load_clip("depthcrafter", str(folder), options)
    assert isinstance(model, DepthCrafter)
    return model


def clip(count: int, height: int = HEIGHT, width: int = WIDTH) -> Rgb:
    return np.random.default_rng(1).integers(0, 256, (count, height, width, 3), np.uint8)


def answer(model: DepthCrafter, frames: Rgb, seed: int = 42) -> npt.NDArray[np.float32]:
    return np.stack(list(model.predict_clip(frames.__getitem__, len(frames), seed)))


@pytest.mark.parametrize("count", range(1, 10))
def test_a_clip_of_any_length_gives_as_many_values_as_it_has_frames(
    model: DepthCrafter, count: int
) -> None:
    frames = clip(count)
    values = list(model.predict_clip(frames.__getitem__, count))
    assert len(values) == count
    assert all(value.shape == (HEIGHT, WIDTH) and value.dtype == np.float32 for value in values)
    assert all(0 <= value.min() < value.max() <= 1 for value in values)


@pytest.mark.parametrize(("count", "noise"), [(1, 0.02), (5, 0.0)])
def test_a_still_clip_agrees_with_stable_video_diffusion_of_its_image(
    folder: Path, count: int, noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There each frame has the same embedding and condition: here too, but for the noise of each.
    monkeypatch.setattr(model_module, "_NOISE", noise)
    ours = load(folder, ClipOptions(chunk=8))
    frame = clip(1, 64, 128)[0]
    values = answer(ours, np.stack([frame] * count), seed=7)

    from diffusers import StableVideoDiffusionPipeline

    pipeline = StableVideoDiffusionPipeline(
        ours.parts.vae,
        ours.parts.image_encoder,
        ours.parts.unet.unet,
        ours.parts.scheduler,
        CLIPImageProcessor(image_mean=clip_checkpoints.MEAN, image_std=clip_checkpoints.STD),
    )
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(7)
    latents = torch.randn(1, count, 4, 8, 16, generator=generator)
    (theirs,) = pipeline(
        Image.fromarray(frame),
        height=64,
        width=128,
        num_frames=count,
        num_inference_steps=5,
        max_guidance_scale=1.0,
        fps=8,  # it tells the network one less
        noise_aug_strength=noise,
        generator=generator,
        latents=latents,
        output_type="pt",
    ).frames
    np.testing.assert_allclose(values, theirs.mean(1).numpy(), atol=2e-5)
    assert values.std() > 0.01


def test_the_same_seed_gives_the_same_values_and_another_others(model: DepthCrafter) -> None:
    frames = clip(6)
    first = answer(model, frames)
    np.testing.assert_array_equal(answer(model, frames), first)
    assert np.abs(answer(model, frames, seed=43) - first).max() > 0.01


def test_frames_are_read_once_in_order_and_not_before_their_window(
    model: DepthCrafter,
) -> None:
    frames, read = clip(10), list[int]()

    def frame(index: int) -> Rgb:
        read.append(index)
        found: Rgb = frames[index]
        return found

    options = ClipOptions(window=4, overlap=2, steps=1, chunk=1)
    values = DepthCrafter(model.entry, model.parts, options).predict_clip(frame, 10)
    assert read == []
    next(values)
    assert read == [0, 1, 2, 3]
    next(values), next(values)
    assert read == list(range(6))
    assert len(list(values)) == 7
    assert read == list(range(10))


def test_progress_is_reported_up_to_the_end(model: DepthCrafter) -> None:
    frames, shares = clip(6), list[float]()
    assert len(list(model.predict_clip(frames.__getitem__, 6, progress=shares.append))) == 6
    assert shares == [0.25, 0.5, 0.75, 1.0]  # two windows of two steps


def test_every_window_gets_the_condition_of_its_own_frames(model: DepthCrafter) -> None:
    def conditions(*spans: range) -> list[model_module.Condition]:
        generator = torch.Generator().manual_seed(5)
        with torch.inference_mode():
            return list(model._conditions(iter(clip(7)), spans, (64, 128), generator))

    (whole,) = conditions(range(7))
    assert whole.latents.flatten(1).std(0).max() > 0.01
    for span, condition in zip(windows(7, 4, 1), conditions(*windows(7, 4, 1)), strict=True):
        for part, all_ in zip(condition, whole, strict=True):
            torch.testing.assert_close(part, all_[span.start : span.stop], atol=1e-4, rtol=0)


def test_with_offload_a_network_leaves_the_device_before_the_next(model: DepthCrafter) -> None:
    class Network:
        def __init__(self) -> None:
            self.places: list[str] = []

        def to(self, device: Any) -> "Network":
            self.places.append(str(device))
            return self

    for offload, places in ((True, ["meta", "cpu"]), (False, ["meta"])):
        options, network = ClipOptions(device="meta", offload=offload), Network()
        with DepthCrafter(model.entry, model.parts, options)._at_work(network) as working:
            assert working is network
            assert network.places == ["meta"]
        assert network.places == places


def test_offloaded_networks_give_the_same_result(folder: Path, model: DepthCrafter) -> None:
    frames = clip(6)
    offloading = load(folder, ClipOptions(window=4, overlap=2, steps=2, offload=True))
    np.testing.assert_array_equal(answer(offloading, frames), answer(model, frames))


def test_half_precision_gives_almost_the_same_result(folder: Path, model: DepthCrafter) -> None:
    frames = clip(3)
    half = load(folder, ClipOptions(window=4, overlap=2, steps=2, dtype="bfloat16"))
    assert np.abs(answer(half, frames) - answer(model, frames)).max() < 0.05


def test_in_float16_the_vae_encoder_stays_in_float32(folder: Path) -> None:
    vae = load(folder, ClipOptions(dtype="float16")).parts.vae
    assert next(vae.encoder.parameters()).dtype is torch.float32
    assert next(vae.decoder.parameters()).dtype is torch.float16


def test_invalid_clips_are_refused(model: DepthCrafter) -> None:
    with pytest.raises(ModelError, match="0 frames, expected at least 1"):
        model.predict_clip(clip(1).__getitem__, 0)
    uneven = [*clip(1), *clip(1, HEIGHT, WIDTH + 1)]
    with pytest.raises(ModelError, match=r"frame 1 is uint8 \(70, 102, 3\), expected.*70, 101"):
        list(model.predict_clip(uneven.__getitem__, 2))
    with pytest.raises(ModelError, match=r"frame 0 is uint8 \(70, 101\), expected"):
        list(model.predict_clip(clip(1)[..., 0].__getitem__, 1))
    floats: Any = clip(1).astype(np.float32)
    with pytest.raises(ModelError, match="frame 0 is float32"):
        list(model.predict_clip(floats.__getitem__, 1))


@pytest.mark.parametrize(
    "options",
    [
        {"window": 25},
        {"overlap": -1},
        {"steps": 0},
        {"chunk": 0},
        {"max_side_px": 63},
        {"dtype": "int8"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(options))} is "):
        ClipOptions(**options)


def inputs(frames: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    sample = torch.randn(frames, 8, 6, 10, generator=generator)
    return sample, torch.randn(frames, 16, generator=generator), torch.tensor([7, 127, 0.02])


@pytest.mark.parametrize("frames", [1, 5])
@torch.inference_mode()
def test_with_one_embedding_for_all_frames_it_is_the_stock_network(frames: int) -> None:
    unet, timestep = clip_checkpoints.unet(), torch.tensor(1.3)
    sample, embeddings, ids = inputs(frames)
    same = embeddings[:1].expand(frames, -1)
    stock = unet(sample[None], timestep, embeddings[None, :1], ids[None]).sample[0]
    ours = PerFrameUNet(unet)(sample, timestep, same, ids)
    assert (ours - stock).abs().max() < 1e-5
    assert stock.std() > 0.1


@torch.inference_mode()
def test_each_frame_has_its_own_embedding() -> None:
    network, timestep = PerFrameUNet(clip_checkpoints.unet()), torch.tensor(1.3)
    sample, embeddings, ids = inputs(5)
    before = network(sample, timestep, embeddings, ids)
    embeddings[3] += 1
    change = (network(sample, timestep, embeddings, ids) - before).abs().amax((1, 2, 3))
    assert change.min() > 1e-6  # time is mixed, so that every frame hears of it
    assert change.argmax() == 3


def sigmas(steps: int) -> npt.NDArray[np.float64]:
    """Noise levels of Karras et al. (arXiv 2206.00364), equation 5, and the 0 they end at."""
    ends = np.array([700.0, 0.002]) ** (1 / 7)
    return np.append((ends[0] + np.linspace(0, 1, steps) * (ends[1] - ends[0])) ** 7, 0)


def says(clean: Tensor, scaled: Tensor, timestep: Tensor) -> Tensor:
    """Return the output of a network that predicts these clean latents (v-prediction)."""
    sigma = math.exp(4 * float(timestep))
    root = math.sqrt(sigma**2 + 1)
    return (scaled - clean * root) / sigma


def test_the_sampler_takes_eulers_steps_between_the_noise_levels_of_karras() -> None:
    torch.manual_seed(4)
    noise, middle = torch.randn(3, 4, 2, 5), 0.7

    def expected(noisy: Any, sigma: float) -> Any:  # of data that are Gaussian, deviation 0.5
        return middle + (noisy - middle) * 0.25 / (0.25 + sigma**2)

    def denoise(scaled: Tensor, timestep: Tensor) -> Tensor:
        sigma = math.exp(4 * float(timestep))
        return says(expected(scaled * math.sqrt(sigma**2 + 1), sigma), scaled, timestep)

    levels = sigmas(5)
    truth = noise.double().numpy() * math.sqrt(levels[0] ** 2 + 1)
    for sigma, following in pairwise(levels):
        truth += (truth - expected(truth, sigma)) / sigma * (following - sigma)
    latents = euler(denoise, clip_checkpoints.scheduler(), 5, noise, None)
    np.testing.assert_allclose(latents.numpy(), truth, atol=1e-3)


def test_shared_frames_start_from_their_known_latents() -> None:
    noise, tail, seen = torch.randn(5, 4, 2, 3), torch.randn(2, 4, 2, 3), list[Tensor]()

    def denoise(scaled: Tensor, timestep: Tensor) -> Tensor:
        seen.append(scaled)
        return scaled

    euler(denoise, clip_checkpoints.scheduler(), 1, noise, tail)
    root = math.sqrt(700**2 + 1)
    torch.testing.assert_close(seen[0][:2], (tail + 700 * noise[:2]) / root)
    torch.testing.assert_close(seen[0][2:], noise[2:])


# --- the windows -----------------------------------------------------------------------------

LAYOUTS = st.tuples(st.integers(1, 60), st.integers(1, 12), st.integers(0, 11)).filter(
    lambda layout: layout[1] > layout[2]
)


@given(LAYOUTS)
def test_windows_cover_every_frame_and_share_as_many_as_they_should(
    layout: tuple[int, int, int],
) -> None:
    count, window, overlap = layout
    spans = windows(*layout)
    assert {frame for span in spans for frame in span} == set(range(count))
    assert all(len(span) == window for span in spans[:-1])
    for span, following in pairwise(spans):
        assert span.stop - following.start == overlap < len(following)


@given(LAYOUTS)
def test_where_windows_agree_stitching_is_invisible(layout: tuple[int, int, int]) -> None:
    truth = torch.randn(layout[0], 1, 1, 2)
    parts = list(stitched(windows(*layout), lambda span, _: truth[span.start : span.stop].clone()))
    torch.testing.assert_close(torch.cat(parts), truth)


def test_latents_pass_linearly_from_one_window_to_the_next() -> None:
    spans = windows(7, 5, 3)
    says = {0: 0.0, 2: 1.0}
    got = torch.cat(
        list(stitched(spans, lambda span, _: torch.full((len(span), 1, 1, 1), says[span.start])))
    )
    assert got.flatten().tolist() == [0, 0, 0, 0.5, 1, 1, 1]


def sampled(count: int, window: int, overlap: int, data_deviation: float) -> Tensor:
    """A clip whose denoiser looks at each frame alone: at its condition, and as far as data vary
    around that, at the noise."""
    generator = torch.Generator().manual_seed(6)
    condition = torch.randn(count, 4, 2, 3, generator=generator)
    period = torch.randn(min(count, 8), 4, 2, 3, generator=generator)
    noise = period[torch.arange(count) % len(period)]

    def solve(span: range, tail: Tensor | None) -> Tensor:
        at = slice(span.start, span.stop)

        def denoise(scaled: Tensor, timestep: Tensor) -> Tensor:
            sigma = math.exp(4 * float(timestep))
            share = data_deviation**2 / (data_deviation**2 + sigma**2)
            noisy = scaled * math.sqrt(sigma**2 + 1)
            return says(condition[at] + share * (noisy - condition[at]), scaled, timestep)

        return euler(denoise, clip_checkpoints.scheduler(), 5, noise[at], tail)

    return torch.cat(list(stitched(windows(count, window, overlap), solve)))


@pytest.mark.parametrize("count", [8, 9, 20])
def test_a_network_that_returns_its_condition_is_the_same_in_windows(count: int) -> None:
    # Exactly: the output of the last step does not depend on the start.
    torch.testing.assert_close(
        sampled(count, 8, 3, 0.0), sampled(count, count, 0, 0.0), atol=2e-4, rtol=0
    )


@pytest.mark.parametrize("count", [8, 9, 20])
def test_a_network_that_looks_at_frames_alone_is_almost_the_same_in_windows(count: int) -> None:
    # Shared frames have the same noise in both windows. They start from the result for them
    # besides, which is as little as latents are over the first noise level: 1/700.
    windowed, whole = sampled(count, 8, 3, 0.5), sampled(count, count, 0, 0.5)
    assert (windowed - whole).abs().max() < 0.01


def test_a_window_gets_the_last_windows_result_for_shared_frames(
    model: DepthCrafter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def spy(*arguments: Any) -> Tensor:
        calls.append((arguments[3], arguments[4], euler(*arguments)))
        return calls[-1][2]

    monkeypatch.setattr(model_module, "euler", spy)
    answer(model, clip(8))
    assert [len(noise) for noise, *_ in calls] == [4, 4, 4]
    for (noise, _, result), (following, tail, _) in pairwise(calls):
        assert torch.equal(following, noise.roll(-2, 0))
        assert tail is not None
        torch.testing.assert_close(tail[-1], result[-1])  # the first is still the window's before
    assert calls[0][1] is None


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((576, 1024), (576, 1024)),
        ((1080, 1920), (576, 1024)),
        ((1920, 1080), (1024, 576)),
        ((480, 640), (512, 640)),
        ((768, 1300), (576, 1024)),
        ((376, 1241), (320, 1024)),
        ((20, 33), (64, 64)),
    ],
)
def test_images_are_as_large_as_the_published_code_makes_them(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert images.network_size(*size, 1024) == expected


def test_values_are_those_of_the_images_own_pixels(model: DepthCrafter) -> None:
    rgb = torch.zeros(1, 96, 160, 3, dtype=torch.uint8)
    rgb[:, 24:48, 40:80] = 255
    there = images.to_network(rgb, (128, 192))
    assert [float(there.min()), float(there.max())] == [-1, 1]
    back = images.from_network(there, (96, 160))
    assert back.shape == (1, 96, 160)
    torch.testing.assert_close(back[0, 28:44, 44:76], torch.ones(16, 32))
    assert (back - rgb[..., 0] / 255).abs().mean() < 0.01


def test_decoded_values_beyond_black_and_white_are_clipped() -> None:
    decoded = torch.tensor([[-3.0, -1.0, 0.0], [0.5, 1.0, 2.0]])[..., None, None]
    values = images.from_network(decoded, (1, 1)).flatten()
    torch.testing.assert_close(values, torch.tensor([0.5 / 3, 2.75 / 3]))


@pytest.mark.parametrize("size", [(64, 128), (512, 320), (256, 832)])
def test_images_are_embedded_as_diffusers_embeds_them(size: tuple[int, int]) -> None:
    pixels = torch.rand(2, 3, *size) * 2 - 1
    mean, std = torch.tensor(clip_checkpoints.MEAN), torch.tensor(clip_checkpoints.STD)
    from diffusers.pipelines.stable_video_diffusion import pipeline_stable_video_diffusion

    small = pipeline_stable_video_diffusion._resize_with_antialiasing(pixels, (224, 224))
    theirs = ((small + 1) / 2 - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(images.to_embed(pixels, 224, mean, std), theirs, atol=1e-5, rtol=0)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 8))
def test_chunks_are_counted_from_the_start_of_the_clip(lengths: list[int], size: int) -> None:
    whole = torch.arange(sum(lengths))
    chunks = list(rechunked(iter(whole.split(lengths)), size))
    assert all(map(torch.equal, chunks, whole.split(size)))
    assert len(chunks) == math.ceil(len(whole) / size)


def decoded(model: DepthCrafter, chunk: int) -> Tensor:
    latents = torch.randn(7, 4, 8, 16, generator=torch.Generator().manual_seed(8))
    with torch.inference_mode():
        return torch.cat([model._decoded(few) for few in latents.split(chunk)])


def test_the_decoder_mixes_the_frames_of_a_chunk_and_those_alone(folder: Path) -> None:
    model = load(folder)
    assert (decoded(model, 3) - decoded(model, 7)).abs().max() > 0.01
    # Without the layers that mix frames, chunks have no influence.
    for name, parameter in model.parts.vae.decoder.named_parameters():
        if name.endswith("mix_factor"):
            parameter.fill_(-100.0)
        if name == "time_conv_out.weight":
            parameter[:, :, [0, 2]] = 0
    torch.testing.assert_close(decoded(model, 3), decoded(model, 7), atol=1e-5, rtol=0)


def test_it_is_refused_where_frames_come_one_by_one(folder: Path) -> None:
    for name, weights in (("depthcrafter", ""), ("depthcrafter", str(folder)), (str(folder), "")):
        with pytest.raises(ModelError, match=r"needs a whole recording.*live: depth-anything-v2"):
            models.load(name, weights)


def test_models_of_single_frames_are_no_clip_models() -> None:
    with pytest.raises(ModelError, match=r"'zoedepth-tiny' works frame by frame.*depthcrafter"):
        models.load_clip("zoedepth-tiny")


def test_its_entry_contains_what_a_user_must_know() -> None:
    entry = models.MODELS["depthcrafter"]
    assert entry.output is Output.AFFINE_INVERSE_DEPTH
    assert not entry.commercial
    assert "research" in entry.licence
    assert models.find("tencent/DepthCrafter") is entry
    assert "| depthcrafter | any | affine_inverse_depth | - |" in models.table()


def test_a_folder_declares_that_it_contains_depthcrafter(folder: Path, tmp_path: Path) -> None:
    assert models.find(str(folder)).family == "depthcrafter"
    assert models.find(str(folder)).licence == "unknown"
    assert models.load_clip(str(folder)).entry.source == str(folder)
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "DepthCrafterPipeline"}))
    assert models.find(str(tmp_path)).family == "depthcrafter"


def test_another_video_network_is_not_taken_for_it(folder: Path, tmp_path: Path) -> None:
    stock = shutil.copytree(folder, tmp_path / "svd")
    clip_checkpoints.say_class(stock, "UNetSpatioTemporalConditionModel")
    with pytest.raises(ModelError, match=r"no config\.json"):
        models.find(str(stock))
    # The user's word counts for more than the folder's.
    assert load(stock).entry.name == "depthcrafter"


@pytest.mark.parametrize("part", parts.NAMES)
def test_a_part_that_is_missing_is_named(folder: Path, tmp_path: Path, part: str) -> None:
    lacking = shutil.copytree(folder, tmp_path / "lacking")
    shutil.rmtree(lacking / part)
    with pytest.raises(ModelError, match=f"it has no folder {part}, expected unet, vae"):
        load(lacking)


def test_weights_that_are_missing_are_named(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    lacking = shutil.copytree(folder, tmp_path / "lacking")
    path = lacking / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    del weights["conv_out.bias"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights, conv_out\.bias"):
        load(lacking)


def test_pickled_weights_are_not_read(folder: Path, tmp_path: Path) -> None:
    pickled = shutil.copytree(folder, tmp_path / "pickled")
    path = pickled / "vae" / "diffusion_pytorch_model.safetensors"
    torch.save(clip_checkpoints.vae().state_dict(), path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(ModelError, match="safetensors"):
        load(pickled)


def test_a_device_that_is_not_there_is_a_model_error(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded.*abacus"):
        load(folder, ClipOptions(device="abacus"))


def test_without_diffusers_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ModelError, match="needs diffusers, the extra 'depthcrafter'"):
        load(folder)


def test_the_hubs_cache_is_enough(folder: Path, tmp_path: Path) -> None:
    # There the UNet is alone, and the others are in files of half precision.
    shutil.copytree(folder / "unet", snapshot(tmp_path, "tencent/DepthCrafter"))
    base = snapshot(tmp_path, parts.BASE)
    for part in parts.NAMES[1:]:
        shutil.copytree(folder / part, base / part)
    for path in list(base.rglob("*.safetensors")):
        path.rename(path.with_suffix(".fp16.safetensors"))
    script = "from depth_ros import models; print(models.load_clip('depthcrafter').parts.mean[0])"
    hub = {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(REPO)}
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **hub},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stdout.strip() == "tensor(0.4815)", run.stderr


def snapshot(cache: Path, name: str) -> Path:
    """Return where the hub's cache has the files of a repository."""
    repository = cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    return repository / "snapshots" / ("0" * 40)
