"""Checkpoints of pickles: refused with the command that makes safetensors of them."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from depth_ros import cli, models
from depth_ros.errors import ModelError
from test.models.checkpoints import build

NAME = "depth-anything-v2-small"


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    """A checkpoint as repositories without safetensors hold it."""
    folder = build("depth-anything", tmp_path / "pickled")
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return folder


def split(folder: Path) -> None:
    """Make two pickles and their index of one."""
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    (folder / "pytorch_model.bin").unlink()
    names = {key: f"pytorch_model-{count % 2}.bin" for count, key in enumerate(weights)}
    for name in set(names.values()):
        torch.save({key: weights[key] for key in weights if names[key] == name}, folder / name)
    index = {"metadata": {}, "weight_map": names}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def test_the_error_names_the_command_that_helps(pickled: Path) -> None:
    for name, weights in ((NAME, str(pickled)), (str(pickled), "")):
        with pytest.raises(ModelError, match=rf"depth_ros models {name} --convert OUT"):
            models.load(name, weights)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_converted_checkpoint_is_the_same_network(
    parts: int, pickled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    if parts == 2:
        split(pickled)
    out = tmp_path / "out"
    assert cli.main(["models", NAME, "--weights", str(pickled), "--convert", str(out)]) == 0
    assert f"Apache-2.0; use it with model:={NAME} weights:={out}" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == [
        *("README.md", "config.json", "model.safetensors", "preprocessor_config.json")
    ]
    found = load_file(out / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
    assert models.load(NAME, str(out)).entry.licence == "Apache-2.0"
    assert (out / "README.md").read_text() == (pickled / "README.md").read_text()


class Code:
    """The code that a hostile pickle runs when it is opened."""

    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["HOSTILE"],)


def test_code_in_a_pickle_is_not_run(
    pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTILE", str(tmp_path / "ran"))
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps(Code()))
    with pytest.raises(ModelError, match="contains more than tensors"):
        models.convert(models.find(NAME, str(pickled)), tmp_path / "out")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_converted_leaves_nothing_behind(pickled: Path, tmp_path: Path) -> None:
    entry, out = models.find(NAME, str(pickled)), tmp_path / "out"
    torch.save({"epoch": 3}, pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="expected tensors by name"):
        models.convert(entry, out)
    (pickled / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match="or is damaged"):
        models.convert(entry, out)
    (pickled / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match=r"no weights, expected pytorch_model\.bin"):
        models.convert(entry, out)
    assert [path.name for path in tmp_path.iterdir()] == ["pickled"]


def test_an_index_cannot_lead_out_of_the_checkpoint(pickled: Path, tmp_path: Path) -> None:
    split(pickled)
    index = pickled / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../other.bin"}}))
    with pytest.raises(ModelError, match="does not list existing files"):
        models.convert(models.find(NAME, str(pickled)), tmp_path / "out")


def test_safetensors_are_not_converted_and_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = build("depth-anything", tmp_path / "safe")
    entry = models.find(NAME, str(folder))
    with pytest.raises(ModelError, match="has safetensors already"):
        models.convert(entry, tmp_path / "out")
    with pytest.raises(ModelError, match="expected a new folder"):
        models.convert(entry, folder)


def test_converting_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "--convert", "out"]) != 0
    assert "needs the name" in capsys.readouterr().err
