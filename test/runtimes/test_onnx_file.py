"""The metadata and hash of an ONNX file, against onnx's own reader."""

from pathlib import Path

import pytest

from depth_ros.errors import ModelError
from depth_ros.runtimes import onnx_file

onnx = pytest.importorskip("onnx")


def save(path: Path, name: str = "x", **metadata: str) -> Path:
    node = onnx.helper.make_node("Identity", [name], ["y"])
    ends = [onnx.helper.make_tensor_value_info(each, 1, [1, None]) for each in (name, "y")]
    graph = onnx.helper.make_graph([node], "graph" * 100, ends[:1], ends[1:])
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def test_metadata_that_are_added_are_read_by_onnx_and_by_us(tmp_path: Path) -> None:
    path = save(tmp_path / "a.onnx", before="there")
    added = {"licence": "Apache-2.0", "long": "ä" * 1000, "empty": ""}
    onnx_file.add_metadata(path, added)
    theirs = {each.key: each.value for each in onnx.load(path).metadata_props}
    assert onnx_file.metadata(path) == theirs == {"before": "there", **added}


def test_the_hash_covers_the_graph_and_not_the_metadata(tmp_path: Path) -> None:
    path = save(tmp_path / "a.onnx")
    before = onnx_file.sha256(path)
    onnx_file.add_metadata(path, {"other": "more"})
    assert onnx_file.sha256(path) == before
    assert onnx_file.sha256(save(tmp_path / "b.onnx")) == before
    assert onnx_file.sha256(save(tmp_path / "c.onnx", name="z")) != before


def test_external_weights_are_part_of_the_hash(tmp_path: Path) -> None:
    path = save(tmp_path / "a.onnx")
    before = onnx_file.sha256(path)
    onnx_file.external_weights(path).write_bytes(b"weights")
    assert onnx_file.sha256(path) != before


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_file_that_ends_early_is_damaged(share: float, tmp_path: Path) -> None:
    path = save(tmp_path / "a.onnx", some="thing")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match="damaged"):
        onnx_file.metadata(path)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n", b"hello world, this is text", b"\xff" * 30])
def test_a_file_of_another_kind_is_not_an_onnx_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not an ONNX file"):
        onnx_file.metadata(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.onnx cannot be read: No such file"):
        onnx_file.metadata(tmp_path / "nowhere.onnx")
