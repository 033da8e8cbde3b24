"""Reduce flicker: estimate the jitter of a network's scale from frame to frame, and remove it.

Depth of neighbouring frames differs by real motion, and by the network's scale, which varies from
image to image. The median over the image of the log ratio of the two contains both. Real motion is
smooth: a robot approaches a wall at a rate that hardly changes. Jitter of the scale is white.
"""

from __future__ import annotations

import base64
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from depth_ros.errors import ScaleError
from depth_ros.scale.filter import FLOOR

_S_PER_NS = 1e-9

_GAP_S = 1.0
"""After a gap of this length the motion of the scene is unknown."""

_SAMPLES_ACROSS = 40
"""Maximum number of samples per row and column: medians need no more."""

_LEAST_SHARE = 0.1
"""Minimum share of the samples that have depth in both frames."""

_OTHER_SCENE = 6 * FLOOR
"""Change of log depth between frames, or its spread over the image, that jitter cannot explain.

Jitter changes the whole image equally, at most from one end of +-10 % to the other; a robot's
motion adds a few percent. Between unrelated images the spread is larger. From half of this spread
on, as in a fast turn, a frame is not used to measure jitter.
"""

_MOST = 3 * FLOOR
"""Maximum of a log factor: limits the damage if the estimate is wrong."""

_INDEPENDENT = 16
"""Number of independent samples in an image: errors of neighbouring pixels are correlated."""

_FIRST_NOISE = (FLOOR / 2) ** 2
"""Assumed variance of a network's log scale before it is measured."""

_WINDOW = 6.0
"""Number of time constants over which that variance is measured."""

_RATE = 0.2
"""Initial rate of a scene's log depth [1/s] (standard deviation)."""

_DEVIATIONS_PER_RANGE = 1 / 1.349  # standard deviation over interquartile range, if Gaussian


class _State(NamedTuple):
    """State of the filter after a frame, as 0-dimensional tensors.

    Attributes:
        log_factor: of this frame.
        rate: of the scene's log depth [1/s].
        of_level, of_both, of_rate: covariance of log_factor and rate, [1], [1/s] and [1/s^2].
        noise: variance of the network's log scale; its estimate may be below 0.
        ratio: median log ratio of this frame's depth to the last one's; NaN if there is none.
        change: of the ratio, since the last one; NaN if there is none.
    """

    log_factor: Tensor
    rate: Tensor
    of_level: Tensor
    of_both: Tensor
    of_rate: Tensor
    noise: Tensor
    ratio: Tensor
    change: Tensor


class FlickerFilter:
    """Computes a factor for each frame that reduces the flicker of one camera's depth.

    The sum of the log ratios is the scene's motion plus one frame's jitter. A Kalman filter of
    level and rate, with a random walk of the rate, follows the motion; the factor is the difference
    of level and sum. Only this difference is stored, not the sum: so errors of the ratios decay
    with the time constant and do not accumulate.

    The amount of jitter is measured. A motion of constant rate has no second difference of ratios;
    those of white noise of variance s have the variance 6 s, and the autocovariance -4 s at a lag
    of one frame, which a changing motion does not have. If s is 0 the factor is 1: a network
    without jitter is left unchanged.

    It never synchronises with the device.
    """

    def __init__(self) -> None:
        self._logs: Tensor | None = None
        self._state = _begin(torch.device("cpu"))
        self._stamp_ns = self._frames = 0

    def update(self, depth_m: Tensor, stamp_ns: int, time_constant_s: float) -> Tensor:
        """Return the factor for a frame, a 0-dimensional tensor on the device of its depth.

        It is 1 for the first frame, after a jump of time, and after a change of scene.

        Args:
            depth_m: (H, W) z-depth; values that are not finite and positive are ignored.
            stamp_ns: the frame's time.
            time_constant_s: of the filter at a jitter of FLOOR; it is shorter at less jitter.
        """
        logs = _sample(depth_m).log()
        elapsed_s = (stamp_ns - self._stamp_ns) * _S_PER_NS
        before, self._logs, self._stamp_ns = self._logs, logs, stamp_ns
        if before is None or before.shape != logs.shape or not 0 < elapsed_s <= _GAP_S:
            self._state, self._frames = _begin(logs.device), 1
            return self._state.log_factor.exp()
        self._frames += 1
        state = _State(*(part.to(logs.device) for part in self._state))
        # The first product of second differences exists at frame 4: the initial value has the
        # weight of three frames.
        weight = max(1 / self._frames, elapsed_s / (_WINDOW * time_constant_s))
        # This walk of the rate gives the filter its time constant: for small values its gain is
        # sqrt(2 walk elapsed_s / deviation of noise).
        walk = FLOOR * elapsed_s / (2 * time_constant_s**2)
        median, spread = _compare(before.to(logs.device), logs)
        self._state = _step(state, median, spread, elapsed_s, walk, min(weight, 1.0))
        return self._state.log_factor.exp()

    def as_dict(self) -> dict[str, Any]:
        """Return the state in JSON types."""
        logs = torch.empty(0, 0) if self._logs is None else self._logs.cpu()
        state = torch.stack(self._state).tolist()
        return {
            "stamp_ns": self._stamp_ns,
            "frames": self._frames,
            "state": [number if math.isfinite(number) else None for number in state],
            "shape": list(logs.shape),
            "logs": base64.b64encode(logs.numpy().astype("<f4").tobytes()).decode(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state of as_dict().

        Raises:
            ScaleError: it is not such a state.
        """
        try:
            height, width = map(int, state["shape"])
            data = np.frombuffer(base64.b64decode(state["logs"], validate=True), "<f4")
            logs = torch.from_numpy(data.astype(np.float32).reshape(height, width))
            numbers = [math.nan if x is None else float(x) for x in state["state"]]
            parts = _State(*torch.tensor(numbers, dtype=torch.float32).unbind())
            stamp_ns, frames = int(state["stamp_ns"]), int(state["frames"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ScaleError(f"{str(state)[:80]} is not the state of a scale: {error}") from error
        if not (np.isfinite(numbers[:6]).all() and parts.of_level >= 0 and frames >= 0):
            raise ScaleError(f"{numbers} after {frames} frames is not the state of a scale")
        self._logs = logs if logs.numel() else None
        self._state, self._stamp_ns, self._frames = parts, stamp_ns, frames


def _begin(device: torch.device) -> _State:
    start = (0.0, 0.0, _FIRST_NOISE, 0.0, _RATE**2, _FIRST_NOISE, math.nan, math.nan)
    return _State(*(torch.full((), number, device=device) for number in start))


def _sample(depth_m: Tensor) -> Tensor:
    """Return a subset of the pixels, the same for all frames of one size."""
    step = -(-max(depth_m.shape) // _SAMPLES_ACROSS)
    return depth_m[step // 2 :: step, step // 2 :: step].float()


def _compare(before: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
    """Return median and deviation of the log ratio over the image; NaN with too few samples.

    The deviation is computed from the interquartile range.
    """
    ratios = (now - before).flatten()
    known = ratios.isfinite()
    count = known.sum()
    # Not torch.nanmedian, which synchronises with the device.
    ordered = ratios.masked_fill(~known, math.inf).sort().values
    quarters = torch.arange(1, 4, device=ratios.device) * count // 4
    low, median, high = ordered[quarters.clamp(max=len(ratios) - 1)].unbind()
    enough = count >= _LEAST_SHARE * len(ratios)
    # Not where() with a number, whose copy to the device synchronises.
    return median.masked_fill(~enough, math.nan), _DEVIATIONS_PER_RANGE * (high - low)


def _step(
    state: _State, ratio: Tensor, spread: Tensor, elapsed_s: float, walk: float, weight: float
) -> _State:
    """Return the state one frame later.

    Args:
        state: of the frame before.
        ratio, spread: of _compare().
        elapsed_s: between the two.
        walk: random walk of the scene's rate in this time [1/s] (standard deviation).
        weight: of this frame in the measurement of noise.
    """
    clear = ratio.masked_fill(~(spread < _OTHER_SCENE / 2), math.nan)
    change = clear - state.ratio
    measured = (change**2 - 2 * change * state.change) / 14
    same = (ratio.abs() < _OTHER_SCENE) & (spread < _OTHER_SCENE)  # false of NaN
    noise = torch.lerp(state.noise, measured, weight).where(same & measured.isfinite(), state.noise)
    white = noise.clamp(min=0)
    of_rate = state.of_rate + walk**2
    of_both = state.of_both + elapsed_s * of_rate
    of_level = state.of_level + elapsed_s * (state.of_both + of_both) + spread**2 / _INDEPENDENT
    gain, pull = of_level / (of_level + white), of_both / (of_level + white)
    surprise = ratio - elapsed_s * state.rate - state.log_factor
    found = _State(
        log_factor=((gain - 1) * surprise).clamp(-_MOST, _MOST),
        rate=state.rate + pull * surprise,
        of_level=gain * white,
        of_both=(1 - gain) * of_both,
        of_rate=of_rate - pull * of_both,
        noise=noise,
        ratio=clear,
        change=change,
    )
    restarted = _begin(ratio.device)._replace(of_level=white, noise=noise)
    return _State(*(torch.where(same, *pair) for pair in zip(found, restarted, strict=True)))
