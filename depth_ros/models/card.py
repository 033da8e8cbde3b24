"""The card of an exported file: all data needed to use it, stored in its metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from depth_ros.errors import ModelError
from depth_ros.models.base import ModelEntry, NetworkFacts, Output
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.runtimes import onnx_file

SUFFIX = ".onnx"
KEY = "depth_ros"
"""Key of a card in the metadata."""
FORMAT = 1

_TEXT_FIELDS = ("name", "family", "source", "licence", "revision", "place", "note")
_PRECISIONS = ("float32", "float16", "int8")

Inputs = tuple[tuple[str, tuple[int | None, ...]], ...]
"""Names and shapes; None: any length."""


@dataclass(frozen=True)
class Card:
    """The description of an exported file.

    Attributes:
        entry: of the model at the time of export; its source is the source of the weights.
        facts: needed to run the network.
        part: the part of the network in this file; empty: all of it.
        parts: hashes of the graphs of all parts, including this one, by part.
        inputs: of the graph.
        precision: of weights and activations: float32, float16 or int8.
        config: further data of the family (GRIN).
        weights: hashes of the checkpoint's files, by their names.
        versions: of the software that exported it.
    """

    entry: ModelEntry
    facts: NetworkFacts
    part: str
    parts: Mapping[str, str]
    inputs: Inputs
    precision: str
    config: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def as_metadata(self) -> dict[str, str]:
        """Return the metadata of a file: model and licence in plain text, then all as JSON."""
        content = {"format": FORMAT, **asdict(self)}
        return {
            "model": self.entry.name,
            "licence": self.entry.licence,
            KEY: json.dumps(content),  # not sorted: the first part is the file that users name
        }

    @classmethod
    def of(cls, path: Path) -> Card:
        """Return the card of a file.

        Raises:
            ModelError: there is no such file, or no card of this format in it.
        """
        text = onnx_file.metadata(path).get(KEY)
        if text is None:
            raise ModelError(f"{path} has no card, expected a file of depth_ros export")
        try:
            card = cls._from(json.loads(text))
            card.check()
            return card
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{path} has an invalid card: {error}") from error
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error

    @classmethod
    def _from(cls, content: dict[str, Any]) -> Card:
        if content.pop("format") != FORMAT:
            raise ValueError(f"expected format {FORMAT}")
        facts, entry = content.pop("facts"), content.pop("entry")
        inputs = tuple((name, tuple(shape)) for name, shape in content.pop("inputs"))
        return cls(_entry(entry), _facts(facts), inputs=inputs, **content)

    def check(self) -> None:
        """Refuse values that an export never writes.

        Raises:
            ModelError: a field is of the wrong type.
        """
        facts, parts = self.facts, self.parts
        focal = facts.training_f_px
        checks = {
            "model": all(isinstance(getattr(self.entry, name), str) for name in _TEXT_FIELDS),
            "parameters_m": _is_number(self.entry.parameters_m),
            "max_depth_m": _is_number(facts.max_depth_m) and _is_number(self.entry.max_depth_m),
            "training_f_px": focal is None or (_is_number(focal) and focal > 0),
            "parts": self.part in parts and all(map(_is_part, parts.items())),
            "inputs": len(self.inputs) > 0 and all(map(_is_input, self.inputs)),
            "precision": self.precision in _PRECISIONS,
            "config": isinstance(self.config, dict),
        }
        for name, is_valid in checks.items():
            if not is_valid:
                raise ModelError(f"its card's {name} is not as depth_ros export writes it")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < math.inf


def _is_part(item: tuple[Any, Any]) -> bool:
    """Whether a part has a hash, and a name that cannot point out of the folder."""
    part, sha256 = item
    return (part == "" or part.isidentifier()) and isinstance(sha256, str)


def _is_input(item: tuple[Any, tuple[Any, ...]]) -> bool:
    name, shape = item
    sides = all(side is None or (type(side) is int and side > 0) for side in shape)
    return isinstance(name, str) and len(shape) > 0 and sides


def part_path(path: Path, part: str) -> Path:
    """Return the file of a network's part, next to the file that the user names."""
    return path.with_name(f"{path.stem}.{part}{SUFFIX}")


def _facts(fields: dict[str, Any]) -> NetworkFacts:
    return NetworkFacts(**{**fields, "preprocessing": _preprocessing(fields["preprocessing"])})


def _preprocessing(fields: dict[str, Any]) -> Preprocessing:
    if "keep_aspect_ratio" in fields:  # files of depth_ros 0.1.0
        fields["fit"] = "minimal" if fields.pop("keep_aspect_ratio") else "warp"
    return Preprocessing(**{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])})


def _entry(fields: dict[str, Any]) -> ModelEntry:
    # The facts contain the values that follow from these.
    absent = dict.fromkeys(("preprocessing", "training_camera", "trained_with"))
    return ModelEntry(**{**fields, **absent, "output": Output(fields["output"])})
