"""Models by name."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from transformers import AutoConfig

from depth_ros import cli, models
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models import Device, ModelEntry, Output
from depth_ros.models.base import Environment
from depth_ros.models.speed import FRAME_MS
from depth_ros.models.transformers_model import TransformersModel
from test.models import published
from test.models.checkpoints import FAMILIES, build


def test_an_unknown_name_lists_the_nearest_ones() -> None:
    with pytest.raises(ModelError, match=r"'zoedepth' is unknown.*zoedepth-nyu, zoedepth-tiny or"):
        models.find("zoedepth")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("zoedepth-nyuu", "zoedepth-nyu"),
        ("depth-anything-v2-metric-indoor", "depth-anything-v2-metric-indoor-base"),
        ("depthpro", "depth-pro"),
        ("midas-dpt-large", "dpt-large"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_first(name: str, suggestion: str) -> None:
    with pytest.raises(ModelError, match=rf"'{name}' is unknown.*{suggestion}"):
        models.find(name)


def test_an_empty_name_says_what_is_expected() -> None:
    with pytest.raises(ModelError, match=r"model is empty, expected a name in `depth_ros models`"):
        models.find("")


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        models.load(str(tmp_path))


@pytest.mark.parametrize("name", ["zoedepth-lite", "zoedepth-nyu", "depth-anything-3-metric-large"])
def test_a_folder_without_weights_is_refused_by_what_it_lacks(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded from .*: it has no config\.json"):
        models.load(name, str(tmp_path))


def test_a_checkpoint_of_another_family_is_refused_by_its_type(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match=r"'bert'.*expected one of"):
        models.load(str(tmp_path))


def test_a_hub_id_that_cannot_be_reached_is_a_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="nobody/nothing"):
        models.load("nobody/nothing")


@pytest.mark.parametrize("entry", models.MODELS.values(), ids=models.MODELS)
def test_every_entry_contains_what_a_user_must_know(entry: ModelEntry) -> None:
    assert entry.licence
    assert entry.note
    assert entry.parameters_m > 0
    assert entry.preprocessing is not None
    assert entry.family in {**models.FAMILIES, **models.CLIP_FAMILIES}
    assert entry.source.count("/") == 1 or Path(entry.source).is_dir()
    # Prompt Depth Anything's range is the prompt's, the others' does not end.
    bounded = entry.family not in ("depth_pro", "prompt_depth_anything")
    bounded = bounded and entry.family not in ("depth_anything_3", "moge", "moge_onnx")
    assert (entry.max_depth_m > 0) == (entry.output is Output.METRIC_DEPTH and bounded)
    assert entry.commercial == (entry.licence.split(" (")[0] in ("MIT", "Apache-2.0"))


def test_no_two_entries_share_a_name_or_a_source() -> None:
    entries = models.MODELS.values()
    assert len({entry.source for entry in entries}) == len(entries) == len(FAMILY_OF)
    assert {name: entry.family for name, entry in models.MODELS.items()} == FAMILY_OF


FAMILY_OF = {
    "depthcrafter": "depthcrafter",
    "grin-tiny": "grin",
    "zoedepth-lite": "zoedepth_lite",
    **{f"zoedepth-{name}": "zoedepth" for name in ("tiny", "nyu", "kitti", "nyu-kitti")},
    **{f"dpt-beit-{name}": "dpt" for name in ("large-512", "large-384", "base-384")},
    **{f"dpt-swinv2-{name}": "dpt" for name in ("large-384", "base-384", "tiny-256")},
    **{"dpt-large": "dpt", "dpt-hybrid-midas": "dpt"},
    **{
        f"dpt-dinov2-{size}-{place}": "dpt"
        for size in ("small", "base", "large", "giant")
        for place in ("nyu", "kitti")
    },
    **{
        f"depth-anything-{kind}{size}": "depth_anything"
        for kind in ("", "v2-", "v2-metric-indoor-", "v2-metric-outdoor-")
        for size in ("small", "base", "large")
    },
    "depth-pro": "depth_pro",
    "tipsv2-base-nyu": "tipsv2_dpt",
    **{f"glpn-{data}": "glpn" for data in ("nyu", "kitti")},
    **{f"metric3d-v2-{size}": "metric3d" for size in ("small", "large")},
    **{f"depth-anything-3-{kind}-large": "depth_anything_3" for kind in ("metric", "mono")},
    **{f"moge-2-{size}": "moge" for size in ("small", "base", "large", "large-normal")},
    **{f"moge-2-{size}-onnx": "moge_onnx" for size in ("small", "base", "large-normal")},
    **{f"prompt-depth-anything-{size}": "prompt_depth_anything" for size in ("small", "large")},
}
"""Models and their families: scripts and launch files contain these names."""


@pytest.mark.parametrize(
    "name",
    [
        *("dpt-swinv2-large-384", "dpt-swinv2-tiny-256", "zoedepth-tiny", "grin-tiny"),
        *("zoedepth-nyu", "zoedepth-kitti"),  # one head
    ],
)
def test_what_overflows_in_float16_is_marked(name: str) -> None:
    assert not models.MODELS[name].half_safe


def test_two_heads_stay_finite_in_float16() -> None:
    assert models.MODELS["zoedepth-nyu-kitti"].half_safe


def test_licences_are_those_of_the_cards() -> None:
    entries = models.MODELS
    for name in ("dpt-large", "dpt-hybrid-midas"):
        assert entries[name].licence == "Apache-2.0"
    for name in ("dpt-beit-large-512", "dpt-swinv2-tiny-256", "zoedepth-nyu"):
        assert entries[name].licence == "MIT"
    for place in ("indoor", "outdoor"):
        licence = entries[f"depth-anything-v2-metric-{place}-small"].licence
        assert licence.startswith("Apache-2.0 (")
        assert "declares none" in licence


@pytest.mark.parametrize("name", models.MODELS)
def test_weights_for_research_are_not_called_commercial(name: str) -> None:
    large = "anything-v2" in name and not name.endswith("small")
    kept = name.startswith(("depth-pro", "depthcrafter", "metric3d", "glpn"))
    assert models.MODELS[name].commercial != (kept or large)


def test_a_new_checkpoint_of_a_known_family_is_one_entry(
    monkeypatch: pytest.MonkeyPatch, built: Callable[[str], Path]
) -> None:
    entry = ModelEntry(
        "mine",
        "depth_anything",
        str(built("depth-anything-metric")),
        Output.METRIC_DEPTH,
        "MIT",
        True,
    )
    monkeypatch.setitem(models.MODELS, "mine", entry)
    assert models.load("mine").max_depth_m == 20
    assert "| mine | any | metric_depth |" in models.table()


def test_the_hub_id_of_an_entry_is_that_entry() -> None:
    assert models.find("Intel/zoedepth-nyu") is models.MODELS["zoedepth-nyu"]
    assert models.find("apple/DepthPro-hf") is models.MODELS["depth-pro"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_is_described_by_its_config(family: str, built: Callable[[str], Path]) -> None:
    folder = str(built(family))
    entry = models.find(folder)
    model = models.load(folder)
    assert (entry.name, entry.source) == (folder, folder)
    assert entry.licence == "unknown"
    assert not entry.commercial
    assert entry.output is model.entry.output
    assert model.max_depth_m in (entry.max_depth_m, 0)


def test_weights_of_an_entry_may_lie_in_a_folder(built: Callable[[str], Path]) -> None:
    folder = str(built("depth-anything-metric"))
    name = "depth-anything-v2-metric-indoor-small"
    registered = models.MODELS[name]
    assert models.find(name, folder) == replace(registered, source=folder)
    assert models.find(registered.source, folder) == replace(registered, source=folder)
    model = models.load(name, folder)
    assert model.entry.licence == registered.licence
    assert registered.training_camera is not None
    assert model.training_f_px == model.network_f_px(registered.training_camera)


def test_the_entry_defines_the_range_if_the_checkpoint_does_not(
    built: Callable[[str], Path],
) -> None:
    entry = models.load("dpt-dinov2-small-nyu", str(built("dpt-dinov2"))).entry
    assert entry.max_depth_m == 10
    assert models.load(str(built("dpt-dinov2"))).entry.max_depth_m == 0


def test_weights_that_give_something_else_than_their_entry_are_refused(
    built: Callable[[str], Path],
) -> None:
    with pytest.raises(ModelError, match="outputs affine_inverse_depth, expected metric_depth"):
        models.load("depth-anything-v2-metric-indoor-small", str(built("depth-anything")))
    with pytest.raises(ModelError, match="cannot be loaded"):
        models.load("depth-pro", str(built("depth-anything")))


def test_weights_need_a_name_that_is_known_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'nobody/nothing' is unknown"):
        models.find("nobody/nothing", str(tmp_path))
    with pytest.raises(ModelError, match="is not a folder"):
        models.find("zoedepth-nyu", str(tmp_path / "absent"))


def test_the_entry_replaces_a_missing_preprocessor_file(tmp_path: Path) -> None:
    build("dpt-beit", tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    model = models.load("dpt-beit-base-384", str(tmp_path))
    assert model.preprocessing == models.MODELS["dpt-beit-base-384"].preprocessing
    with pytest.raises(ModelError, match=r"no preprocessor_config\.json"):
        models.load(str(tmp_path))


def test_a_damaged_config_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        models.find(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "f_px"),
    [
        # NYU's 640x480, resized to 512x384 from corner to corner; training had no margin.
        ("zoedepth-nyu", 519.1636 * (511 / 639 * 383 / 479) ** 0.5),
        # KITTI's middle 1216x352, warped to 768x384.
        ("zoedepth-kitti", 721.5377 * (767 / 1215 * 383 / 351) ** 0.5),
        # Depth Anything sees Hypersim's 1024x768 as 686x518.
        ("depth-anything-v2-metric-indoor-small", 886.81 * (686 / 1024 * 518 / 768) ** 0.5),
        ("dpt-dinov2-small-kitti", 721.54),
    ],
)
def test_metres_assume_the_focal_length_of_training(
    name: str, f_px: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = models.MODELS[name]
    family = models.FAMILIES[entry.family]
    assert issubclass(family, TransformersModel)
    assert entry.preprocessing is not None
    network: Any = nn.Module()
    network.config = published.config_of(name)[1]
    with monkeypatch.context() as patch:
        patch.setattr(family, "wrapper", lambda network: network)
        model = family.of(entry, network, entry.preprocessing)
    assert model.training_f_px == pytest.approx(f_px, rel=1e-4)


def test_the_training_camera_of_the_embedded_weights_is_the_one_they_store() -> None:
    camera = models.MODELS["zoedepth-tiny"].training_camera
    model = models.load("zoedepth-tiny")
    assert camera == Camera(128, 96, 105.0, 105.0, 63.5, 47.5)
    assert model.training_f_px == pytest.approx(model.network_f_px(camera))


def test_the_table_has_one_full_row_for_every_checkpoint() -> None:
    head, rule, *rows = models.table().splitlines()
    assert len(rows) == len(models.MODELS)
    assert {line.count("|") for line in (head, rule, *rows)} == {head.count("|")}
    for name, row in zip(models.MODELS, rows, strict=True):
        assert row.startswith(f"| {name} |")
        assert "|  |" not in row


@pytest.mark.parametrize("place", ["indoor", "outdoor", "any"])
@pytest.mark.parametrize("commercial", [True, False])
def test_models_are_chosen_by_place_and_licence(
    place: Environment, commercial: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    flag = ["--commercial"] if commercial else []
    assert cli.main(["models", "--markdown", "--for", place, *flag]) == 0
    listed = capsys.readouterr().out
    for name, entry in models.MODELS.items():
        serves = place in ("any", entry.place) or entry.place == "any"
        assert (f"| {name} |" in listed) == (serves and (entry.commercial or not commercial))


def test_places_are_those_of_the_data_sets() -> None:
    places = {
        "nyu": "indoor",
        "kitti": "outdoor",
        "indoor": "indoor",
        "outdoor": "outdoor",
        "prompt": "indoor",
    }
    for name, entry in models.MODELS.items():
        known = {place for part, place in places.items() if part in name.split("-")}
        if len(known) == 1:
            assert {entry.place} == known, name


@pytest.mark.parametrize("flag", [["--commercial"], ["--for", "any"], ["--device", "cpu"]])
def test_one_model_is_not_chosen_among_all(
    flag: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "zoedepth-nyu", *flag]) != 0
    assert "expected no model name" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_for_a_device_the_fastest_measured_models_come_first(device: Device) -> None:
    chosen = [entry.name for entry in models.select(device=device)]
    times = [FRAME_MS[device][name] for name in chosen if name in FRAME_MS[device]]
    assert len(times) == len(FRAME_MS[device].keys() & chosen) > 3
    assert times == sorted(times)
    sizes = [models.MODELS[name].parameters_m for name in chosen[len(times) :]]
    assert sizes == sorted(sizes)
    assert "depthcrafter" not in chosen, "it answers for whole recordings only"


def test_a_cpu_is_offered_small_models_alone() -> None:
    assert {entry.name for entry in models.select(device="cuda")} == {
        name for name, entry in models.MODELS.items() if entry.family in models.FAMILIES
    }
    small = models.select("outdoor", commercial=True, device="cpu")
    assert small
    for entry in small:
        assert entry.parameters_m <= 50
        assert entry.place in ("outdoor", "any")
        assert entry.commercial


def test_only_known_models_have_times() -> None:
    assert {name for times in FRAME_MS.values() for name in times} <= models.MODELS.keys()


def test_a_listing_has_selection_criteria_and_the_hardware_of_times(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["models", "--device", "cpu"]) == 0
    head, first, *rest = capsys.readouterr().out.splitlines()
    assert head.split() == ["model", "for", "range", "memory", "CPU", "GPU", "sale"]
    assert first.split() == [
        "zoedepth-lite",
        *["indoor", "20", "m", "0.014GB", "36ms", "-", "yes"],
    ]
    assert all(len(line) <= 80 for line in rest)
    assert any(models.HARDWARE["cpu"] in line for line in rest)


def test_the_table_of_one_model_has_its_row_alone(built: Callable[[str], Path]) -> None:
    entry = models.find(str(built("depth-anything-metric")))
    row = models.table([entry]).splitlines()[-1]
    assert row.startswith(
        f"| {entry.name} | any | metric_depth | 20 m | - | - | - | - | - | - | yes | unknown | no |"
    )


@pytest.mark.parametrize(("family", "loaded_by"), [("dpt-dinov2", "dpt"), ("grin", "grin")])
def test_an_unregistered_hub_id_is_described_by_its_config(
    monkeypatch: pytest.MonkeyPatch, built: Callable[[str], Path], family: str, loaded_by: str
) -> None:
    folder, read = built(family), AutoConfig.from_pretrained
    monkeypatch.setattr("depth_ros.models.hub._answers", lambda address: True)
    monkeypatch.setattr("transformers.utils.cached_file", lambda _, name, **__: str(folder / name))
    monkeypatch.setattr(AutoConfig, "from_pretrained", lambda *_, **__: read(folder))
    entry = models.find(f"somebody/{family}")
    assert (entry.family, entry.output) == (loaded_by, Output.METRIC_DEPTH)


def test_the_embedded_weights_match_their_entry() -> None:
    entry = models.MODELS["zoedepth-tiny"]
    model = models.load("zoedepth-tiny")
    count = sum(parameter.numel() for parameter in model.network.parameters())
    assert count / 1e6 == pytest.approx(entry.parameters_m, abs=0.05)
    assert model.max_depth_m == 0, "its head has no end"
    assert model.training_f_px is not None


@pytest.mark.parametrize("name", ["zoedepth-tiny", "grin-tiny"])
def test_embedded_weights_are_small_and_no_pickle(name: str) -> None:
    files = [path for path in (models.WEIGHTS / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12e6
    assert {path.suffix for path in files} <= {".json", ".safetensors"}
