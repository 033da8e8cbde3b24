"""Load a model by the name that a user gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from depth_ros.errors import ModelError, ModelSettingError, one_line
from depth_ros.models import hub, json_file, pickles
from depth_ros.models.base import DepthModel, Family, ModelEntry
from depth_ros.models.clip_model import ClipModel
from depth_ros.models.depthcrafter import parts
from depth_ros.models.depthcrafter.options import ClipOptions
from depth_ros.models.exported import entry_of, graphs_of, is_exported, main_card
from depth_ros.models.registry import CLIP_FAMILIES, FAMILIES, MODELS
from depth_ros.nearest import unknown

_EXPECTED = "expected a name in `depth_ros models`, a folder, an .onnx file or a hub id"


def find(name: str, weights: str = "") -> ModelEntry:
    """Return the entry of a model.

    Args:
        name: a name in the registry, the hub id of one, a checkpoint's folder, an exported file
            (.onnx) or any hub id.
        weights: a folder with the checkpoint of a registered model; empty: its entry's source.

    Raises:
        ModelError: the name is not one of these, or the checkpoint is of an unknown family;
            weights is not a folder, or is given for a name that is not in the registry.
    """
    if not name:
        raise ModelSettingError(f"model is empty, {_EXPECTED}")
    if is_exported(name):
        if weights:
            raise ModelSettingError(
                f"weights are given for {name}, expected none: it holds its own"
            )
        return entry_of(Path(name))
    entry = MODELS.get(name) or _by_source(name)
    if weights:
        return _with_weights(weights, name, entry)
    if entry is not None:
        return entry
    if Path(name).is_dir() or name.count("/") == 1:
        return _unregistered(name)
    raise ModelSettingError(unknown("model", name, MODELS, "`depth_ros models`"))


def load(name: str, weights: str = "") -> DepthModel:
    """Load a model, named as for find, on the CPU in float32.

    Raises:
        ModelError: it is unknown, needs whole recordings, or its checkpoint is absent, damaged,
            unreachable or of another kind than the registry's.
    """
    entry = find(name, weights)
    if entry.family in CLIP_FAMILIES:
        raise ModelSettingError(
            f"model '{name}' needs a whole recording: depth_ros convert; "
            "live: depth-anything-v2-small with scale.mode ground or anchors"
        )
    if is_exported(name):
        return _load_exported(Path(name))
    with _loading(name, entry):
        return FAMILIES[entry.family].load(entry)


def _load_exported(path: Path) -> DepthModel:
    """Load the model that an exported file describes; a runtime opens its graphs."""
    card, entry = main_card(path), entry_of(path)
    family = FAMILIES.get(entry.family)
    if family is None:
        raise ModelError(
            f"{path} is of family '{entry.family}', expected one of {', '.join(FAMILIES)}"
        )
    try:
        model = family.of_graphs(entry, card.facts, card.config)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    model.graphs = graphs_of(path, card)
    return model


def load_clip(name: str, weights: str = "", options: ClipOptions | None = None) -> ClipModel:
    """Load a model for whole recordings, named as for find.

    Raises:
        ModelError: as load, or it works frame by frame.
    """
    entry = find(name, weights)
    if entry.family not in CLIP_FAMILIES:
        raise ModelSettingError(
            f"model '{name}' works frame by frame, expected one for whole recordings: "
            f"{', '.join(CLIP_FAMILIES)}"
        )
    with _loading(name, entry):
        return CLIP_FAMILIES[entry.family].load(entry, options or ClipOptions())


def convert(entry: ModelEntry, out: Path) -> None:
    """Write a checkpoint of pickled weights as one of safetensors; see pickles.convert."""
    family = FAMILIES.get(entry.family)
    pickles.convert(entry, out, family.own_pickle if family else None)


def available(entry: ModelEntry) -> AbstractContextManager[None]:
    """Read an entry's checkpoint inside this context; see hub.available."""
    family = FAMILIES.get(entry.family, Family)
    return hub.available(entry.source, entry.revision, family.files)


@contextmanager
def _loading(name: str, entry: ModelEntry) -> Iterator[None]:
    """Load without output on the terminal, and raise all errors as ModelError."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # problems with weights are raised as errors
    try:
        # Networks are initialised with random weights before theirs are loaded.
        with available(entry), torch.random.fork_rng(devices=[]):
            yield
    except Exception as error:  # transformers, safetensors and the hub have many error types
        problem = one_line(error)
        if not isinstance(error, hub.UnreachableError) and pickles.only_pickles(entry):
            problem = (
                "its weights are pickled, expected safetensors: "
                f"depth_ros models {name} --convert OUT, then set weights:=OUT"
            )
        raise ModelError(
            f"model '{name}' cannot be loaded from {entry.source}: {problem}"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _by_source(source: str) -> ModelEntry | None:
    return next((entry for entry in MODELS.values() if entry.source == source), None)


def _with_weights(weights: str, name: str, entry: ModelEntry | None) -> ModelEntry:
    if entry is None:
        problem = unknown("model", name, MODELS, "`depth_ros models`")
        raise ModelSettingError(f"weights need a model of the registry, and {problem}")
    if not Path(weights).is_dir():
        raise ModelSettingError(f"weights '{weights}' of model '{name}' is not a folder")
    return replace(entry, source=weights)


def _unregistered(source: str) -> ModelEntry:
    """Return an entry from a checkpoint's own configuration."""
    note = "not in the registry: check its licence yourself"
    if parts.holds(Path(source)):
        return replace(
            MODELS["depthcrafter"], name=source, source=source, licence="unknown", note=note
        )
    kind, config = _read_config(source)
    family = FAMILIES[kind]
    try:
        output, max_depth_m = family.output_of(config), family.max_depth_m_of(config)
    except Exception as error:  # damaged: missing fields raise various errors
        raise ModelError(f"model '{source}' cannot be found: {one_line(error)}") from error
    return ModelEntry(
        name=source,
        family=kind,
        source=source,
        output=output,
        licence="unknown",
        commercial=False,
        max_depth_m=max_depth_m,
        note=note,
    )


def _read_config(source: str) -> tuple[str, Any]:
    """Return the family of a checkpoint and its configuration."""
    from transformers.utils import cached_file

    path = Path(source, "config.json")
    try:
        with hub.available(source):
            if not Path(source).is_dir():
                path = Path(cached_file(source, path.name))
            elif not path.exists():
                raise ModelSettingError(
                    f"folder '{source}' has no config.json, expected a checkpoint of depth"
                )
            kind = _read_type(path)
            return kind, FAMILIES[kind].config_of(source)
    except ModelError:
        raise
    except Exception as error:  # absent, private or damaged: various errors
        raise ModelError(f"model '{source}' cannot be found: {one_line(error)}") from error


def _read_type(path: Path) -> str:
    """Return the model_type of a config.json.

    Raises:
        ModelError: it cannot be read, or the type is unknown.
    """
    said = json_file.read(path)
    known = (name for name, family in FAMILIES.items() if family.recognises(said))
    kind = said.get("model_type", next(known, None))
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ModelError(f"{path} is of type '{kind}', expected one of: {', '.join(FAMILIES)}")
    return kind
