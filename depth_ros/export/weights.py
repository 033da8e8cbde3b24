"""Hashes of a checkpoint's files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from depth_ros.models import hub
from depth_ros.models.base import ModelEntry

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_CONFIGS = ("config.json", "preprocessor_config.json")


def hashes(entry: ModelEntry) -> dict[str, str]:
    """Return the SHA-256 of a checkpoint's files, by their names."""
    with hub.available(entry.source, entry.revision):
        index = _find(entry, _INDEX)
        names = [_WEIGHTS]
        if index is not None:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        found = {name: _find(entry, name) for name in (*_CONFIGS, *names)}
    return {name: _sha256(path) for name, path in found.items() if path is not None}


def _find(entry: ModelEntry, name: str) -> Path | None:
    from transformers.utils import cached_file

    path = cached_file(
        entry.source,
        name,
        revision=entry.revision,
        _raise_exceptions_for_missing_entries=False,
    )
    return None if path is None else Path(path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
