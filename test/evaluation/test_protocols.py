"""Protocols: which pixels count, and how predictions are completed."""

from pathlib import Path

import numpy as np
import pytest

from depth_ros.cli import evaluate
from depth_ros.errors import SettingError
from depth_ros.evaluation.alignment import Alignment
from depth_ros.evaluation.crops import CROPS
from depth_ros.evaluation.datasets.files import DatasetError
from depth_ros.evaluation.protocols import PROTOCOLS


def test_nyu_counts_the_eigen_crop_between_a_millimetre_and_ten_metres() -> None:
    truth_m = np.full((480, 640), 5, np.float32)
    truth_m[100, 100:103] = (10, 0.001, np.nan)
    counted = PROTOCOLS["nyu"].counted(truth_m)
    assert np.isfinite(counted).sum() == (471 - 45) * (601 - 41) - 3
    assert np.isnan(counted[44, 300])
    assert counted[45, 41] == 5
    assert truth_m[0, 0] == 5, "what was given is left alone"


def test_kitti_counts_the_garg_crop_up_to_eighty_metres() -> None:
    truth_m = np.full((352, 1216), 79.9, np.float32)
    truth_m[200, 600] = 80
    counted = PROTOCOLS["kitti-eigen"].counted(truth_m)
    assert np.isfinite(counted).sum() == (349 - 143) * (1172 - 43) - 1


def test_published_scores_complete_and_clip_the_prediction() -> None:
    depth_m = np.array([[np.nan, np.inf, -1, 0, 5, 200]], np.float32)
    filled = PROTOCOLS["ddad"].filled(depth_m)
    assert filled == pytest.approx(np.array([[1e-3, 80, 1e-3, 1e-3, 5, 80]], np.float32))


def test_own_data_are_scored_at_pixels_with_an_estimate() -> None:
    depth_m = np.array([[np.nan, np.inf, 5]], np.float32)
    assert PROTOCOLS["bag"].filled(depth_m) is depth_m
    assert (
        np.isfinite(PROTOCOLS["bag"].counted(np.array([[0, np.nan, 500]], np.float32))).sum() == 1
    )


@pytest.mark.parametrize("name", sorted(set(PROTOCOLS) - {"rendered", "bag"}))
def test_every_dataset_says_what_it_expects(name: str, tmp_path: Path) -> None:
    protocol = PROTOCOLS[name]
    with pytest.raises(SettingError, match="needs --data"):
        protocol.samples(None)
    with pytest.raises(DatasetError) as caught:
        protocol.samples(tmp_path)
    assert "lacks" in str(caught.value)
    assert protocol.layout in str(caught.value)


def test_the_command_lines_choices_are_the_tables() -> None:
    assert sorted(evaluate.PROTOCOLS) == sorted(PROTOCOLS)
    assert sorted(evaluate.ALIGNMENTS) == sorted(how.value for how in Alignment)
    assert sorted(evaluate.CROPS) == sorted(CROPS)
