"""Train a small metric network on rendered scenes, repeatably and resumably."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from depth_ros.training import losses
from depth_ros.training.render import random_frames
from depth_ros.training.scenes import Robot

CHECKPOINT = "checkpoint.pt"
TRAINING = "training.json"
_POOL_FRAMES = 1024


@dataclass(frozen=True)
class TrainConfig:
    """What a training run depends on; it is saved beside the weights.

    Attributes:
        steps: optimiser steps.
        batch: frames per step.
        fresh: newly rendered frames per step; the rest of a batch was rendered earlier.
        learning_rate: the peak, after a warm-up over warmup of the steps, before a cosine decay.
        gradient_weight: weight of the log-depth gradient term beside SILog.
        mean_weight: how much SILog cares for scale, see losses.silog.
        affine_weight: weight of the scale-and-shift-invariant loss on inverse depth, which teaches
            shape where labels are right up to scale and shift.
        seed: start weights and every rendered frame follow from it.
        checkpoint_every: steps between checkpoints.
    """

    steps: int = 6500
    batch: int = 16
    fresh: int = 4
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    gradient_weight: float = 0.5
    mean_weight: float = 0.5
    affine_weight: float = 0.0
    ema: float = 0.999
    clip: float = 1.0
    seed: int = 0
    checkpoint_every: int = 500


class FramePool:
    """The newest rendered frames, of which every step draws a batch and replaces a few.

    Rendering costs about as much as a training step, so a frame is used several times. What the
    pool holds at a step depends on seed and step alone: a resumed run sees the same frames.
    """

    def __init__(
        self, config: TrainConfig, robot: Robot, width: int, height: int, start: int
    ) -> None:
        self._config, self._robot, self._size = config, robot, (width, height)
        self._rgb = torch.zeros(_POOL_FRAMES, height, width, 3, dtype=torch.uint8)
        self._depth_m = torch.zeros(_POOL_FRAMES, height, width)
        self._f_px = torch.zeros(_POOL_FRAMES)
        rounds = _POOL_FRAMES // config.fresh
        for step in tqdm(range(start - rounds, start), desc="first frames", leave=False):
            self._refresh(step)

    def _refresh(self, step: int) -> None:
        # Seeds are non-negative; the pool's first rounds lie before step 0.
        rng = np.random.default_rng((self._config.seed, step + _POOL_FRAMES))
        frames, cameras = random_frames(rng, self._robot, *self._size, self._config.fresh)
        first = step * self._config.fresh % _POOL_FRAMES
        slots = torch.arange(first, first + self._config.fresh) % _POOL_FRAMES
        self._rgb[slots] = frames.rgb
        self._depth_m[slots] = frames.depth_m
        self._f_px[slots] = torch.tensor([camera.f_px for camera in cameras], dtype=torch.float32)

    def draw(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return rgb uint8 (B, H, W, 3), depth_m (B, H, W) and f_px (B,) of a step's batch."""
        self._refresh(step)
        generator = torch.Generator().manual_seed(self._config.seed * 1_000_003 + step)
        chosen = torch.randint(_POOL_FRAMES, (self._config.batch,), generator=generator)
        rgb, depth_m = self._rgb[chosen], self._depth_m[chosen]
        mirrored = torch.rand(self._config.batch, generator=generator) < 0.5
        rgb[mirrored], depth_m[mirrored] = rgb[mirrored].flip(2), depth_m[mirrored].flip(2)
        return _jitter(rgb, generator), depth_m, self._f_px[chosen]


def _jitter(rgb: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with random brightness, contrast and colour balance."""
    count = len(rgb)
    gain = 1 + 0.3 * (torch.rand(count, 1, 1, 3, generator=generator) - 0.5)
    gain = gain * (1 + 0.5 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5))
    power = 1 + 0.5 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    return (255 * (rgb / 255 * gain).clamp(0, 1) ** power).to(torch.uint8)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Return the learning rate at a step: linear warm-up, then a cosine down to 1 %."""
    warmup = max(1, round(config.warmup * config.steps))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, config.steps - warmup)
    return config.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def total_loss(depth_m: Tensor, truth_m: Tensor, config: TrainConfig) -> Tensor:
    """Return the weighted sum of a run's losses over the pixels with truth.

    SILog, log-gradient matching and, where it has weight, the affine-invariant loss.
    """
    valid = torch.isfinite(truth_m) & (truth_m > 0)
    depth_m, truth_m = depth_m.float() + 1e-6, truth_m.masked_fill(~valid, 1.0) + 1e-6
    residual = (torch.log(depth_m) - torch.log(truth_m)).masked_fill(~valid, 0)
    loss = losses.silog(depth_m, truth_m, valid, config.mean_weight)
    loss = loss + config.gradient_weight * losses.gradient(residual, valid)
    if config.affine_weight:
        affine = losses.affine_invariant(1 / depth_m, 1 / truth_m, valid)
        loss = loss + config.affine_weight * affine
    return loss


class Trainer:
    """One training run of a network whose input size, normalisation and focal length are fixed.

    The network learns depth as if every camera had its training focal length: truth is multiplied
    by f_training / f_camera, and inference multiplies by the inverse (the canonical camera of
    Metric3D, arXiv 2307.10984). What is left to learn does not depend on the lens.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainConfig,
        width: int,
        height: int,
        training_f_px: float,
        out: Path,
        device: str = "cpu",
        robot: Robot | None = None,
    ) -> None:
        self.network = network.to(device).train()
        # Convolutions on the CPU are faster with channels last.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {
            name: value.detach().clone() for name, value in network.state_dict().items()
        }
        self.config, self.out, self.device = config, out, device
        self._robot, self._size, self._f_px = robot or Robot(), (width, height), training_f_px
        decayed = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
        )
        self.step = 0

    def run(self) -> nn.Module:
        """Train to the last step, from the checkpoint if there is one; return averaged weights."""
        self.out.mkdir(parents=True, exist_ok=True)
        self._resume()
        said = {**asdict(self.config), "robot": asdict(self._robot)}
        (self.out / TRAINING).write_text(json.dumps(said, indent=2) + "\n")
        pool = FramePool(self.config, self._robot, *self._size, start=self.step)
        bar = tqdm(total=self.config.steps, initial=self.step, desc="train", unit="step")
        smooth = math.nan
        while self.step < self.config.steps:
            loss = self._advance(*pool.draw(self.step))
            smooth = loss if math.isnan(smooth) else 0.98 * smooth + 0.02 * loss
            bar.set_postfix(loss=f"{smooth:.3f}", refresh=False)
            bar.update()
            if self.step % self.config.checkpoint_every == 0:
                self._checkpoint()
        bar.close()
        self._checkpoint()
        self.network.load_state_dict(self.average)
        self.network.eval()
        return self.network

    def _advance(self, rgb: Tensor, depth_m: Tensor, f_px: Tensor) -> float:
        pixels = rgb.to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        truth = (depth_m * (self._f_px / f_px)[:, None, None]).to(self.device)
        depth = self.network(pixels).predicted_depth
        loss = total_loss(depth, truth, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        # One degenerate batch must not destroy hours of training.
        if torch.isfinite(norm + loss.detach()):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.config, self.step)
            self.optimizer.step()
            self._update_average()
        self.step += 1
        return float(loss.detach())

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def _checkpoint(self) -> None:
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        partial = self.out / (CHECKPOINT + ".part")
        torch.save(state, partial)
        partial.replace(self.out / CHECKPOINT)

    def _resume(self) -> None:
        path = self.out / CHECKPOINT
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
