"""Exported networks: the ONNX files and the model that their card describes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from depth_ros.errors import ModelError
from depth_ros.models.base import ModelEntry, Raw
from depth_ros.models.card import SUFFIX, Card, part_path
from depth_ros.runtimes import onnx_file
from depth_ros.runtimes.graph import Graph


class Exported(nn.Module):
    """A placeholder for a network that another runtime executes from files.

    Args:
        config: of a family that needs more than the facts.
    """

    def __init__(self, config: Any = None) -> None:
        super().__init__()
        self.config = config

    def forward(self, *inputs: Tensor) -> Raw:
        """Refuse.

        Raises:
            ModelError: always.
        """
        raise ModelError("the network was exported, expected runtime onnxruntime to execute it")


def is_exported(name: str) -> bool:
    """Whether a model's name is an exported file."""
    return name.endswith(SUFFIX)


def entry_of(path: Path) -> ModelEntry:
    """Return the entry of an exported file.

    Raises:
        ModelError: it is not an exported file, or only a part of a network.
    """
    return replace(main_card(path).entry, source=str(path))


def main_card(path: Path) -> Card:
    """Return the card of the file that a user names.

    Raises:
        ModelError: it is not an exported file, or contains a part that belongs to another file.
    """
    card = Card.of(path)
    if card.part and card.part != next(iter(card.parts)):
        raise ModelError(
            f"{path} is the {card.part} of {card.entry.name}, expected the main file next to it"
        )
    return card


def graphs_of(path: Path, card: Card) -> dict[str, Graph]:
    """Return the graphs of an exported network, by part.

    Raises:
        ModelError: a file is missing or damaged, or of another export.
    """
    found = {}
    for part, expected in card.parts.items():
        file = path if part == card.part else part_path(path, part)
        own = card if part == card.part else Card.of(file)
        if onnx_file.sha256(file) != expected:
            raise ModelError(f"{file} is damaged, or not of the same export as {path}")
        found[part] = Graph(file, expected, own.precision, own.inputs)
    return found
