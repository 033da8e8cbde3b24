"""Heads: from the decoder's maps to depth of the canonical camera, (B, h, w) in metres."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from depth_ros.models.lite.config import LiteConfig

HIDDEN = 32
MIN_DEPTH_M = 1e-3
# Start near the middle of rooms: exp(0.7) = 2 m.
_LOG_START = 0.7


class LogDepthHead(nn.Module):
    """One number per pixel, the logarithm of depth (Eigen et al. 2014)."""

    def __init__(self, channels: int, max_depth_m: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, HIDDEN, 3, padding=1), nn.ReLU(), nn.Conv2d(HIDDEN, 1, 1)
        )
        self._max_depth_m = max_depth_m

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return depth from the finest of the maps, the coarsest first."""
        log_depth = self.layers(maps[-1])[:, 0].float() + _LOG_START
        depth_m: Tensor = log_depth.exp().clamp(MIN_DEPTH_M, self._max_depth_m)
        return depth_m


def head_of(config: LiteConfig) -> nn.Module:
    """Return a new head: from maps, the coarsest first, to depth of the canonical camera."""
    if config.head == "log":
        return LogDepthHead(config.channels, config.max_depth_m)
    from depth_ros.models.lite.bins_head import MetricBinsHead  # its import takes seconds

    return MetricBinsHead(config.channels, config.max_depth_m)
