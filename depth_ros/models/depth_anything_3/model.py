"""Depth Anything 3 as a depth model."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safetensors.torch import load_file

from depth_ros.errors import ModelError
from depth_ros.models import hub, json_file
from depth_ros.models.base import ModelEntry, NetworkFacts, Output, Prediction, Raw
from depth_ros.models.depth_anything_3.entries import PREPROCESSING
from depth_ros.models.depth_anything_3.network import DepthAnything3Net
from depth_ros.models.own_checkpoint import CONFIG, WEIGHTS
from depth_ros.models.transformers_model import TransformersModel

_OUTPUTS = {"da3metric-large": Output.METRIC_DEPTH, "da3mono-large": Output.AFFINE_DEPTH}
_LAYERS = (4, 11, 17, 23)
_CANONICAL_F_PX = 300.0
_SKY = 0.3
"""Values from this threshold on are sky, as in upstream's compute_sky_mask()."""


class DepthAnything3(TransformersModel):
    """A checkpoint of DA3METRIC or DA3MONO, read by this package and used like other models.

    Metres are f out / 300, with the focal length f in pixels of the network's input of any size.
    Sky is beyond range: +inf; upstream gives it the depth of the farthest other pixels.
    """

    cell = 14
    raw_names = ("log_depth", "sky")

    @classmethod
    def load(cls, entry: ModelEntry) -> DepthAnything3:
        """Load a checkpoint from a folder, the hub's cache or the hub.

        Raises:
            ModelError: its files do not match, or its output differs from its entry.
        """
        said = cls.config_of(entry.source, entry.revision)
        output = cls.output_of(said)
        if output is not entry.output:
            raise ModelError(f"the checkpoint gives {output.value}, expected {entry.output.value}")
        weights = hub.required(entry.source, WEIGHTS, entry.revision)
        network = DepthAnything3Net.of_weights(load_file(weights), _layers(said))
        metric = output is Output.METRIC_DEPTH
        facts = NetworkFacts(PREPROCESSING, training_f_px=_CANONICAL_F_PX if metric else None)
        return cls(entry, network, facts)

    @classmethod
    def recognises(cls, said: Mapping[str, Any]) -> bool:
        """Return whether a config.json names one of these checkpoints; see Family."""
        return said.get("model_name") in _OUTPUTS

    @staticmethod
    def config_of(source: str, revision: str = "main") -> dict[str, Any]:
        """Return the contents of a checkpoint's config.json.

        Raises:
            ModelError: it is missing, or belongs to another model.
        """
        path = hub.required(source, CONFIG, revision)
        said = json_file.read(path)
        if said.get("model_name") not in _OUTPUTS:
            raise ModelError(
                f"{path} is of model '{said.get('model_name')}', expected {' or '.join(_OUTPUTS)}"
            )
        return said

    @staticmethod
    def output_of(config: Any) -> Output:
        """Return the kind of output of a checkpoint of this model_name."""
        return _OUTPUTS[config["model_name"]]

    def at_size(self, height: int, width: int) -> DepthAnything3:
        """Return the same model, sharing the network; its canonical focal length is unchanged."""
        other = copy.copy(self)
        other.preprocessing = replace(self.preprocessing, height=height, width=width)
        return other

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        """Upsample depth to the image, and set the sky to +inf."""
        assert isinstance(raw, tuple)
        log_depth, sky = raw
        depth = self.preprocessing.restore(log_depth.exp(), height, width, mode="bilinear")
        covered = self.preprocessing.restore(sky.relu(), height, width, mode="bilinear") >= _SKY
        return Prediction(depth.masked_fill(covered, math.inf), self.entry.output)


def _layers(said: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the layers used by the head: upstream's, unless config.json has others."""
    try:
        layers = said["config"]["net"]["out_layers"]
    except (KeyError, TypeError):
        return _LAYERS
    if not isinstance(layers, list) or len(layers) != 4 or not all(type(n) is int for n in layers):
        raise ModelError(f"out_layers is {layers!r}, expected four integers")
    return tuple(layers)
