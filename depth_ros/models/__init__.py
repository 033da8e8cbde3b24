"""Every depth model behind one name."""

from __future__ import annotations

import json
from pathlib import Path

from depth_ros.errors import ModelError
from depth_ros.models.base import DepthModel, ModelEntry, Output, Prediction

WEIGHTS = Path(__file__).parent / "weights"
"""Where the embedded weights live."""

_ENTRIES = (
    ModelEntry(
        name="zoedepth-tiny",
        family="zoedepth",
        source=str(WEIGHTS / "zoedepth-tiny"),
        output=Output.METRIC_DEPTH,
        licence="Apache-2.0",
        commercial=True,
        parameters_m=3.3,
        max_depth_m=20,
        half_safe=False,
        note="embedded; trained on rendered rooms only: for demos and tests",
    ),
    ModelEntry(
        name="zoedepth-nyu",
        family="zoedepth",
        source="Intel/zoedepth-nyu",
        output=Output.METRIC_DEPTH,
        licence="MIT",
        commercial=True,
        parameters_m=345,
        max_depth_m=10,
        note="indoors",
    ),
    ModelEntry(
        name="zoedepth-kitti",
        family="zoedepth",
        source="Intel/zoedepth-kitti",
        output=Output.METRIC_DEPTH,
        licence="MIT",
        commercial=True,
        parameters_m=345,
        max_depth_m=80,
        note="roads",
    ),
    ModelEntry(
        name="zoedepth-nyu-kitti",
        family="zoedepth",
        source="Intel/zoedepth-nyu-kitti",
        output=Output.METRIC_DEPTH,
        licence="MIT",
        commercial=True,
        parameters_m=346,
        max_depth_m=80,
        note="indoors and roads; chooses one per image",
    ),
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}
"""Every known checkpoint by name."""

__all__ = [
    "MODELS",
    "WEIGHTS",
    "DepthModel",
    "ModelEntry",
    "Output",
    "Prediction",
    "find",
    "load",
    "table",
]


def find(name: str) -> ModelEntry:
    """Return the entry of a name, a checkpoint's folder or a hub id.

    Raises:
        ModelError: it is none of these, or a checkpoint of an unknown family.
    """
    if name in MODELS:
        return MODELS[name]
    if Path(name).is_dir() or name.count("/") == 1:
        return ModelEntry(
            name=name,
            family=_family(name),
            source=name,
            output=Output.METRIC_DEPTH,
            licence="unknown",
            commercial=False,
            note="not in the registry: its licence is for you to check",
        )
    raise ModelError(
        f"model '{name}' is unknown, expected a folder, a hub id or one of {', '.join(MODELS)}"
    )


def load(name: str) -> DepthModel:
    """Load a model by name, folder or hub id, on the CPU in float32.

    Raises:
        ModelError: the name is unknown, or the checkpoint is absent, damaged or unreachable.
    """
    from transformers.utils import logging

    from depth_ros.models.zoedepth import ZoeDepth

    logging.disable_progress_bar()
    entry = find(name)
    try:
        return ZoeDepth.load(entry)
    except Exception as error:  # transformers, safetensors and the hub raise what they like
        raise ModelError(f"model '{name}' cannot be loaded from {entry.source}: {error}") from error


def table() -> str:
    """Return the known models as a Markdown table."""
    lines = [
        "| model | output | range | parameters | licence | commercial use | note |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in MODELS.values():
        commercial = "yes" if entry.commercial else "no"
        lines.append(
            f"| {entry.name} | {entry.output.value} | {entry.max_depth_m:g} m | "
            f"{entry.parameters_m:g} M | {entry.licence} | {commercial} | {entry.note} |"
        )
    return "\n".join(lines)


def _family(source: str) -> str:
    """Return the family of an unregistered checkpoint, by the model_type of its config.json."""
    path = Path(source, "config.json")
    if Path(source).is_dir():
        if not path.exists():
            raise ModelError(
                f"folder {source} has no config.json, expected a transformers checkpoint"
            )
        kind = json.loads(path.read_text()).get("model_type")
    else:
        kind = _hub_model_type(source)
    if kind != "zoedepth":
        raise ModelError(f"model '{source}' is of type '{kind}', expected one of: zoedepth")
    return "zoedepth"


def _hub_model_type(source: str) -> str:
    from transformers import AutoConfig

    try:
        return str(AutoConfig.from_pretrained(source, trust_remote_code=False).model_type)
    except Exception as error:  # offline, absent, private: each raises its own
        raise ModelError(f"model '{source}' cannot be found: {error}") from error
