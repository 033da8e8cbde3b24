"""Every registered model at its published configuration, shrunk in width alone."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module

import pytest
import torch
from transformers import ZoeDepthForDepthEstimation

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.models.dpt import Dpt
from depth_ros.models.preprocessor_config import preprocessing_of
from depth_ros.models.transformers_model import TransformersModel
from test.models import published
from test.models.references import image

pytestmark = pytest.mark.slow

DISTINCT = (
    "zoedepth-nyu",
    "zoedepth-kitti",  # normed bins
    "zoedepth-nyu-kitti",
    "dpt-beit-large-512",
    "dpt-beit-base-384",
    "dpt-swinv2-base-384",  # pretrained_window_sizes
    "dpt-swinv2-tiny-256",
    "dpt-large",
    "dpt-hybrid-midas",
    "dpt-dinov2-small-nyu",  # four stages, sides that do not fit their residuals
    "dpt-dinov2-giant-kitti",  # SwiGLU
    "depth-anything-small",  # the last four layers
    "depth-anything-v2-metric-outdoor-small",
    "depth-pro",  # three scales
    "prompt-depth-anything-small",
    "glpn-nyu",
    *(["tipsv2-base-nyu"] if "tipsv2-base-nyu" in published.NAMES else []),
)
"""One of each architecture."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The folder of a model's random checkpoint."""
    return cache(lambda name: str(published.build(name, tmp_path_factory.mktemp(name))))


@pytest.mark.parametrize("name", DISTINCT)
def test_every_architecture_passes_its_check(
    name: str, built: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("depth_ros.models.check")  # not the function that shares its name
    monkeypatch.setattr(module, "HEIGHT", 120)
    monkeypatch.setattr(module, "WIDTH", 160)
    report = models.check(name, built(name))
    assert report.differences == ()


@pytest.mark.parametrize("name", published.NAMES)
def test_the_registry_agrees_with_the_published_files(name: str) -> None:
    entry, (_, config) = models.MODELS[name], published.config_of(name)
    family = models.FAMILIES[entry.family]
    assert issubclass(family, TransformersModel)
    assert config.model_type == entry.family
    assert family.output_of(config) is entry.output
    family.fix_config(config, entry)
    assert family.max_depth_m_of(config) in (entry.max_depth_m, 0)
    found = preprocessing_of(published.processor_of(name), family.processor)
    assert entry.preprocessing is not None
    # Statistics in levels and in shares are the same but for rounding.
    assert found.mean == pytest.approx(entry.preprocessing.mean)
    assert found.std == pytest.approx(entry.preprocessing.std)
    assert found == replace(entry.preprocessing, mean=found.mean, std=found.std)


@pytest.mark.parametrize("name", published.NAMES)
def test_the_table_counts_the_parameters_of_the_published_network(name: str) -> None:
    counted_m = published.parameters_m(name)
    assert models.MODELS[name].parameters_m == pytest.approx(counted_m, rel=0.005)


@torch.inference_mode()
def test_zoedepth_kitti_has_eight_times_the_range_of_its_config(
    built: Callable[[str], str],
) -> None:
    folder = built("zoedepth-kitti")
    model = models.load("zoedepth-kitti", folder)
    assert model.max_depth_m == 80
    pixels = model.preprocess(torch.from_numpy(image(60, 91))[None])
    as_published = ZoeDepthForDepthEstimation.from_pretrained(folder, dtype=torch.float32)
    assert as_published.config.bin_configurations[0]["max_depth"] == 10
    published_m = as_published(pixels).predicted_depth
    depth_m = model.network(pixels)
    assert isinstance(depth_m, torch.Tensor)
    assert depth_m.max() > 10
    near_m = 1e-3
    expected_m = (published_m - near_m) * (80 - near_m) / (10 - near_m) + near_m
    torch.testing.assert_close(depth_m, expected_m, rtol=1e-3, atol=1e-3)


def test_the_published_file_of_zoedepth_kitti_needs_its_registry_name(
    built: Callable[[str], str],
) -> None:
    with pytest.raises(ModelError, match=r"normed bins up to 10 m.*set model:=zoedepth-kitti"):
        models.load(built("zoedepth-kitti"))


@pytest.mark.parametrize(
    ("name", "far_m"),
    [
        ("zoedepth-kitti", 80),  # normed bins
        ("depth-anything-v2-metric-outdoor-small", 80),  # a sigmoid
        ("zoedepth-nyu", 0),  # softplus has no end
        ("zoedepth-nyu-kitti", 0),
        ("dpt-dinov2-small-nyu", 0),  # nor has ReLU
    ],
)
def test_range_ends_where_a_head_is_bounded(
    name: str, far_m: float, built: Callable[[str], str]
) -> None:
    assert models.load(name, built(name)).max_depth_m == far_m
    assert models.MODELS[name].max_depth_m > 0


@torch.inference_mode()
def test_an_unbounded_head_predicts_beyond_its_training_range(built: Callable[[str], str]) -> None:
    model = models.load("zoedepth-nyu", built("zoedepth-nyu"))
    pixels = model.preprocess(torch.from_numpy(image(60, 91))[None])
    head = model.network.get_submodule("network.metric_head")
    for regressor in (head.seed_bin_regressor, *head.attractors):  # type: ignore[misc]
        regressor.conv2.bias.fill_(15.0)
    depth_m = model.network(pixels)
    assert isinstance(depth_m, torch.Tensor)
    assert depth_m.max() > model.entry.max_depth_m


@torch.inference_mode()
def test_dinov2s_fusion_fits_maps_that_are_not_twice_as_large_as_the_next(
    built: Callable[[str], str],
) -> None:
    model = models.load("dpt-dinov2-small-nyu", built("dpt-dinov2-small-nyu"))
    assert isinstance(model, Dpt)
    rgb = torch.from_numpy(image(64, 91))[None]  # 5x7 patches, of which the next map has 3x4
    raw = model.network(model.preprocess(rgb))
    assert isinstance(raw, torch.Tensor)
    assert raw.shape[-2:] == (96, 128)
    assert model.postprocess(raw, 64, 91).values.shape == (1, 64, 91)
