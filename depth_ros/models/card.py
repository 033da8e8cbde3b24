"""What an exported file says of itself: all that is needed to use it, in its metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from depth_ros.errors import ModelError
from depth_ros.models.base import Facts, ModelEntry, Output
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.runtimes import onnx_file

SUFFIX = ".onnx"
KEY = "depth_ros"
"""Of the metadata that hold a card."""
FORMAT = 1

_WORDS = ("name", "family", "source", "licence", "revision", "place", "note")
_PRECISIONS = ("float32", "float16", "int8")

Inputs = tuple[tuple[str, tuple[int | None, ...]], ...]
"""Names and shapes; None stands for any length."""


@dataclass(frozen=True)
class Card:
    """What an exported file says of itself.

    Attributes:
        entry: the model's, as it was when it was exported; its source is that of the weights.
        facts: what is needed around the network.
        part: of the network that is in this file; empty: all of it.
        parts: hashes of all parts' graphs, by part; this file's own among them.
        inputs: what the graph takes.
        precision: of weights and activations: float32, float16 or int8.
        config: of a family whose network says more than facts do (GRIN).
        weights: hashes of the checkpoint's files, by their names.
        versions: of what exported it.
    """

    entry: ModelEntry
    facts: Facts
    part: str
    parts: Mapping[str, str]
    inputs: Inputs
    precision: str
    config: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def as_metadata(self) -> dict[str, str]:
        """Return the metadata of a file: what people ask first, then all of it as JSON."""
        said = {"format": FORMAT, **asdict(self)}
        return {
            "model": self.entry.name,
            "licence": self.entry.licence,
            KEY: json.dumps(said),  # unsorted: the first of the parts leads to the others
        }

    @classmethod
    def of(cls, path: Path) -> Card:
        """Return the card of a file.

        Raises:
            ModelError: there is no such file, or no card of this format in it.
        """
        text = onnx_file.metadata(path).get(KEY)
        if text is None:
            raise ModelError(f"{path} says nothing of itself, expected a file of depth_ros export")
        try:
            card = cls._from(json.loads(text))
            card.check()
            return card
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{path} says what cannot be understood of itself: {error}") from error
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error

    @classmethod
    def _from(cls, said: dict[str, Any]) -> Card:
        if said.pop("format") != FORMAT:
            raise ValueError(f"expected format {FORMAT}")
        facts, entry = said.pop("facts"), said.pop("entry")
        inputs = tuple((name, tuple(shape)) for name, shape in said.pop("inputs"))
        return cls(_entry(entry), _facts(facts), inputs=inputs, **said)

    def check(self) -> None:
        """Refuse what no export writes.

        Raises:
            ModelError: a field is of the wrong kind.
        """
        facts, parts = self.facts, self.parts
        focal = facts.training_f_px
        checks = {
            "model": all(isinstance(getattr(self.entry, name), str) for name in _WORDS),
            "parameters_m": _is_number(self.entry.parameters_m),
            "max_depth_m": _is_number(facts.max_depth_m) and _is_number(self.entry.max_depth_m),
            "training_f_px": focal is None or (_is_number(focal) and focal > 0),
            "parts": self.part in parts and all(map(_is_part, parts.items())),
            "inputs": len(self.inputs) > 0 and all(map(_is_input, self.inputs)),
            "precision": self.precision in _PRECISIONS,
            "config": isinstance(self.config, dict),
        }
        for name, right in checks.items():
            if not right:
                raise ModelError(f"its card's {name} is not as depth_ros export writes it")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < math.inf


def _is_part(item: tuple[Any, Any]) -> bool:
    """Whether a part has a hash, and a name that cannot lead out of the folder."""
    part, sha256 = item
    return (part == "" or part.isidentifier()) and isinstance(sha256, str)


def _is_input(item: tuple[Any, tuple[Any, ...]]) -> bool:
    name, shape = item
    sides = all(side is None or (type(side) is int and side > 0) for side in shape)
    return isinstance(name, str) and len(shape) > 0 and sides


def part_path(path: Path, part: str) -> Path:
    """Return the file of a network's part, beside the one that the user names."""
    return path.with_name(f"{path.stem}.{part}{SUFFIX}")


def _facts(said: dict[str, Any]) -> Facts:
    return Facts(**{**said, "preprocessing": _preprocessing(said["preprocessing"])})


def _preprocessing(said: dict[str, Any]) -> Preprocessing:
    if "keep_aspect_ratio" in said:  # files of depth_ros 0.1.0
        said["fit"] = "minimal" if said.pop("keep_aspect_ratio") else "warp"
    return Preprocessing(**{**said, "mean": tuple(said["mean"]), "std": tuple(said["std"])})


def _entry(said: dict[str, Any]) -> ModelEntry:
    # The facts hold what follows from these.
    unsaid = dict.fromkeys(("preprocessing", "training_camera", "trained_with"))
    return ModelEntry(**{**said, **unsaid, "output": Output(said["output"])})
