"""One suite over every runtime and every family: the same depth in every runtime."""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_ros import cli, models, runtimes
from depth_ros.config import Settings
from depth_ros.errors import ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, Prediction
from depth_ros.models.base import Executor, Request
from depth_ros.models.mirrored import Mirrored
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.ros.introduction import precision
from depth_ros.runtimes import RUNTIMES
from test.bag.recordings import drive, write
from test.models.checkpoints import EXPORTED, FAMILIES
from test.models.references import image

# Sizes of images: odd ones, upright and across. All of them come to the one size of those networks
# whose graph has one.
SIZES = [(61, 91), (96, 147)]
OPEN = {"dpt-dinov2", "depth-anything-metric", "prompt-depth-anything"}
UPRIGHT = [(91, 61)]
TOLERANCES = {"float32": 1e-3, "float16": 0.03}

Models = Callable[[str, str, str], tuple[DepthModel, Executor]]


@pytest.fixture(scope="session")
def loaded(built: Callable[[str], Path], exported: Callable[[str, str], Path]) -> Models:
    """A family's model, and what executes it: by runtime and precision."""

    def load(family: str, runtime: str, dtype: str) -> tuple[DepthModel, Executor]:
        path = built(family) if runtime == "torch" else exported(family, dtype)
        model = models.load(str(path))
        return model, runtimes.create(runtime, model.network, "cpu", dtype, model.graphs)

    return cache(load)


def ask(
    model: DepthModel, execute: Executor, height: int, width: int, count: int = 1
) -> Prediction:
    """Return a model's predictions; every second image of a batch is upside down."""
    rgb = image(height, width)
    images = np.stack([rgb if index % 2 == 0 else rgb[::-1] for index in range(count)])
    prompts = None
    if model.prompt_size is not None:
        floor = torch.linspace(4, 1, model.prompt_size[0])[:, None]
        prompts = floor.repeat(1, model.prompt_size[1]).expand(count, 1, -1, -1)
    camera = Camera.from_fov(width, height, 70.0)
    with torch.inference_mode():
        return model.infer(execute, torch.from_numpy(images), Request([camera] * count, prompts))


def sizes(family: str) -> list[tuple[int, int]]:
    return SIZES + UPRIGHT if family in OPEN or family.startswith(("dpt", "depth-pro")) else SIZES


def assert_same(found: Tensor, expected: Tensor, tolerance: float) -> None:
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == torch.float32
    error = (found - expected).abs() / expected.abs().clamp(min=0.1 * float(expected.abs().max()))
    assert float(error.max()) < tolerance


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_after_a_run_the_cores_are_free(runtime: str, loaded: Models) -> None:
    model, execute = loaded("depth-anything-metric", runtime, "float32")
    ask(model, execute, *SIZES[0])
    busy_s, clock_s = time.process_time(), time.perf_counter()
    Event().wait(0.2)
    assert time.process_time() - busy_s < 0.1 * (time.perf_counter() - clock_s)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("family", EXPORTED)
def test_every_family_gives_the_same_result_in_every_runtime(
    family: str, runtime: str, loaded: Models
) -> None:
    reference, torch_itself = loaded(family, "torch", "float32")
    model, execute = loaded(family, runtime, "float32")
    for size in sizes(family):
        expected, found = ask(reference, torch_itself, *size), ask(model, execute, *size)
        assert found.values.shape == (1, *size)
        assert found.output is expected.output
        assert found.network_size == expected.network_size
        assert_same(found.values, expected.values, TOLERANCES["float32"])
        if expected.f_px is not None:
            assert found.f_px is not None
            assert_same(found.f_px, expected.f_px, TOLERANCES["float32"])


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("family", EXPORTED)
def test_a_batch_is_its_images_in_every_runtime(family: str, runtime: str, loaded: Models) -> None:
    model, execute = loaded(family, runtime, "float32")
    batch = ask(model, execute, 61, 91, 3).values
    alone = ask(model, execute, 61, 91).values
    assert_same(batch[:1], alone, TOLERANCES["float32"])
    assert_same(batch[2:], alone, TOLERANCES["float32"])
    assert (batch[1] - batch[0]).abs().max() > 0.01 * alone.abs().max()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_float16_is_near_float32_in_every_runtime(runtime: str, loaded: Models) -> None:
    family = "dpt-vit"
    expected = ask(*loaded(family, "torch", "float32"), 61, 91).values
    found = ask(*loaded(family, runtime, "float16"), 61, 91).values
    assert_same(found, expected, TOLERANCES["float16"])
    assert not torch.equal(found, expected)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_mirror_images_mean_is_the_same_in_every_runtime(runtime: str, loaded: Models) -> None:
    reference, torch_itself = loaded("dpt-dinov2", "torch", "float32")
    model, execute = loaded("dpt-dinov2", runtime, "float32")
    expected = ask(reference, Mirrored(torch_itself), 61, 91).values
    assert_same(ask(model, Mirrored(execute), 61, 91).values, expected, TOLERANCES["float32"])


@pytest.mark.parametrize("family", EXPORTED)
def test_an_exported_file_states_all_facts_of_its_checkpoint(family: str, loaded: Models) -> None:
    model, _ = loaded(family, "torch", "float32")
    other, _ = loaded(family, "onnxruntime", "float32")
    size = EXPORTED[family][1]
    model = model if size is None else model.at_size(*size)
    camera = Camera.from_fov(147, 96, 70.0)
    assert type(other) is type(model)
    assert other.preprocessing == model.preprocessing
    for name in ("max_depth_m", "training_f_px", "prompt_size", "batches", "denoises"):
        assert getattr(other, name) == getattr(model, name), name
    assert other.network_f_px(camera) == model.network_f_px(camera)
    for name in ("family", "output", "licence", "commercial", "half_safe", "note"):
        assert getattr(other.entry, name) == getattr(model.entry, name), name


@pytest.mark.parametrize("family", ["zoedepth", "depth-anything-metric", "grin"])
def test_an_exported_file_alone_is_enough_for_the_pipeline(
    family: str, built: Callable[[str], Path], exported: Callable[[str, str], Path]
) -> None:
    frame = Frame(image(61, 91), Camera.from_fov(91, 61, 70.0))
    depths_m = []
    for path in (built(family), exported(family, "float32")):
        pipeline = Pipeline.from_settings(Settings(model=str(path), device="cpu"))
        pipeline.warm_up()  # at a size that the graph takes
        depths_m.append(pipeline(frame).depth_m)
        assert precision(pipeline) == "float32"
    near = depths_m[0].isfinite() & depths_m[1].isfinite()
    assert near.float().mean() > 0.5
    assert_same(depths_m[1][near], depths_m[0][near], TOLERANCES["float32"])


def test_an_exported_file_alone_is_enough_for_the_verbs(
    exported: Callable[[str, str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(exported("depth-anything-metric", "float32"))
    assert cli.main(["models", path, "--check"]) == 0
    assert "for 640x480" in capsys.readouterr().out
    bag = write(tmp_path / "bag", drive(2))
    arguments = ["convert", str(bag), str(tmp_path / "out"), "--set", f"model={path}"]
    assert cli.main([*arguments, "--set", "device=cpu", "--set", "runtime=onnxruntime"]) == 0
    assert "2 of 2 frames answered" in capsys.readouterr().out


def test_an_image_of_another_size_than_the_graphs_names_the_export_option(loaded: Models) -> None:
    model, execute = loaded("zoedepth", "onnxruntime", "float32")
    with pytest.raises(ModelError, match=r"pixels is 1x3x\d+x\d+.*takes 1x3x64x96.*--size \d+x\d+"):
        ask(model, execute, 200, 100)


def test_a_runtime_that_cannot_execute_a_model_names_one_that_can(loaded: Models) -> None:
    exported, _ = loaded("dpt-dinov2", "onnxruntime", "float32")
    checkpoint, _ = loaded("dpt-dinov2", "torch", "float32")
    with pytest.raises(ModelError, match="expected onnxruntime"):
        runtimes.create("torch", exported.network, "cpu", "float32", exported.graphs)
    with pytest.raises(ModelError, match=r"depth_ros export MODEL OUT\.onnx"):
        runtimes.create("onnxruntime", checkpoint.network, "cpu", "float32")
    with pytest.raises(ModelError, match=r"dtype is 'float16'.*exported in float32"):
        runtimes.create("auto", exported.network, "cpu", "float16", exported.graphs)
    with pytest.raises(ModelError, match="was exported, expected runtime onnxruntime"):
        exported.network(torch.zeros(1, 3, 28, 28))


def test_all_families_are_exported() -> None:
    assert {*EXPORTED} == {*FAMILIES} - {"depth-anything", "depth-pro-without-fov"}
