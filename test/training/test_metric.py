"""The objective of networks that say metric depth at once."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from depth_ros.training.frames import Batch
from depth_ros.training.metric import MetricDepth


def test_every_weighted_loss_counts() -> None:
    generator = torch.Generator().manual_seed(0)
    depth_m, truth_m = 1 + torch.rand(2, 2, 12, 16, generator=generator)
    truth_m[0, 0, :5] = torch.nan
    plain = MetricDepth(50.0, gradient_weight=0.0)
    silog = float(plain.loss(depth_m, truth_m))
    assert silog > 0
    for changed in (replace(plain, gradient_weight=1.0), replace(plain, affine_weight=1.0)):
        assert float(changed.loss(depth_m, truth_m)) > silog + 0.01


def test_truth_is_that_of_a_camera_of_the_training_focal_length() -> None:
    class Says(nn.Module):
        def forward(self, pixels: Tensor) -> ModelOutput:
            return ModelOutput(predicted_depth=torch.full((2, 12, 16), 2.0))

    batch = Batch(
        torch.zeros(2, 12, 16, 3, dtype=torch.uint8),
        torch.tensor([4.0, 1.0])[:, None, None].expand(2, 12, 16),
        torch.zeros(2, 12, 16, 2),
        torch.tensor([100.0, 25.0]),
    )
    right, wrong = MetricDepth(50.0), MetricDepth(60.0)
    generator = torch.Generator()
    assert right(Says(), batch, generator) < 0.01 < wrong(Says(), batch, generator)
