"""Sizes of the network's input, against the authors' own rules."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from depth_ros.models import MODELS
from depth_ros.models.dpt import Dpt
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.preprocessor_config import preprocessing_of
from test.models.checkpoints import DEPTH_ANYTHING_PROCESSOR


def test_sizes_are_multiples_and_the_least_scaled_side_decides() -> None:
    ours = Preprocessing(height=384, width=512, multiple=32)
    assert ours.network_size(480, 640) == (384, 512)
    # 384/400 is nearer to one than 512/1000: the height decides, the width follows.
    assert ours.network_size(400, 1000) == (384, 960)


def lower_bound(height: int, width: int, side: int, multiple: int) -> tuple[int, int]:
    """Depth Anything's own Resize: resize_method lower_bound, ensure_multiple_of, min_val."""
    scale = max(side / height, side / width)

    def rounded(length: float) -> int:
        nearest = int(np.round(length / multiple)) * multiple
        return nearest if nearest >= side else int(np.ceil(length / multiple)) * multiple

    return rounded(scale * height), rounded(scale * width)


@given(st.integers(20, 3000), st.integers(20, 3000))
def test_depth_anything_sees_images_at_its_authors_size(height: int, width: int) -> None:
    for name in ("depth-anything-v2-small", "depth-anything-v2-metric-outdoor-large"):
        ours = MODELS[name].preprocessing
        assert ours is not None
        assert ours.network_size(height, width) == lower_bound(height, width, 518, 14)


def test_small_wide_images_are_not_shown_smaller_than_the_network_was_trained() -> None:
    ours = MODELS["depth-anything-v2-small"].preprocessing
    assert ours is not None
    assert ours.network_size(360, 640) == (518, 924)
    assert replace(ours, fit="minimal").network_size(360, 640) == (294, 518), "transformers' own"
    assert ours.network_size(480, 640) == (518, 686), "where the two agree"


def test_no_image_is_too_flat_for_a_network() -> None:
    ours = preprocessing_of(DEPTH_ANYTHING_PROCESSOR, Dpt.processor)
    pixels = ours(torch.zeros(1, 2, 640, 3, dtype=torch.uint8))
    assert pixels.shape[-2] >= 14
