"""Reading a preprocessor_config.json."""

from dataclasses import replace
from typing import Any

import pytest

from depth_ros.errors import ModelError
from depth_ros.models import MODELS
from depth_ros.models.depth_anything import DepthAnything
from depth_ros.models.depth_pro import DepthPro
from depth_ros.models.dpt import Dpt
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.preprocessor_config import preprocessing_of
from test.models.checkpoints import DINOV2_PROCESSOR


def test_a_size_of_one_number_is_a_square() -> None:
    ours = preprocessing_of({"size": 384}, Dpt.processor)
    assert (ours.height, ours.width) == (384, 384)


def test_missing_values_of_a_file_are_those_of_the_familys_processor() -> None:
    for defaults in (Preprocessing(), Dpt.processor, DepthPro.processor):
        assert preprocessing_of({}, defaults) == defaults
        nulls = dict.fromkeys(("size", "resample", "image_mean", "ensure_multiple_of", "do_pad"))
        assert preprocessing_of(nulls, defaults) == defaults


def test_statistics_in_levels_equal_statistics_in_shares() -> None:
    entry = MODELS["dpt-dinov2-small-nyu"].preprocessing
    read = preprocessing_of(DINOV2_PROCESSOR, Dpt.processor)
    assert entry is not None
    assert replace(read, height=1, width=1, mean=entry.mean, std=entry.std) == replace(
        entry, height=1, width=1
    )
    assert read.mean == pytest.approx(entry.mean, abs=1e-6)
    assert read.std == pytest.approx(entry.std, abs=1e-6)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"resample": 0}, "resample is 0, expected one of 2, 3"),
        ({"do_pad": True, "size_divisor": 32, "ensure_multiple_of": 14}, "size_divisor is 32"),
    ],
)
def test_unsupported_options_are_refused(config: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        preprocessing_of(config, Dpt.processor)


@pytest.mark.parametrize(
    ("keep", "defaults", "fit"),
    [
        (True, Dpt.processor, "minimal"),
        (False, Dpt.processor, "warp"),
        (None, Dpt.processor, "warp"),
        (True, DepthAnything.processor, "lower_bound"),
        (False, DepthAnything.processor, "warp"),
        (None, DepthAnything.processor, "lower_bound"),
        (False, Preprocessing(), "warp"),
    ],
)
def test_the_family_defines_how_an_aspect_ratio_is_kept(
    keep: bool | None, defaults: Preprocessing, fit: str
) -> None:
    assert preprocessing_of({"keep_aspect_ratio": keep}, defaults).fit == fit
