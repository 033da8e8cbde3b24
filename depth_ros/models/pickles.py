"""Checkpoints with pickled weights, and their conversion to safetensors.

A pickle may run code when it is opened. Here it is opened only with torch's weights_only, and
models are loaded only from safetensors.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depth_ros.errors import ModelError
from depth_ros.models import hub, json_file
from depth_ros.models.base import ModelEntry, OwnPickle

_WEIGHTS = "pytorch_model.bin"
_INDEX = f"{_WEIGHTS}.index.json"
_NEEDED = "config.json"
_KEPT = ("preprocessor_config.json", "README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE")
"""Files that are copied with the weights if they exist: they state the authors and licence."""


def only_pickles(entry: ModelEntry) -> bool:
    """Return whether a checkpoint has pickled weights and no safetensors; False: unknown."""
    try:
        with hub.available(entry.source, entry.revision):
            names = _names(entry)
    except Exception:  # offline, absent, private or no hub id: various errors
        return False
    return bool({_WEIGHTS, _INDEX} & names) and not _has_safetensors(names)


def convert(entry: ModelEntry, out: Path, own: OwnPickle | None = None) -> None:
    """Convert a checkpoint of pickled weights to safetensors, with its licence and model card.

    Args:
        entry: of the checkpoint, on the hub or in a folder.
        out: a new folder.
        own: of the checkpoint's family.

    Raises:
        ModelError: out exists, the checkpoint has safetensors or no weights, a file is missing,
            damaged or unreachable, or a pickle contains more than tensors.
    """
    if os.path.lexists(out) or not out.parent.is_dir():
        raise ModelError(f"{out} cannot be written, expected a new folder in an existing one")
    try:
        _convert(entry, out, own)
    except Exception as error:  # the hub has its own error types
        raise ModelError(f"{entry.source} cannot be converted: {error}") from error


def _convert(entry: ModelEntry, out: Path, own: OwnPickle | None) -> None:
    from safetensors.torch import save_file

    with hub.available(entry.source, entry.revision):
        names = _names(entry)
    if _has_safetensors(names):
        raise ModelError("it has safetensors already, expected pickles only")
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".convert-") as place:
        folder = Path(place) / out.name
        folder.mkdir()
        for name in sorted(names.intersection(_KEPT)):
            shutil.copyfile(_path(entry, name), folder / name)
        if own is not None:
            config, weights = own.read(_path(entry, own.name))
            (folder / _NEEDED).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        else:
            shutil.copyfile(_path(entry, _NEEDED), folder / _NEEDED)
            weights = {}
            for name in _shards(entry, names):
                weights.update(tensors(opened(_path(entry, name)), _path(entry, name)))
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        folder.rename(out)


def _names(entry: ModelEntry) -> set[str]:
    """Return the names of a checkpoint's files."""
    if Path(entry.source).is_dir():
        return {path.name for path in Path(entry.source).iterdir()}
    from huggingface_hub import list_repo_files

    return set(list_repo_files(entry.source, revision=entry.revision))


def _has_safetensors(names: set[str]) -> bool:
    return any(name.endswith(".safetensors") for name in names)


def _path(entry: ModelEntry, name: str) -> Path:
    from transformers.utils import cached_file

    return Path(cached_file(entry.source, name, revision=entry.revision))


def _shards(entry: ModelEntry, names: set[str]) -> list[str]:
    if _WEIGHTS in names:
        return [_WEIGHTS]
    if _INDEX not in names:
        raise ModelError(f"it has no weights, expected {_WEIGHTS}")
    places = json_file.read(_path(entry, _INDEX)).get("weight_map")
    if not isinstance(places, dict) or not names.issuperset(places.values()):
        raise ModelError(f"weight_map of {_INDEX} does not list existing files")
    return sorted(set(places.values()))


def opened(path: Path) -> Any:
    """Return the content of a pickle, without running any code.

    Raises:
        ModelError: it is damaged, or contains what only code can make.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zipfile and torch have many error types
        raise ModelError(
            f"{path.name} contains more than tensors, or is damaged: {error}"
        ) from error


def tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the tensors of a pickle, by name, without shared memory, as safetensors needs them.

    Raises:
        ModelError: it contains something else.
    """
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ModelError(f"{path.name} contains {type(content).__name__}, expected tensors by name")
    return {name: each.contiguous().clone() for name, each in content.items()}
