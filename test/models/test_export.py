"""Export: refused options, the content of files, and errors of int8 against torch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from depth_ros import cli, models
from depth_ros.errors import DepthError, ModelError, SettingError
from depth_ros.export import ExportOptions, export
from depth_ros.export.compare import compare
from depth_ros.export.trial import Trial, trials
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, Output, Prediction
from depth_ros.models.card import Card, part_path
from depth_ros.models.preprocessing import Preprocessing
from depth_ros.models.zoedepth_heads import with_all_heads
from depth_ros.runtimes import onnx_file
from test.bag.recordings import drive, write
from test.models.checkpoints import EXPORTED

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("family", "options", "problem"),
    [
        (
            "dpt-beit",
            ExportOptions(dynamic=True),
            "takes one size, 64x64 by default, expected --size",
        ),
        (
            "zoedepth",
            ExportOptions(dynamic=True),
            "takes one size, 64x96 by default, expected --size",
        ),
        ("depth-anything", ExportOptions(size=(60, 84)), "size is 60x84, expected multiples of 14"),
        (
            "dpt-beit",
            ExportOptions(precision="int8"),
            "0 are given, expected 2 or more: --calibrate",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_written(
    family: str, options: ExportOptions, problem: str, built: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=problem):
        export(str(built(family)), tmp_path / "a.onnx", options)
    assert not list(tmp_path.iterdir())


def test_zoedepth_is_exported_at_its_own_size_by_default(
    built: Callable[[str], Path], exported: Callable[[str, str], Path]
) -> None:
    assert EXPORTED["zoedepth"] == (False, None)
    rules = models.find(str(built("zoedepth"))).preprocessing
    model = models.load(str(exported("zoedepth", "float32")))
    assert rules is None  # only in the checkpoint
    assert isinstance(model, DepthModel)
    assert model.graphs[""].inputs[0][1][-2:] == (64, 96)


def test_a_model_that_overflows_in_float16_is_not_exported_in_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'zoedepth-tiny' overflows in float16"):
        export("zoedepth-tiny", tmp_path / "a.onnx", ExportOptions(precision="float16"))


@pytest.mark.parametrize("name", ["a.pt", "nowhere/a.onnx"])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=r"cannot be written, expected a name in \.onnx"):
        export("zoedepth-tiny", tmp_path / name)


@pytest.mark.parametrize(
    "values", [{"precision": "int4"}, {"size": (64, 96), "dynamic": True}, {"size": (0, 96)}]
)
def test_options_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="expected"):
        ExportOptions(**values)  # type: ignore[arg-type]


def test_an_export_that_disagrees_with_torch_is_not_written(
    built: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"largest relative error.*expected at most 0; nothing is"):
        export(str(built("dpt-vit")), tmp_path / "a.onnx", ExportOptions(tolerance=0.0))
    assert not list(tmp_path.iterdir())


def test_recorded_images_of_another_size_than_the_graphs_name_theirs(
    built: Callable[[str], Path], tmp_path: Path
) -> None:
    seen = Trial(torch.zeros(1, 56, 112, 3, dtype=torch.uint8), Camera.from_fov(112, 56, 60.0))
    with pytest.raises(ModelError, match="112x56 are resized to 56x112, expected --size 56x112"):
        export(
            str(built("depth-anything")),
            tmp_path / "a.onnx",
            ExportOptions(size=(56, 84), precision="int8"),
            [seen, seen],
        )


def test_int8_is_calibrated_on_a_bag_and_its_error_is_reported(
    built: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, out = write(tmp_path / "bag", drive(6)), tmp_path / "out.onnx"
    arguments = ["export", str(built("dpt-vit")), str(out), "--int8", "--calibrate", str(bag)]
    assert cli.main([*arguments, "--tolerance", "1"]) == 0
    text = capsys.readouterr().out
    assert "int8, 64x64, unknown" in text
    assert "relative error of depth against torch in float32, 3 images: largest" in text
    assert Card.of(out).precision == "int8"
    graph = onnx.load(out).graph
    kinds = {each.name: each.data_type for each in graph.initializer}
    rounded = [each.input[0] for each in graph.node if each.op_type == "DequantizeLinear"]
    assert sum(kinds.get(name) == onnx.TensorProto.INT8 for name in rounded) > 10


@pytest.mark.parametrize("more", [["--int8"], ["--calibrate", "bag"]])
def test_int8_and_its_bag_go_together(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [str(tmp_path) if each == "bag" else each for each in more]
    assert cli.main(["export", "zoedepth-tiny", str(tmp_path / "a.onnx"), *more]) == 2
    assert "--int8 and --calibrate BAG go together" in capsys.readouterr().err


def test_the_files_name_the_source_of_their_weights(
    built: Callable[[str], Path], exported: Callable[[str, str], Path]
) -> None:
    path, folder = exported("dpt-dinov2", "float32"), built("dpt-dinov2")
    metadata = onnx_file.metadata(path)
    assert metadata["model"] == folder.name
    assert metadata["licence"] == "unknown"
    card = Card.of(path)
    assert set(card.weights) == {"config.json", "preprocessor_config.json", "model.safetensors"}
    assert str(folder.parent) not in json.dumps(metadata), "a folder of this machine"
    assert card.inputs == (("pixels", (None, 3, None, None)),)
    assert models.find(str(path)).source == str(path)


def test_a_damaged_file_is_refused(exported: Callable[[str, str], Path], tmp_path: Path) -> None:
    whole = exported("dpt-dinov2", "float32").read_bytes()
    path = tmp_path / "a.onnx"
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    with pytest.raises(DepthError, match="damaged"):
        models.load(str(path))


def test_a_file_without_a_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="expected a file of depth_ros export"):
        models.find(str(path))
    onnx_file.add_metadata(path, {"depth_ros": json.dumps({"format": 99})})
    with pytest.raises(ModelError, match="expected format 1"):
        models.find(str(path))


def test_grins_parts_belong_together(exported: Callable[[str, str], Path], tmp_path: Path) -> None:
    path = exported("grin", "float32")
    denoiser = part_path(path, "denoiser")
    assert denoiser.name == "grin.denoiser.onnx"
    with pytest.raises(ModelError, match="is the denoiser of"):
        models.load(str(denoiser))
    (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match=r"grin\.denoiser\.onnx cannot be read"):
        models.load(str(tmp_path / path.name))
    part_path(tmp_path / path.name, "denoiser").write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match="not of the same export"):
        models.load(str(tmp_path / path.name))


def said_of(values: list[float], output: Output = Output.METRIC_DEPTH) -> list[Prediction]:
    return [Prediction(torch.tensor([[values]]), output)]


def test_errors_are_relative_to_depth_or_to_the_range_of_values_without_scale() -> None:
    metric = compare(said_of([1.1, 8.0]), said_of([1.0, 8.0]))
    assert metric.largest == pytest.approx(0.1)
    assert metric.mean == pytest.approx(0.05)
    kind = Output.AFFINE_INVERSE_DEPTH
    assert compare(said_of([0.1, 4.0], kind), said_of([0.0, 4.0], kind)).largest == pytest.approx(
        0.1 / 4
    )


def test_a_depth_of_zero_is_no_reason_for_an_infinite_error() -> None:
    assert compare(said_of([0.0, 5.0]), said_of([0.0, 5.0])).largest == 0
    assert compare(said_of([0.01, 5.0]), said_of([0.0, 5.0])).largest == pytest.approx(0.2)


def test_pixels_beyond_range_in_only_one_of_two_have_an_infinite_error() -> None:
    inf = float("inf")
    assert compare(said_of([1.0, inf]), said_of([1.0, inf])).largest == 0
    assert compare(said_of([1.0, inf]), said_of([1.0, 2.0])).largest == inf


@pytest.mark.parametrize("size", [(64, 96), (384, 512), (192, 640), (512, 384)])
@pytest.mark.parametrize("pad", [True, False])
def test_an_image_is_found_for_every_size_of_a_network(size: tuple[int, int], pad: bool) -> None:
    rules = Preprocessing(*size, pad=pad)
    image = rules.image_size(*size)
    assert rules.network_size(*rules.padded_size(*image)) == size


def test_a_dynamic_size_is_tested_with_two_sizes(built: Callable[[str], Path]) -> None:
    model = models.load(str(built("depth-anything")))
    rules = model.preprocessing
    tried = trials(model, None)
    assert len({rules.network_size(*each.rgb.shape[1:3]) for each in tried}) == 2
    assert {len(each.rgb) for each in tried} == {1, 2}


def test_every_image_selects_its_own_head_in_a_graph(built: Callable[[str], Path]) -> None:
    model = models.load(str(built("zoedepth-nk"))).at_size(64, 96)
    network = model.network.eval()
    heads: Any = network.get_submodule("network.metric_head")
    elected: list[int] = []
    heads.mlp_classifier.register_forward_hook(lambda _, __, votes: elected.append(votes.argmax()))
    graph = with_all_heads(network)
    with torch.inference_mode():
        for rgb in trials(model, (64, 96))[0].rgb.split(1):
            pixels = model.preprocess(rgb)
            assert torch.equal(graph(pixels), network(pixels))
    assert set(map(int, elected)) == {0, 1}
    assert network.get_submodule("network.metric_head") is heads
