"""zoedepth-lite: its heads, sizes, precisions, and its checkpoints."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import nn

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.lite.config import Head, LiteConfig, preprocessing_of
from depth_ros.models.lite.network import ZoeDepthLite

HEADS = get_args(Head)
SMALL = LiteConfig(height=64, width=96, channels=16)


def network(head: Head, seed: int = 0) -> ZoeDepthLite:
    torch.manual_seed(seed)
    made = ZoeDepthLite(replace(SMALL, head=head)).eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            nn.init.normal_(module.running_mean, std=0.1)
    return made.requires_grad_(False)


def images(count: int = 1, height: int = 64, width: int = 96) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 64), (64, 64), (64, 128)], ids=str)
def test_depth_has_half_of_the_inputs_size_and_is_positive(
    head: Head, height: int, width: int
) -> None:
    depth_m = network(head)(images(2, height, width))
    assert depth_m.shape == (2, height // 2, width // 2)
    assert depth_m.dtype == torch.float32
    assert float(depth_m.min()) > 0
    assert bool(depth_m.isfinite().all())


@pytest.mark.parametrize("head", HEADS)
def test_an_image_is_answered_alike_in_any_batch(head: Head) -> None:
    made, batch = network(head), images(3)
    together = made(batch)
    alone = torch.cat([made(image[None]) for image in batch])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_a_saved_network_is_the_same_when_loaded(head: Head, tmp_path: Path) -> None:
    made = network(head).half().float()
    made.save_pretrained(tmp_path)
    loaded = ZoeDepthLite.from_pretrained(tmp_path).eval()
    assert loaded.config == made.config
    assert torch.equal(loaded(images()), made(images()))


def test_the_log_head_stays_within_its_range() -> None:
    made = network("log")
    head: Any = made.head
    head.layers[-1].bias.fill_(50.0)
    assert float(made(images()).max()) == SMALL.max_depth_m
    head.layers[-1].bias.fill_(-50.0)
    assert float(made(images()).min()) > 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model_type": "other"}, "of type 'other'"),
        ({"model_type": "zoedepth_lite", "depth": 3}, r"unknown fields \['depth'\]"),
        ({"model_type": "zoedepth_lite", "head": "tail"}, "head is 'tail'"),
    ],
)
def test_a_configuration_of_something_else_is_refused(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        LiteConfig.from_dict(fields)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    network("log").save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(replace(SMALL, channels=24).as_dict()))
    with pytest.raises(ModelError, match="do not fit"):
        ZoeDepthLite.from_pretrained(tmp_path)


def test_images_come_as_the_encoders_weights_expect_them() -> None:
    rgb = torch.full((1, 64, 96, 3), 127, dtype=torch.uint8)
    assert torch.allclose(preprocessing_of(SMALL)(rgb), torch.zeros(1), atol=1e-5)
    rgb = torch.full((1, 64, 96, 3), 255, dtype=torch.uint8)
    assert torch.allclose(preprocessing_of(SMALL)(rgb), torch.ones(1), atol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (480, 640, (192, 256)),
        (720, 1280, (192, 352)),
        (480, 480, (256, 256)),
        (500, 1000, (192, 384)),
        (640, 480, (352, 256)),
    ],
)
def test_any_shape_keeps_its_aspect_ratio(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    assert preprocessing_of(LiteConfig()).network_size(height, width) == expected


def test_metres_assume_the_training_focal_length_at_every_size(
    built: Callable[[str], Path],
) -> None:
    model = models.load(str(built("zoedepth-lite")))
    camera = Camera.from_fov(640, 480, 60.0)
    larger = model.at_size(128, 192)
    assert model.training_f_px == SMALL.training_f_px
    assert larger.training_f_px is not None
    ratio = model.network_f_px(camera) / SMALL.training_f_px
    assert larger.network_f_px(camera) / larger.training_f_px == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_are_near_to_float32(dtype: torch.dtype, built: Callable[[str], Path]) -> None:
    from depth_ros.runtimes.torch_runtime import TorchRuntime

    folder = str(built("zoedepth-lite"))
    name = str(dtype).removeprefix("torch.")
    pixels = images()
    with torch.inference_mode():
        exact = TorchRuntime(models.load(folder).network, "cpu", "float32")(pixels)
        rounded = TorchRuntime(models.load(folder).network, "cpu", name)(pixels)
    assert isinstance(exact, torch.Tensor)
    assert isinstance(rounded, torch.Tensor)
    assert float((rounded / exact - 1).abs().mean()) < 0.03


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_bins_are_chosen_as_exactly_in_halves(dtype: torch.dtype) -> None:
    exact, rounded = (network("bins") for _ in range(2))
    pixels = images()
    depth_m = rounded.to(dtype)(pixels.to(dtype))
    assert depth_m.dtype == torch.float32
    assert float((depth_m / exact(pixels) - 1).abs().mean()) < 0.03
