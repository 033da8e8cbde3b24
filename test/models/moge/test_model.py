"""MoGe-2 against its authors' rules, which are written out here once more."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from depth_ros import cli, models
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Request
from depth_ros.models.dinov2 import Size
from depth_ros.models.mirrored import Mirrored
from depth_ros.models.moge.model import MogeModel, metric
from depth_ros.models.moge.network import Moge, MogeConfig
from depth_ros.runtimes.torch_runtime import TorchRuntime
from test.models.moge import checkpoint, upstream
from test.models.references import image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Upstream's own file."""
    return checkpoint.pickled(tmp_path_factory.mktemp("moge"))


@pytest.fixture(scope="module")
def model(folder: Path) -> MogeModel:
    loaded = models.load("moge-2-small", str(folder))
    assert isinstance(loaded, MogeModel)
    return loaded


def said(model: MogeModel, height: int = 60, width: int = 90, fov_deg: float = 60.0) -> Tensor:
    camera = Camera.from_fov(width, height, fov_deg)
    rgb = torch.from_numpy(image(height, width))[None]
    execute = TorchRuntime(model.network, "cpu")
    with torch.inference_mode():
        return model.infer(execute, rgb, Request([camera])).values[0]


@pytest.mark.parametrize(("normal", "parameters_m"), [(True, 331), (False, 326)])
def test_the_large_network_loads_exactly_upstreams_weights(
    normal: bool, parameters_m: float
) -> None:
    config = upstream.config(normal=normal)
    with torch.device("meta"):
        weights = {name: torch.empty(each) for name, each in upstream.shapes(config).items()}
    count = sum(each.numel() for name, each in weights.items() if "image_" not in name)
    assert count / 1e6 == pytest.approx(parameters_m, abs=0.5)
    network = Moge.of_weights(MogeConfig.from_dict(config), weights)
    assert network.encoder.backbone.size == Size(1024, 24, 37)
    named = {name for name in weights if not name.startswith("normal_head")}
    named -= {"encoder.image_mean", "encoder.image_std", "encoder.backbone.mask_token"}
    assert network.state_dict().keys() == named


def test_weights_of_other_shapes_are_refused_by_name() -> None:
    config = MogeConfig.from_dict(checkpoint.CONFIG)
    weights = upstream.weights(checkpoint.CONFIG, checkpoint.WIDTH, checkpoint.DEPTH, 5)
    fewer = {name: each for name, each in weights.items() if name != "neck.input_blocks.0.bias"}
    with pytest.raises(ModelError, match=r"lacks 1 weights, neck\.input_blocks\.0\.bias"):
        Moge.of_weights(config, fewer)
    with pytest.raises(ModelError, match=r"scale_head\.4\.bias is 2, expected 1"):
        Moge.of_weights(config, {**weights, "scale_head.4.bias": torch.zeros(2)})
    with pytest.raises(ModelError, match="not those of MoGe-2"):
        Moge.of_weights(config, {"other": torch.zeros(1)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"remap_output": "cubic"}, "expected one of linear, sinh, exp"),
        ({"num_tokens_range": [0, 10]}, "positive integers"),
        ({"colour": 1}, "not MoGe-2's"),
        ({"encoder": {"backbone": "dinov2_vitl14"}}, "not MoGe-2's"),
    ],
)
def test_a_configuration_that_is_not_upstreams_is_refused(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        MogeConfig.from_dict({**checkpoint.CONFIG, **change})


@pytest.mark.parametrize("word", [{"resamplers": "magic"}, {"activation": "magic"}, {"x": 1}])
def test_a_stack_of_unknown_parts_is_refused(word: dict[str, Any]) -> None:
    neck = {**checkpoint.CONFIG["neck"], **word}
    config = MogeConfig.from_dict({**checkpoint.CONFIG, "neck": neck})
    weights = upstream.weights(checkpoint.CONFIG, checkpoint.WIDTH, checkpoint.DEPTH, 5)
    with pytest.raises(ModelError, match=r"magic|unknown fields \['x'\]"):
        Moge.of_weights(config, weights)


def cells(tokens: int, height: int, width: int) -> tuple[int, int]:
    """Upstream's forward(): how many cells of 14 px an image has."""
    aspect = width / height
    return round((tokens / aspect) ** 0.5), round((tokens * aspect) ** 0.5)


@pytest.mark.parametrize("tokens", [1225, 3600])
@pytest.mark.parametrize(
    ("height", "width"), [(480, 640), (720, 1280), (1080, 1920), (640, 480), (301, 1007)]
)
def test_an_image_has_as_many_cells_as_upstream_gives_it(
    tokens: int, height: int, width: int, model: MogeModel
) -> None:
    side = round(tokens**0.5) * 14
    rules = model.at_size(side, side).preprocessing
    expected = tuple(14 * each for each in cells(tokens, height, width))
    assert rules.network_size(height, width) == expected


def triangles(before: int, after: int) -> np.ndarray[Any, Any]:
    """Weights (after, before) of a bilinear filter as wide as what it looks at, or one pixel."""
    scale = max(1.0, before / after)
    centres = (np.arange(after) + 0.5) * before / after - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(before) - centres[:, None]) / scale)
    shares: np.ndarray[Any, Any] = weights / weights.sum(1, keepdims=True)
    return shares


@pytest.mark.parametrize(("height", "width"), [(60, 90), (200, 300), (240, 100)])
def test_pixels_are_those_of_upstreams_rule(height: int, width: int, model: MogeModel) -> None:
    rgb = image(height, width)
    rows, columns = (14 * each for each in cells(25, height, width))
    resized = np.einsum(
        "ij,jkc,lk->cil",
        triangles(height, rows),
        rgb / 255,
        triangles(width, columns),
        optimize=True,
    )
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    expected = (resized - mean[:, None, None]) / deviation[:, None, None]
    pixels = model.preprocess(torch.from_numpy(rgb)[None])[0]
    np.testing.assert_allclose(pixels.numpy(), expected, atol=2e-4)


def test_positions_between_the_trained_ones_are_torchs_bicubic(model: MogeModel) -> None:
    assert isinstance(model.network, Moge)
    backbone = model.network.encoder.backbone
    grid = backbone.pos_embed[0, 1:].reshape(5, 5, -1).permute(2, 0, 1)[None]
    factors = (4 + 0.1) / 5, (7 + 0.1) / 5  # upstream's historical offset
    expected = functional.interpolate(grid, scale_factor=factors, mode="bicubic")
    assert expected.shape[-2:] == (4, 7)
    found = backbone._positions(4, 7).reshape(4, 7, -1).permute(2, 0, 1)[None]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_depth_is_the_points_shifted_and_scaled_by_the_cameras_focal_length() -> None:
    height, width, focal_px = 72, 96, 80.0
    v, u = np.mgrid[:height, :width] + 0.5
    z = 2 + 0.5 * np.sin(u / 20) + v / 40
    x, y = (u - width / 2) / focal_px * z, (v - height / 2) / focal_px * z
    points = torch.tensor(np.stack([x, y, z - 1.5], axis=-1), dtype=torch.float32)[None] / 3
    seen = torch.ones(1, height, width, dtype=torch.bool)
    focal = torch.tensor([focal_px / (math.hypot(height, width) / 2)])
    entry = models.MODELS["moge-2-large"]
    for known in (focal, None):
        prediction = metric(points, seen, torch.tensor([3.0]), entry, known)
        expected = torch.tensor(z, dtype=torch.float32)
        torch.testing.assert_close(prediction.values[0], expected, rtol=1e-3, atol=1e-3)
        assert (prediction.f_px is None) == (known is not None)
    assert prediction.f_px is not None
    assert float(prediction.f_px[0]) == pytest.approx(focal_px, rel=1e-2)


def test_what_the_mask_leaves_out_is_infinite_and_what_lies_behind_is_none() -> None:
    points = torch.ones(1, 4, 6, 3)
    points[0, 0, 0, 2] = -5
    seen = torch.ones(1, 4, 6, dtype=torch.bool)
    seen[0, 3] = False
    entry = models.MODELS["moge-2-large"]
    values = metric(points, seen, torch.tensor([2.0]), entry, torch.tensor([1.0])).values[0]
    assert values[3].isposinf().all()
    assert values[0, 0].isnan()
    assert values[1].isfinite().all()
    nothing = torch.zeros_like(seen)
    alone = metric(points, nothing, torch.tensor([2.0]), entry, torch.tensor([1.0]))
    assert alone.values.isposinf().all()


def test_a_wider_camera_sees_other_depth(model: MogeModel) -> None:
    wide, narrow = said(model, fov_deg=80.0), said(model, fov_deg=40.0)
    near = wide.isfinite() & narrow.isfinite()
    assert near.float().mean() > 0.5
    assert (wide - narrow)[near].abs().mean() > 0.1 * wide[near].mean()


def test_the_mirror_image_is_turned_back_before_the_mean(model: MogeModel) -> None:
    mirrored = Mirrored(TorchRuntime(model.network, "cpu"))
    pixels = model.preprocess(torch.from_numpy(image(60, 90))[None])
    beside = model.beside(1, 60, 90, torch.device("cpu"))
    with torch.inference_mode():
        points, mask, scale = mirrored(pixels, *beside)
        turned, turned_mask, turned_scale = mirrored(pixels.flip(-1), *beside)
    across = torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(turned.flip(2) * across, points, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(turned_mask.flip(-1), mask, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(turned_scale, scale)


def test_a_converted_checkpoint_says_the_same(
    folder: Path, model: MogeModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    said_so = ["models", "moge-2-small", "--weights", str(folder), "--convert", str(out)]
    assert cli.main(said_so) == 0
    assert "use it with model:=moge-2-small weights:=" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]
    for name, weights in (("moge-2-small", str(out)), (str(out), "")):
        other = models.load(name, weights)
        assert isinstance(other, MogeModel)
        torch.testing.assert_close(said(other), said(model), equal_nan=True)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"model": {}}, "no model_config"),
        ({"model_config": checkpoint.CONFIG, "model": [1]}, "expected tensors by name"),
        ({"model_config": {"a": 1}, "model": {}}, "not MoGe-2's"),
        ({"model_config": {"a": 10**9}, "model": {}}, "expected at most"),
    ],
)
def test_a_file_that_is_not_upstreams_is_refused(held: Any, said: str, tmp_path: Path) -> None:
    torch.save(held, tmp_path / "model.pt")
    with pytest.raises(ModelError, match=said):
        models.load("moge-2-small", str(tmp_path))


def test_a_folder_without_weights_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither model\.safetensors nor model\.pt"):
        models.load("moge-2-small", str(tmp_path))


@pytest.mark.slow
def test_the_published_sizes_pass_the_check_but_for_their_depth(tmp_path: Path) -> None:
    """All channels of the large network, with two layers of its encoder and fewer cells."""
    config = upstream.config(layers=(0, 1), tokens=(64, 64), normal=False)
    weights = upstream.weights(config, 1024, 2)
    torch.save({"model_config": config, "model": weights}, tmp_path / "model.pt")
    report = models.check("moge-2-large", str(tmp_path))
    assert report.input_size == (98, 126)
    sizes = [f"{side} is 112, the registry has 840" for side in ("height", "width")]
    assert report.differences == tuple(sizes), "upstream's default, of fewer cells"
