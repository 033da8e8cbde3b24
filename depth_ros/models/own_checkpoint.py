"""Checkpoints of this package's own networks: config.json and model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.models import hub, json_file

CONFIG, WEIGHTS = "config.json", "model.safetensors"

Network = TypeVar("Network", bound=nn.Module)


def check_fields(config: Any) -> None:
    """Refuse a configuration (a dataclass) with a field whose type differs from its default's.

    Raises:
        ModelError: it has such a field.
    """
    for field in fields(config):
        json_file.check_field(field.name, getattr(config, field.name), field.default)


def save_config(config: Any, model_type: str, folder: Path) -> None:
    """Write the config.json of a configuration (a dataclass)."""
    content = {"model_type": model_type, **asdict(config)}
    (folder / CONFIG).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def values_of(content: dict[str, Any], model_type: str, config: Any) -> dict[str, Any]:
    """Return the fields of a configuration (a dataclass) from a config.json.

    Raises:
        ModelError: it is of another model, or has an unknown field.
    """
    values = dict(content)
    kind = values.pop("model_type", None)
    unknown = sorted(values.keys() - {field.name for field in fields(config)})
    if kind != model_type or unknown:
        raise ModelError(
            f"config.json is of type '{kind}' with unknown fields {unknown}, "
            f"expected '{model_type}' and none"
        )
    return values


def save_weights(network: nn.Module, folder: Path) -> None:
    """Write a network's weights in float16; the rounding is far below the network's error."""
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a network, which may be on the meta device, its weights in float32; others are left out.

    Raises:
        ModelError: one is missing, or of another shape.
    """
    expected = network.state_dict()
    missing = sorted(expected.keys() - weights.keys())
    if missing:
        raise ModelError(f"it lacks {len(missing)} weights, {missing[0]} the first of them")
    for name, each in expected.items():
        if weights[name].shape != each.shape:
            found, wanted = ("x".join(map(str, it.shape)) for it in (weights[name], each))
            raise ModelError(f"its {name} is {found}, expected {wanted}")
    network.load_state_dict({name: _float32(weights[name]) for name in expected}, assign=True)


def _float32(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def load(make: Callable[[dict[str, Any]], Network], source: str | Path, revision: str) -> Network:
    """Load a checkpoint from a folder, the hub's cache or the hub, in float32.

    Args:
        make: returns the untrained network of a config.json.
        source: folder or hub id.
        revision: of the hub.

    Raises:
        ModelError: it is of another model, or its weights do not match its configuration.
        OSError: it does not exist.
    """
    config, weights = (hub.required(str(source), name, revision) for name in (CONFIG, WEIGHTS))
    network = make(json_file.read(config))
    try:
        found = load_file(weights)
        if unknown := sorted(found.keys() - network.state_dict().keys()):
            raise ModelError(
                f"it has {len(unknown)} unknown weights, {unknown[0]} the first of them"
            )
        fill(network, found)
    except ModelError as error:
        raise ModelError(f"its weights do not fit its config.json: {error}") from error
    return network.eval()
