"""Hashes of a checkpoint's files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from depth_ros.models import FAMILIES, hub, loading
from depth_ros.models.base import ModelEntry

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_CONFIGS = ("config.json", "preprocessor_config.json")


def hashes(entry: ModelEntry) -> dict[str, str]:
    """Return the SHA-256 of a checkpoint's files, by their names."""
    with loading.available(entry):
        index = hub.file(entry.source, _INDEX, entry.revision)
        names = [_WEIGHTS]
        if index is not None:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        own = FAMILIES[entry.family].own_pickle
        names += [] if own is None else [own.name]
        found = {name: hub.file(entry.source, name, entry.revision) for name in (*_CONFIGS, *names)}
    return {name: _sha256(path) for name, path in found.items() if path is not None}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
