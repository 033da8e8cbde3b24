"""Checkpoints of this package's own networks: config.json and model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.models import hub, json_file

CONFIG, WEIGHTS = "config.json", "model.safetensors"

Network = TypeVar("Network", bound="OwnNetwork")
Config = TypeVar("Config", bound="OwnConfig")


class OwnConfig:
    """The configuration of an own network, stored as config.json; subclasses are dataclasses.

    Raises:
        ModelError: the type of a field differs from its default's.
    """

    model_type: ClassVar[str]

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # of a dataclass
            json_file.check_field(field.name, getattr(self, field.name), field.default)

    def as_dict(self) -> dict[str, Any]:
        """Return the content of config.json."""
        return {"model_type": self.model_type, **vars(self)}

    @classmethod
    def from_dict(cls: type[Config], content: Mapping[str, Any]) -> Config:
        """Return the configuration in a config.json.

        Raises:
            ModelError: it is of another model, or has an unknown field.
        """
        values = dict(content)
        kind = values.pop("model_type", None)
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]  # of a dataclass
        unknown = sorted(values.keys() - known)
        if kind != cls.model_type or unknown:
            raise ModelError(
                f"config.json is of type '{kind}' with unknown fields {unknown}, "
                f"expected '{cls.model_type}' and none"
            )
        return cls(**values)

    @classmethod
    def load(cls: type[Config], source: str | Path, revision: str = "main") -> Config:
        """Return the configuration of a checkpoint in a folder, the hub's cache or the hub."""
        return cls.from_dict(json_file.read(hub.required(str(source), CONFIG, revision)))


class OwnNetwork(nn.Module):
    """A network that is made from its configuration; subclasses set config_class.

    Attributes:
        config: the configuration.
    """

    config_class: ClassVar[type[OwnConfig]]
    config: Any

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    def save_pretrained(self, folder: Path) -> None:
        """Write config.json, and the weights in float16.

        The rounding is far below the network's error.
        """
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(self.config.as_dict(), indent=2, sort_keys=True)
        (folder / CONFIG).write_text(content + "\n")
        weights = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in self.state_dict().items()
        }
        save_file(weights, folder / WEIGHTS, {"format": "pt"})

    @classmethod
    def from_pretrained(cls: type[Network], source: str | Path, revision: str = "main") -> Network:
        """Load a checkpoint from a folder, the hub's cache or the hub, in float32.

        Args:
            source: folder or hub id.
            revision: of the hub.

        Raises:
            ModelError: it is of another model, or its weights do not match its configuration.
            OSError: it does not exist.
        """
        network = cls(cls.config_class.load(source, revision))
        try:
            found = load_file(hub.required(str(source), WEIGHTS, revision))
            if unknown := sorted(found.keys() - network.state_dict().keys()):
                raise ModelError(
                    f"it has {len(unknown)} unknown weights, {unknown[0]} the first of them"
                )
            fill(network, found)
        except ModelError as error:
            raise ModelError(f"its weights do not fit its config.json: {error}") from error
        return network.eval()


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
