"""Confidence after calibration: on average, the share of pixels that are right."""

import math

import pytest
import torch

from depth_ros.geometry.depth import RIGHT
from depth_ros.models.grin.confidence import within
from depth_ros.training import calibration, frames
from depth_ros.training.calibration import spread_gain
from depth_ros.training.frames import Batch, FramePool
from depth_ros.training.scenes import Robot
from test.models.grin import small


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    monkeypatch.setattr(frames, "_POOL_FRAMES", 16)
    monkeypatch.setattr(calibration, "_PIXELS", 200)
    pool = FramePool(0, Robot(), small.CONFIG.width, small.CONFIG.height, fresh=4, batch=4)
    pool.start(0)
    return [pool.draw(step) for step in range(2)]


def test_mean_confidence_is_the_share_of_right_pixels(batches: list[Batch]) -> None:
    network = small.network()
    gain = spread_gain(network, batches)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        pairs = [calibration._errors_and_spreads(network, b, generator) for b in batches]
    errors, spreads = (torch.cat(part) for part in zip(*pairs, strict=True))
    share = float((errors < math.log(RIGHT)).float().mean())
    assert 0 < share < 1
    assert float(within(spreads * gain).mean()) == pytest.approx(share, abs=1e-3)


def test_it_is_the_same_every_time(batches: list[Batch]) -> None:
    network = small.network()
    assert spread_gain(network, batches) == spread_gain(network, batches)
