"""From what a user says to a loaded model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from depth_ros.errors import ModelError, UnknownModelError, one_line
from depth_ros.models import hub, json_file, pickles
from depth_ros.models.base import ClipModel, DepthModel, Family, ModelEntry
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
        weights: a folder with the checkpoint of a registered model; empty: where its entry says.

    Raises:
        ModelError: the name is none of these, or a checkpoint of an unknown family; weights is not
            a folder, or the name beside it not in the registry.
    """
    if not name:
        raise UnknownModelError(f"model is empty, {_EXPECTED}")
    if is_exported(name):
        if weights:
            raise ModelError(f"weights are given for {name}, expected none: it holds its own")
        return entry_of(Path(name))
    entry = MODELS.get(name) or _by_source(name)
    if weights:
        return _at(weights, name, entry)
    if entry is not None:
        return entry
    if Path(name).is_dir() or name.count("/") == 1:
        return _unregistered(name)
    raise UnknownModelError(unknown("model", name, MODELS, "`depth_ros models`"))


def load(name: str, weights: str = "") -> DepthModel:
    """Load a model, named as for find, on the CPU in float32.

    Raises:
        ModelError: it is unknown, or its checkpoint is absent, damaged, unreachable or of another
            kind than the registry says, or it answers for whole recordings only.
    """
    entry = find(name, weights)
    if entry.family in CLIP_FAMILIES:
        raise ModelError(
            f"model '{name}' needs a whole recording: depth_ros convert; "
            "live: depth-anything-v2-small with scale_mode ground or anchors"
        )
    if is_exported(name):
        return _load_exported(Path(name))
    with _loading(name, entry):
        return FAMILIES[entry.family].load(entry)


def _load_exported(path: Path) -> DepthModel:
    """Load what an exported file says of its network; a runtime opens its graphs."""
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
    """Load a model that answers for whole recordings, named as for find.

    Raises:
        ModelError: as load, or it answers frame by frame.
    """
    entry = find(name, weights)
    if entry.family not in CLIP_FAMILIES:
        raise ModelError(
            f"model '{name}' answers frame by frame, expected one for whole recordings: "
            f"{', '.join(CLIP_FAMILIES)}"
        )
    with _loading(name, entry):
        return CLIP_FAMILIES[entry.family].load(entry, options or ClipOptions())


def convert(entry: ModelEntry, out: Path) -> None:
    """Write a checkpoint of pickled weights as one of safetensors; see pickles.convert."""
    family = FAMILIES.get(entry.family)
    pickles.convert(entry, out, family.own_pickle if family else None)


def reached(entry: ModelEntry) -> AbstractContextManager[None]:
    """Have an entry's checkpoint read from wherever it can be; see hub.reached."""
    family = FAMILIES.get(entry.family, Family)
    return hub.reached(entry.source, entry.revision, family.files)


@contextmanager
def _loading(name: str, entry: ModelEntry) -> Iterator[None]:
    """Load without a word on the terminal, and raise whatever goes wrong as a ModelError."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what is wrong with weights is raised
    try:
        with reached(entry):
            yield
    except Exception as error:  # transformers, safetensors and the hub raise what they like
        problem = one_line(error)
        if not isinstance(error, hub.UnreachableError) and pickles.only_pickles(entry):
            problem = (
                "its weights are pickled, expected safetensors: "
                f"depth_ros models {name} --convert OUT, then say weights:=OUT"
            )
        raise ModelError(
            f"model '{name}' cannot be loaded from {entry.source}: {problem}"
        ) from error
    finally:
        logging.set_verbosity(verbosity)


def _by_source(source: str) -> ModelEntry | None:
    return next((entry for entry in MODELS.values() if entry.source == source), None)


def _at(weights: str, name: str, entry: ModelEntry | None) -> ModelEntry:
    if entry is None:
        said = unknown("model", name, MODELS, "`depth_ros models`")
        raise UnknownModelError(f"weights are given for a model of the registry, and {said}")
    if not Path(weights).is_dir():
        raise ModelError(f"weights '{weights}' of model '{name}' is not a folder")
    return replace(entry, source=weights)


def _unregistered(source: str) -> ModelEntry:
    """Return what a checkpoint says of itself."""
    note = "not in the registry: its licence is for you to check"
    if parts.holds(Path(source)):
        return replace(
            MODELS["depthcrafter"], name=source, source=source, licence="unknown", note=note
        )
    kind, config = _stated(source)
    family = FAMILIES[kind]
    try:
        output, max_depth_m = family.output_of(config), family.max_depth_m_of(config)
    except Exception as error:  # damaged: what is missing raises its own
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


def _stated(source: str) -> tuple[str, Any]:
    """Return the family of a checkpoint, one that is known, and its configuration."""
    from transformers.utils import cached_file

    path = Path(source, "config.json")
    try:
        with hub.reached(source):
            if not Path(source).is_dir():
                path = Path(cached_file(source, path.name))
            elif not path.exists():
                raise ModelError(
                    f"folder '{source}' has no config.json, expected a checkpoint of depth"
                )
            kind = _stated_type(path)
            return kind, FAMILIES[kind].config_of(source)
    except ModelError:
        raise
    except Exception as error:  # absent, private, damaged: each raises its own
        raise ModelError(f"model '{source}' cannot be found: {one_line(error)}") from error


def _stated_type(path: Path) -> str:
    """Return what a config.json says the network is.

    Raises:
        ModelError: it cannot be read, or says something that is unknown here.
    """
    said = json_file.read(path)
    known = (name for name, family in FAMILIES.items() if family.recognises(said))
    kind = said.get("model_type", next(known, None))
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ModelError(f"{path} is of type '{kind}', expected one of: {', '.join(FAMILIES)}")
    return kind
