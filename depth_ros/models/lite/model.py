"""zoedepth-lite as a depth model."""

from __future__ import annotations

from depth_ros.models.base import ModelEntry, NetworkFacts
from depth_ros.models.lite.config import LiteConfig, preprocessing_of
from depth_ros.models.lite.network import ZoeDepthLite
from depth_ros.models.transformers_model import TransformersModel


class LiteModel(TransformersModel):
    """A checkpoint of zoedepth-lite, in this package's own format."""

    @classmethod
    def load(cls, entry: ModelEntry) -> LiteModel:
        """Load a checkpoint from a folder, the hub's cache or the hub.

        Raises:
            ModelError: its files do not match each other.
        """
        network = ZoeDepthLite.from_pretrained(entry.source, entry.revision)
        config = network.config
        facts = NetworkFacts(preprocessing_of(config), config.max_depth_m, config.training_f_px)
        return cls(entry, network, facts)

    @staticmethod
    def config_of(source: str, revision: str = "main") -> LiteConfig:
        """Return the configuration of a checkpoint."""
        return LiteConfig.load(source, revision)

    @staticmethod
    def max_depth_m_of(config: LiteConfig) -> float:
        """Return the end of the range."""
        return config.max_depth_m
