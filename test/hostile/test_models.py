"""Damaged and hostile model files: each loads, or is one ModelError that says what was wrong."""

from __future__ import annotations

import json
import random
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depth_ros import models
from depth_ros.errors import ModelError
from depth_ros.models.base import NetworkFacts
from depth_ros.models.card import Card
from depth_ros.runtimes import onnx_file
from test.models.checkpoints import build

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    7,
    10**9,
    float("nan"),
    "",
    "x",
    [],
    [1],
    {},
    [{}],
)
"""What takes the place of a field's value."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("depth-anything-metric", tmp_path_factory.mktemp("good"))


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A good checkpoint, to be damaged."""
    return Path(shutil.copytree(good, tmp_path / "checkpoint"))


def loads_or_names_the_error(name: str) -> str:
    """Load a model; return what the error says, on one line, and "" without one."""
    try:
        models.load(name)
    except ModelError as error:
        message = str(error)
        assert message.strip()
        return message
    return ""


def mutated(content: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Change, drop or add one field, at the top or in an object below."""
    changed: dict[str, Any] = json.loads(json.dumps(content))
    inner = [value for value in changed.values() if isinstance(value, dict) and value]
    place = chance.choice([changed, *inner])
    key = chance.choice([*place, "unknown"])
    if chance.random() < 0.1:
        place.pop(key, None)
    else:
        place[key] = chance.choice(VALUES)
    return changed


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("config.json", 60), ("preprocessor_config.json", 40)])
def test_changed_fields_load_or_say_why(name: str, count: int, folder: Path) -> None:
    content = json.loads((folder / name).read_text())
    for seed in range(count):
        (folder / name).write_text(json.dumps(mutated(content, random.Random(seed))))
        loads_or_names_the_error(str(folder))


def flipped(content: bytes, chance: random.Random) -> bytes:
    """Change a few bytes, cut, or repeat a part."""
    kind, at = chance.randrange(3), chance.randrange(len(content))
    if kind == 0:
        changed = bytearray(content)
        for _ in range(chance.randrange(1, 8)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if kind == 1:
        return content[:at]
    return content[:at] + content[at : at + chance.randrange(1, 64)] + content[at:]


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_damaged_json_loads_or_names_the_error(name: str, folder: Path) -> None:
    content = (folder / name).read_bytes()
    for seed in range(30):
        (folder / name).write_bytes(flipped(content, random.Random(seed)))
        loads_or_names_the_error(str(folder))


def test_damaged_safetensors_load_or_say_why(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    for seed in range(50):
        head = flipped(content[: 8 + length], random.Random(seed))
        path.write_bytes(head + content[8 + length :])
        loads_or_names_the_error(str(folder))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content[:-100], "safetensors are damaged"),
        (lambda content: content[:5], "safetensors are damaged"),
        (lambda _: b"", "safetensors are damaged"),
        (lambda content: b"\xff" * 8 + content[8:], "safetensors are damaged"),
    ],
)
def test_safetensors_that_end_early_are_named(
    change: Callable[[bytes], bytes], problem: str, folder: Path
) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    message = loads_or_names_the_error(str(folder))
    assert str(folder) in message
    assert problem in message


def test_a_weight_of_another_shape_is_named(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    name = "head.conv1.weight"
    weights[name] = weights[name][:-1].contiguous()
    save_file(weights, path, metadata={"format": "pt"})
    assert f"its {name} is 15x32x3x3, expected 16x32x3x3" in loads_or_names_the_error(str(folder))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[1, 2]", "contains list, expected a JSON object"),
        ("3", "contains int, expected a JSON object"),
        ("null", "contains NoneType, expected a JSON object"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("\udcff", "cannot be read"),
    ],
    ids=["list", "number", "null", "half", "deep", "bytes"],
)
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_what_is_no_object_of_json_is_named(
    name: str, content: str, expected: str, folder: Path
) -> None:
    (folder / name).write_bytes(content.encode(errors="surrogateescape"))
    message = loads_or_names_the_error(str(folder))
    assert str(folder / name) in message
    assert expected in message


def test_a_folder_in_the_place_of_a_file_is_named(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()
    assert f"{folder / 'config.json'} cannot be read" in loads_or_names_the_error(str(folder))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("ensure_multiple_of", 0, "ensure_multiple_of is 0, expected a positive integer"),
        ("ensure_multiple_of", "14", "ensure_multiple_of is '14', expected a positive integer"),
        ("image_std", [0, 1, 1], "std is .*, expected three finite positive numbers"),
        ("image_mean", ["a", 1, 1], "image_mean is .*, expected three numbers"),
        ("image_mean", [0.5], "mean is .*, expected three finite numbers"),
        ("size", {"height": 0, "width": 0}, "height is 0, expected an integer of 1 to"),
        ("size", {"height": 1e300, "width": 8}, "height is 1e.300, expected an integer"),
        ("size", "big", "size is 'big', expected a number, or height and width"),
        ("rescale_factor", 0, "rescale_factor is 0, expected a positive number"),
        ("resample", [3], "resample is .*, expected one of 2, 3"),
    ],
)
def test_preprocessing_that_cannot_be_names_file_and_field(
    field: str, value: Any, expected: str, folder: Path
) -> None:
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ModelError, match=expected) as caught:
        models.load(str(folder))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"), [("num_hidden_layers", 10**9), ("image_size", 10**9), ("depth", 1e300)]
)
def test_a_network_that_nobody_could_build_is_refused_before_it_is_tried(
    field: str, value: float, folder: Path
) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text())
    content["backbone_config"][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match=rf"{field} is .*, expected at most \d+"):
        models.find(str(folder))


def exported(path: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Path:
    """Write a file as depth_ros export does, of a graph that does nothing, with a changed card."""
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node("Identity", ["pixels"], ["depth"])
    ends = [onnx.helper.make_tensor_value_info(name, 1, [1, 3]) for name in ("pixels", "depth")]
    graph = onnx.helper.make_graph([node], "graph", ends[:1], ends[1:])
    onnx.save(onnx.helper.make_model(graph), path)
    entry = models.MODELS["depth-anything-v2-metric-indoor-small"]
    assert entry.preprocessing is not None
    facts = NetworkFacts(entry.preprocessing, 20.0, 600.0)
    parts, inputs = {"": onnx_file.sha256(path)}, (("pixels", (1, 3, None, None)),)
    metadata = Card(entry, facts, "", parts, inputs, "float32").as_metadata()
    content = json.loads(metadata["depth_ros"])
    change(content)
    onnx_file.add_metadata(path, {**metadata, "depth_ros": json.dumps(content)})
    return path


def test_the_undamaged_file_loads(tmp_path: Path) -> None:
    assert loads_or_names_the_error(str(exported(tmp_path / "a.onnx"))) == ""


def test_damaged_files_of_onnx_load_or_say_why(tmp_path: Path) -> None:
    path = exported(tmp_path / "a.onnx")
    content = path.read_bytes()
    for seed in range(150):
        path.write_bytes(flipped(content, random.Random(seed)))
        message = loads_or_names_the_error(str(path))
        assert not message or str(path) in message


def test_changed_cards_load_or_name_the_error(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    for seed in range(150):
        chance = random.Random(seed)
        exported(path, lambda card, chance=chance: card.update(mutated(card, chance)))  # type: ignore[misc]
        message = loads_or_names_the_error(str(path))
        assert not message or str(path) in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parts", {}),
        ("parts", {"../../x": "0"}),
        ("parts", []),
        ("inputs", []),
        ("inputs", [["pixels", [0, 3]]]),
        ("precision", "float8"),
        ("facts", None),
        ("entry", 3),
        ("config", []),
    ],
    ids=str,
)
def test_a_card_that_no_export_writes_is_refused(field: str, value: Any, tmp_path: Path) -> None:
    path = exported(tmp_path / "a.onnx", lambda content: content.update({field: value}))
    assert str(path) in loads_or_names_the_error(str(path))


@pytest.mark.parametrize("content", [b"\0", b"\x08\x00"], ids=["zeros", "small fields"])
def test_a_large_file_of_nothing_is_refused_without_being_read(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content * (8_000_000 // len(content)))
    start_s = time.process_time()
    assert "not an ONNX file" in loads_or_names_the_error(str(path))
    assert time.process_time() - start_s < 2, "it was read byte by byte: 30 s"
