"""Every family: from an image to values at its size, against transformers' own code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, Output, Raw
from depth_ros.models.dpt import Dpt
from depth_ros.models.mirrored import Mirrored
from depth_ros.models.transformers_model import TransformersModel
from depth_ros.runtimes.torch_runtime import TorchRuntime
from test.models.checkpoints import FAMILIES, build, dinov2
from test.models.references import image, processor

# A network that denoises answers in several runs of its parts, and others want to know the camera:
# see grin and moge.
AT_ONCE = [family for family in FAMILIES if family not in ("grin", "moge")]
DPT_LIKE = [family for family in FAMILIES if family.startswith(("dpt", "depth-anything"))]
METRIC = {"dpt-dinov2", "depth-anything-metric", "prompt-depth-anything"}
METRIC |= {
    "glpn",
    "da3",
    "tipsv2",
    "zoedepth",
    "zoedepth-nk",
    "zoedepth-lite",
    "depth-pro",
    "depth-pro-without-fov",
}
BOUNDED_M = {"depth-anything-metric": 20, "zoedepth-lite": 20, "tipsv2": 10, "glpn": 10}


def inputs(model: DepthModel, rgb: npt.NDArray[np.uint8]) -> tuple[torch.Tensor, ...]:
    """Return the network's inputs for one image; the prompt is a floor."""
    pixels = model.preprocess(torch.from_numpy(rgb)[None])
    if model.prompt_size is None:
        return (pixels,)
    height, width = model.prompt_size
    return pixels, torch.linspace(4, 1, height)[:, None].repeat(1, width)[None, None]


def answer(model: DepthModel, rgb: npt.NDArray[np.uint8]) -> models.Prediction:
    with torch.inference_mode():
        return model.postprocess(model.network(*inputs(model, rgb)), *rgb.shape[:2])


def network(model: DepthModel, folder: Path) -> Any:
    assert isinstance(model, TransformersModel)
    return getattr(transformers, model.network_class).from_pretrained(folder, dtype=torch.float32)


@pytest.mark.parametrize("family", AT_ONCE)
def test_every_family_answers_with_values_that_vary_at_the_images_size(
    family: str, built: Callable[[str], Path]
) -> None:
    model = models.load(str(built(family)))
    prediction = answer(model, image(90, 131))
    values = prediction.values
    assert values.shape == (1, 90, 131)
    assert values.dtype == torch.float32
    assert values.isfinite().all()
    assert values.max() - values.min() > 0.1 * values.mean()
    metric = Output.METRIC_DEPTH if family in METRIC else Output.AFFINE_INVERSE_DEPTH
    assert prediction.output is model.entry.output is metric
    assert model.max_depth_m == BOUNDED_M.get(family, 0)
    assert (model.prompt_size is not None) == (family == "prompt-depth-anything")


@pytest.mark.parametrize("family", DPT_LIKE)
@pytest.mark.parametrize(("height", "width"), [(48, 64), (61, 91), (140, 85)], ids=str)
def test_values_agree_with_transformers(
    family: str, height: int, width: int, built: Callable[[str], Path]
) -> None:
    folder = built(family)
    ours, theirs = models.load(str(folder)), processor(folder)
    assert isinstance(ours, TransformersModel)
    if family.startswith("depth-anything"):
        ours = ours.with_fit("minimal")  # whose size its authors do not take
    rgb = image(height, width)
    pixels = theirs(images=rgb, return_tensors="pt", input_data_format="channels_last")
    with torch.inference_mode():
        outputs = network(ours, folder)(**pixels)
        raw = ours.network(pixels["pixel_values"])
    # transformers stretches the padded map over the image; it belongs to the padded image.
    padded = ours.preprocessing.padded_size(height, width)
    top, left = ours.preprocessing.padding(height, width)
    expected = theirs.post_process_depth_estimation(outputs, target_sizes=[padded])
    expected = expected[0]["predicted_depth"][top : top + height, left : left + width]
    values = ours.postprocess(raw, height, width).values[0]
    torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-5)
    # And from our own pixels, which are off by a grey level here and there.
    error = (answer(ours, rgb).values[0] - expected).abs()
    assert error.mean() < 0.02 * expected.std()


@pytest.mark.parametrize("family", ["dpt-beit", "dpt-swinv2"])
def test_midas_may_keep_the_aspect_ratio_as_upstream_does(
    family: str, built: Callable[[str], Path]
) -> None:
    model = models.load(str(built(family)))
    kept = model.with_fit("minimal")
    assert kept.network is model.network
    rgb = image(96, 200)
    assert model.preprocess(torch.from_numpy(rgb)[None]).shape[-2:] == (64, 64)
    assert kept.preprocess(torch.from_numpy(rgb)[None]).shape[-2:] == (64, 128)
    assert answer(kept, rgb).values.shape == (1, 96, 200)


def test_another_fit_leaves_the_focal_length_of_training(built: Callable[[str], Path]) -> None:
    folder = str(built("depth-anything-metric"))
    model = models.load("depth-anything-v2-metric-indoor-small", folder)
    kept = model.with_fit("minimal")
    assert kept.training_f_px == model.training_f_px
    wide = Camera.from_fov(64, 36, 60.0)
    assert kept.network_f_px(wide) < 0.8 * model.network_f_px(wide)


@pytest.mark.parametrize("family", ["depth-pro", "dpt-dinov2", "dpt-vit", "dpt-hybrid", "grin"])
def test_a_network_with_only_one_fit_refuses_others(
    family: str, built: Callable[[str], Path]
) -> None:
    with pytest.raises(ModelError, match=r"one way only, expected image\.fit:=auto"):
        models.load(str(built(family))).with_fit("minimal")


@pytest.mark.parametrize(
    ("add_projection", "output"),
    [(True, Output.METRIC_DEPTH), (False, Output.AFFINE_INVERSE_DEPTH)],
)
def test_only_dinov2s_own_heads_are_metric(add_projection: bool, output: Output) -> None:
    config = transformers.DPTConfig(backbone_config=dinov2(), add_projection=add_projection)
    assert Dpt.output_of(config) is output


@pytest.mark.parametrize("family", AT_ONCE)
def test_a_batch_is_its_images(family: str, built: Callable[[str], Path]) -> None:
    if family == "zoedepth-nk":
        pytest.skip("chooses one head for a batch, see test_zoedepth.py")
    model = models.load(str(built(family)))
    one, other = image(60, 91), image(60, 91)[::-1].copy()
    apart = [inputs(model, rgb) for rgb in (one, other)]
    with torch.inference_mode():
        together = model.network(*map(torch.cat, zip(*apart, strict=True)))
        for index, single in enumerate(apart):
            expected = model.postprocess(model.network(*single), 60, 91).values[0]
            values = model.postprocess(together, 60, 91).values[index]
            torch.testing.assert_close(values, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("family", ["dpt-swinv2", "prompt-depth-anything", "depth-pro"])
def test_the_mirrored_average_does_not_see_left_from_right(
    family: str, built: Callable[[str], Path]
) -> None:
    model = models.load(str(built(family)))
    mirrored = Mirrored(TorchRuntime(model.network, "cpu"))
    given = inputs(model, image(64, 91))
    with torch.inference_mode():
        raw = mirrored(*given)
        turned: Raw = mirrored(*(part.flip(-1) for part in given))
    assert model.postprocess(raw, 64, 91).values.shape == (1, 64, 91)
    for one, other in zip(as_tuple(raw), as_tuple(turned), strict=True):
        expected = other.flip(-1) if other.ndim > 1 else other
        torch.testing.assert_close(one, expected)


def as_tuple(raw: Raw) -> tuple[torch.Tensor, ...]:
    return raw if isinstance(raw, tuple) else (raw,)


@pytest.mark.parametrize("family", ["dpt-beit", "depth-anything-metric", "depth-pro"])
def test_weights_that_are_missing_are_not_made_up(family: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    build(family, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    name = next(name for name in weights if "fusion_stage" in name and "projection" in name)
    del weights[name]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks 1 weights"):
        models.load(str(tmp_path))


def test_weights_that_no_network_uses_may_be_missing(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    build("dpt-vit", tmp_path)
    expected = answer(models.load(str(tmp_path)), image(60, 91)).values
    weights = load_file(tmp_path / "model.safetensors")
    unused = [name for name in weights if "fusion_stage.layers.0.residual_layer1" in name]
    assert unused
    kept = {name: value for name, value in weights.items() if name not in unused}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    values = answer(models.load(str(tmp_path)), image(60, 91)).values
    torch.testing.assert_close(values, expected)


def test_float16_weights_of_a_checkpoint_are_run_in_float32(built: Callable[[str], Path]) -> None:
    model = models.load(str(built("depth-anything")))
    assert {parameter.dtype for parameter in model.network.parameters()} == {torch.float32}
