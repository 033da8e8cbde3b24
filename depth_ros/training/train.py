"""Train a network; runs are reproducible and can be resumed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from depth_ros.errors import ModelError, one_line
from depth_ros.input_files import regular
from depth_ros.training.frames import Batch, Frames
from depth_ros.training.run_folder import run_folder

CHECKPOINT = "checkpoint.pt"
TRAINING = "training.json"
_SHOWN_EVERY = 10

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class TrainConfig:
    """Parameters of a training run, saved with the weights.

    Attributes:
        steps: optimiser steps.
        batch: frames per step.
        fresh: newly rendered frames per step; the rest of a batch was rendered earlier.
        learning_rate: the peak, after a linear warm-up over the share `warmup` of the steps and
            before a cosine decay.
        ema: decay of the averaged weights, which are the result.
        clip: maximum norm of the gradients.
        bf16: use autocast to bfloat16.
        seed: determines initial weights and every rendered frame.
        checkpoint_every: steps between checkpoints.
        validate_every: steps between validations; the best averaged weights are kept.
        rates: factors on the learning rate, by prefix of parameters' names.
    """

    steps: int = 6500
    batch: int = 16
    fresh: int = 4
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    ema: float = 0.999
    clip: float = 1.0
    bf16: bool = False
    seed: int = 0
    checkpoint_every: int = 500
    validate_every: int = 250
    rates: Mapping[str, float] = field(default_factory=dict)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Return the learning rate at a step: linear warm-up, then a cosine down to 1 %."""
    warmup = max(1, round(config.warmup * config.steps))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, config.steps - warmup)
    return config.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


class Trainer(Generic[Network]):
    """One training run.

    Args:
        network: the network to train.
        objective: returns the loss of a network on a batch; uses only the generator given.
        frames: the source of batches.
        config: of the run.
        out: folder of checkpoints and training.json.
        device: where to train.
        facts: parameters of the run in addition to config, for training.json.
        validate: returns the error of a network; the best averaged weights are kept.
    """

    def __init__(
        self,
        network: Network,
        objective: Callable[[Network, Batch, torch.Generator], Tensor],
        frames: Frames,
        config: TrainConfig,
        out: Path,
        device: str = "cpu",
        facts: dict[str, Any] | None = None,
        validate: Callable[[Network], float] | None = None,
    ) -> None:
        self.network = network.to(device).train()
        # Convolutions on the CPU are faster with channels last.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {
            name: value.detach().clone() for name, value in network.state_dict().items()
        }
        self.config, self.out, self.device = config, out, device
        self._objective, self._frames, self._facts = objective, frames, facts or {}
        self._validate = validate
        self.optimizer = torch.optim.AdamW(_groups(network, config), fused=True)
        # Used only because it skips steps with gradients that are not finite without
        # synchronisation; its scale does not matter.
        self._finite = torch.amp.GradScaler(torch.device(device).type, 1.0, growth_interval=2**30)
        self.step = 0
        self.best: dict[str, Any] = {}
        self.history: list[tuple[int, float]] = []

    def run(self) -> Network:
        """Train to the last step, from the checkpoint if there is one; return averaged weights."""
        run_folder(self.out).begin()
        self._resume()
        facts = {**asdict(self.config), **self._facts}
        (self.out / TRAINING).write_text(json.dumps(facts, indent=2) + "\n")
        self._frames.start(self.step)
        bar = tqdm(total=self.config.steps, initial=self.step, desc="train", unit="step")
        smooth = None
        while self.step < self.config.steps:
            loss = self._advance(self._frames.draw(self.step))
            smooth = loss if smooth is None else smooth.lerp(loss, 0.02)
            if self.step % _SHOWN_EVERY == 0:
                bar.set_postfix(loss=f"{float(smooth):.3f}", refresh=False)
            bar.update()
            if self.step % self.config.validate_every == 0:
                self._judge(bar)
            if self.step % self.config.checkpoint_every == 0:
                self._checkpoint()
        bar.close()
        self._judge(bar)
        self._checkpoint()
        self.network.load_state_dict(self.best["weights"] if self.best else self.average)
        self.network.eval()
        return self.network

    def _judge(self, bar: Any) -> None:
        """Validate the averaged weights, and keep them if they are the best so far."""
        if self._validate is None or (self.history and self.history[-1][0] == self.step):
            return
        trained = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        error = self._validate(self.network)
        self.network.load_state_dict(trained)
        self.history.append((self.step, error))
        bar.write(f"step {self.step}: validation error {error:.4f}")
        if not self.best or error < self.best["error"]:
            weights = {name: value.clone() for name, value in self.average.items()}
            self.best = {"error": error, "step": self.step, "weights": weights}

    def _advance(self, batch: Batch) -> Tensor:
        """Take a step and return its loss, without synchronisation."""
        batch = batch.to(self.device)
        seed = self.config.seed * 1_000_003 + self.step
        # On the CPU, so that random numbers do not depend on the device.
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # of layers that drop at random
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self.config.bf16):
            loss = self._objective(self.network, batch, generator)
        self.optimizer.zero_grad(set_to_none=True)
        self._finite.scale(loss).backward()
        self._finite.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * learning_rate(self.config, self.step)
        self._finite.step(self.optimizer)
        self._finite.update()
        self._update_average()
        self.step += 1
        return loss.detach()

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
            "best": self.best,
            "history": self.history,
        }
        partial = self.out / (CHECKPOINT + ".part")
        torch.save(state, partial)
        partial.replace(self.out / CHECKPOINT)

    def _resume(self) -> None:
        path = self.out / CHECKPOINT
        if not path.exists():
            return
        try:
            state = torch.load(regular(path), map_location=self.device, weights_only=True)
            self.step = state["step"]
            self.network.load_state_dict(state["network"])
            self.average = state["average"]
            self.best, self.history = state["best"], state["history"]
            self.optimizer.load_state_dict(state["optimizer"])
        except Exception as error:  # pickle, zipfile and torch raise what they like
            raise ModelError(
                f"{path} cannot be continued, expected the checkpoint of a run of the same "
                f"network: {type(error).__name__}: {one_line(error)}"
            ) from error


def _groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Return the optimiser's parameter groups: weight decay for matrices only, and rates."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        rate = next((rate for start, rate in config.rates.items() if name.startswith(start)), 1.0)
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((decay, rate), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "rate": rate}
        for (decay, rate), parameters in groups.items()
    ]
