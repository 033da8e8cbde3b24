"""The Python API: depth_ros.load(), its results, and the cost of the import."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import depth_ros
from depth_ros import estimator as module
from depth_ros.calibration import Calibration, from_fov
from depth_ros.errors import CameraError, FrameError, ScaleError, SettingError
from depth_ros.estimator import Estimator
from depth_ros.geometry import camera as camera_module
from depth_ros.pipeline import Estimate, Frame, Pipeline

CAMERA = depth_ros.Camera.from_fov(96, 64, fov_deg=70.0)


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return depth_ros.load(device="cpu")


def picture(seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8)


def test_importing_the_package_imports_no_heavy_library() -> None:
    script = (
        "import sys, depth_ros\n"
        "heavy = {'torch', 'cv2', 'numpy', 'transformers'}\n"
        "print(sorted(heavy & sys.modules.keys()), set(depth_ros.__all__) <= set(dir(depth_ros)))\n"
        "depth_ros.Camera.from_fov(64, 48, 60.0)\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=240
    )
    assert run.stdout.split("\n")[:2] == ["[] True", "False"]


# A library must not change these; malloc is tested in test_heap.
FACTS = """
def facts():
    import gc, os, random, signal, sys, threading
    import cv2, numpy, torch
    from transformers.utils import logging
    return {
        "environment": dict(os.environ),
        "threads of torch": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "threads of OpenCV": (cv2.getNumThreads(), cv2.utils.logging.getLogLevel()),
        "transformers": (logging.get_verbosity(), logging.is_progress_bar_enabled()),
        "random numbers": (
            torch.get_rng_state().tolist(), numpy.random.get_state()[1].tolist(), random.getstate()
        ),
        "torch": (
            torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
            torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision(),
            torch.are_deterministic_algorithms_enabled(),
        ),
        "Python": (
            gc.get_threshold(), gc.isenabled(), gc.get_freeze_count(), sys.getswitchinterval(),
            signal.getsignal(signal.SIGINT), sys.excepthook, threading.excepthook,
        ),
    }
"""


@pytest.mark.slow
def test_loading_and_running_a_model_does_not_change_the_process() -> None:
    script = FACTS + (
        "import numpy, cv2, torch, transformers\n"
        "import depth_ros\n"
        "rgb = numpy.full((48, 64, 3), 127, numpy.uint8)\n"
        "before = facts()\n"
        "estimator = depth_ros.load(device='cpu')\n"
        "estimator(rgb, depth_ros.Camera.from_fov(64, 48, 60.0)).points()\n"
        "after = facts()\n"
        "print([(name, before[name], after[name]) for name in before "
        "if before[name] != after[name]])"
    )
    # More than one thread: otherwise a change to one would not be detected.
    environment = {**os.environ, "OMP_NUM_THREADS": "3"}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.stdout.strip() == "[]", run.stderr


def test_every_public_name_is_there_and_documented() -> None:
    for name in depth_ros.__all__:
        assert getattr(depth_ros, name) is not None
        assert name == "__version__" or getattr(depth_ros, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        depth_ros.lod  # noqa: B018


def test_the_package_is_marked_as_typed() -> None:
    package = Path(depth_ros.__file__).parent
    assert (package / "py.typed").read_text() == ""
    assert '"py.typed"' in (package.parent / "setup.py").read_text()


@pytest.mark.parametrize("tested", [module, camera_module], ids=lambda tested: tested.__name__)
def test_the_examples_in_the_docstrings_are_true(tested: Any) -> None:
    results = doctest.testmod(tested, optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0
    assert results.failed == 0


def test_an_unknown_or_wrong_setting_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(SettingError, match="'max_dept_m' is unknown, did you mean max_depth_m"):
        depth_ros.load("no-such-model", max_dept_m=3.0)
    with pytest.raises(SettingError, match="stride is 0, expected 1"):
        depth_ros.load("no-such-model", stride=0)
    with pytest.raises(SettingError, match=r"extrinsics is 'tf'.*expected 'parameters'"):
        depth_ros.load("no-such-model", scale_mode="ground")


def test_depth_is_that_of_the_pipeline(estimator: Estimator) -> None:
    depth = estimator(picture(), CAMERA)
    same = Pipeline.from_settings(estimator.settings)(Frame(picture(), CAMERA))
    np.testing.assert_array_equal(depth.depth_m, same.depth_m.numpy())
    assert depth.depth_m.dtype == np.float32
    assert depth.depth_m.shape == (64, 96)
    assert depth.confidence is None
    assert depth.confidence_tensor is None
    assert depth.camera == CAMERA


def test_on_the_cpu_the_array_is_the_tensors_memory(estimator: Estimator) -> None:
    depth = estimator(picture(), CAMERA)
    assert depth.depth_m.ctypes.data == depth.depth_m_tensor.data_ptr()
    assert depth.depth_m is depth.depth_m


def test_the_repr_of_depth_has_its_size_and_range(estimator: Estimator) -> None:
    depth = estimator(picture(), CAMERA)
    least_m, most_m = depth.depth_m.min(), depth.depth_m.max()
    assert repr(depth) == f"Depth(96x64, {least_m:.2f} to {most_m:.2f} m)"
    beyond = estimator.stream(fps=1.0, max_depth_m=0.01)(picture(), CAMERA)
    assert repr(beyond) == "Depth(96x64, nothing in range)"


@pytest.mark.parametrize("stride", [1, 3])
def test_points_project_to_their_pixels_and_have_their_colours(
    estimator: Estimator, stride: int
) -> None:
    rgb = picture()
    depth = estimator(rgb, CAMERA)
    points = depth.points(stride)
    assert points.rgb is not None
    assert points.xyz.dtype == np.float32
    assert points.rgb.dtype == np.uint8
    assert points.xyz.shape == points.rgb.shape
    assert 0 < len(points.xyz) <= -(-64 // stride) * -(-96 // stride)
    u, v = np.rint(CAMERA.project(points.xyz)).astype(int).T
    assert set(u % stride) == set(v % stride) == {0}
    np.testing.assert_allclose(points.xyz[:, 2], depth.depth_m[v, u], rtol=1e-5)
    np.testing.assert_array_equal(points.rgb, rgb[v, u])
    plain = depth.points(stride, colour=False)
    assert plain.rgb is None
    np.testing.assert_array_equal(plain.xyz, points.xyz)


def test_fields_after_the_coordinates_are_left_out(
    estimator: Estimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = estimator(picture(), CAMERA)
    expected, straight = depth.points(colour=False).xyz, Pipeline.points

    def with_intensity(pipeline: Pipeline, *arguments: Any) -> torch.Tensor:
        payload = straight(pipeline, *arguments)
        return torch.cat([payload, torch.full((len(payload), 4), 7, dtype=torch.uint8)], 1)

    monkeypatch.setattr(Pipeline, "points", with_intensity)
    np.testing.assert_array_equal(depth.points(colour=False).xyz, expected)


def test_points_do_not_change_when_others_are_requested(estimator: Estimator) -> None:
    depth = estimator(picture(), CAMERA)
    first = depth.points()
    kept = first.xyz.copy()
    estimator(picture(1), CAMERA).points()
    np.testing.assert_array_equal(first.xyz, kept)


def test_colours_follow_the_range_that_is_asked_for(estimator: Estimator) -> None:
    depth = estimator(picture(), CAMERA)
    assert depth.colour().shape == (64, 96, 3)
    assert depth.colour().dtype == np.uint8
    near = depth.colour(near_m=100.0, far_m=200.0)
    assert len(np.unique(near.reshape(-1, 3), axis=0)) == 1, "all is nearer than that"
    with pytest.raises(SettingError, match=r"colour\.near_m is 4"):
        depth.colour(near_m=4.0, far_m=2.0)


@pytest.mark.parametrize(
    ("rgb", "error"),
    [
        (np.zeros((64, 96), np.uint8), FrameError),
        (np.zeros((64, 96, 3), np.float32), FrameError),
        (torch.zeros(64, 96, 3, dtype=torch.uint8), FrameError),
        (np.zeros((32, 96, 3), np.uint8), CameraError),
    ],
)
def test_an_image_that_does_not_match_the_camera_is_refused(
    estimator: Estimator, rgb: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"expected|image is"):
        estimator(rgb, CAMERA)


def test_what_is_no_camera_or_no_anchors_is_refused(estimator: Estimator) -> None:
    nothing: Any = None
    for estimate in (estimator, estimator.stream(fps=10.0)):
        with pytest.raises(CameraError, match="camera is NoneType, expected"):
            estimate(picture(), nothing)
    pixels: Any = [(3.0, 4.0, 1.0)]
    anchored = depth_ros.load(device="cpu", scale_mode="anchors")
    with pytest.raises(ScaleError, match="anchors is list, expected"):
        anchored(picture(), CAMERA, pixels)


def test_each_call_is_independent_and_a_stream_keeps_state() -> None:
    anchored = depth_ros.load(device="cpu", scale_mode="anchors")
    pixels = np.stack([np.linspace(2, 90, 40), np.linspace(2, 60, 40)], axis=1)
    depth_m = depth_ros.load(device="cpu")(picture(), CAMERA).depth_m
    u, v = np.rint(pixels).astype(int).T
    anchors = depth_ros.Anchors(np.stack([u, v], 1).astype(float), 2.0 * depth_m[v, u])
    stream = anchored.stream(fps=10.0)
    scaled = stream(picture(), CAMERA, anchors=anchors).depth_m
    np.testing.assert_allclose(scaled, 2 * depth_m, rtol=1e-3)
    np.testing.assert_allclose(stream(picture(), CAMERA).depth_m, scaled, rtol=1e-3)
    anchored(picture(), CAMERA, anchors)
    with pytest.raises(ScaleError, match="no scale yet"):
        anchored(picture(), CAMERA)
    with pytest.raises(SettingError, match=r"scale\.mode is 'model', expected 'anchors'"):
        depth_ros.load(device="cpu")(picture(), CAMERA, anchors)


def test_a_stream_steadies_a_scale_that_wobbles(
    estimator: Estimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = Pipeline.from_settings(estimator.settings).predict(Frame(picture(), CAMERA))
    factors = np.random.default_rng(0).uniform(0.93, 1.07, 30)
    coming = iter([*factors, *factors])

    def wobbling(self: Pipeline, frames: list[Frame], *others: Any) -> list[Estimate]:
        values = still.prediction.values * float(next(coming))
        prediction = replace(still.prediction, values=values)
        return [replace(still, frame=frame, prediction=prediction) for frame in frames]

    monkeypatch.setattr(Pipeline, "predict_batch", wobbling)

    def jumps(stream: depth_ros.Stream) -> float:
        depths_m = [np.median(stream(picture(), CAMERA).depth_m) for _ in factors]
        return float(np.std(np.diff(np.log(depths_m[10:]))))

    wobble = jumps(estimator.stream(fps=20.0))
    assert wobble > 0.03
    assert jumps(estimator.stream(fps=20.0, scale_steady_s=0.5)) < 0.5 * wobble


def test_a_streams_frames_have_times() -> None:
    estimator = depth_ros.load(device="cpu")
    stream = estimator.stream(fps=20.0)
    stamps = [stream(picture(), CAMERA).stamp_ns for _ in range(3)]
    assert stamps == [0, 50_000_000, 100_000_000]
    assert estimator.stream()(picture(), CAMERA, stamp_ns=7).stamp_ns == 7
    with pytest.raises(SettingError, match="no stamp_ns"):
        estimator.stream()(picture(), CAMERA)
    for fps in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="fps is"):
            estimator.stream(fps=fps)


def test_a_stream_has_live_settings_of_its_own(estimator: Estimator) -> None:
    near = estimator.stream(fps=10.0, max_depth_m=0.01)(picture(), CAMERA)
    assert np.isposinf(near.depth_m).all()
    assert np.isfinite(estimator(picture(), CAMERA).depth_m).any()
    with pytest.raises(SettingError, match="model cannot change"):
        estimator.stream(model="zoedepth-tiny")
    with pytest.raises(SettingError, match=r"'grin_carri' is unknown, did you mean .*grin_carry"):
        estimator.stream(grin_carri=True)


def test_grin_gives_confidence_and_carries_its_memory() -> None:
    grin = depth_ros.load(
        "grin-tiny", device="cpu", grin_samples=2, grin_steps=2, grin_query_stride=8
    )
    alone = grin(picture(), CAMERA)
    assert alone.confidence is not None
    assert alone.confidence.shape == (64, 96)
    assert 0 <= alone.confidence.min() <= alone.confidence.max() <= 1
    assert len(alone.points().xyz) > 0
    stream = grin.stream(fps=10.0, grin_carry=True)
    first, second = (stream(picture(), CAMERA).depth_m for _ in range(2))
    assert not np.array_equal(first, second), "the second one starts from the first"
    np.testing.assert_array_equal(grin(picture(), CAMERA).depth_m, alone.depth_m)


def test_without_visible_ground_there_is_no_scale() -> None:
    ground = depth_ros.load(
        device="cpu", scale_mode="ground", extrinsics="parameters", camera_pitch_deg=-80.0
    )
    with pytest.raises(ScaleError):
        ground(picture(), CAMERA)


def test_a_camera_is_made_of_k_in_every_form() -> None:
    k = np.array([[525.0, 0, 319.5], [0, 520.0, 239.5], [0, 0, 1]])
    expected = depth_ros.Camera(640, 480, 525.0, 520.0, 319.5, 239.5)
    for form in (k, k.tolist(), k.reshape(-1), (525.0, 520.0, 319.5, 239.5)):
        assert depth_ros.Camera.from_k(form, 640, 480) == expected
    skewed = k.copy()
    skewed[0, 1] = 5.25
    np.testing.assert_allclose(depth_ros.Camera.from_k(skewed, 640, 480).matrix, skewed)
    lens = depth_ros.Camera.from_k(k, 640, 480, "plumb_bob", [0.1, 0, 0, 0, 0])
    assert lens.coefficients == (0.1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("k", "words"),
    [
        (np.eye(4), r"shape \(4, 4\)"),
        (3.0, r"shape \(\)"),
        ([[525, 0, 320], [1, 525, 240], [0, 0, 1]], "expected .*fx"),
        ([[525, 0, 320], [0, 525, 240], [0, 0, 2]], "expected .*fx"),
        (np.zeros((3, 3)), "expected .*fx"),
        ([0, 525, 320, 240], "focal length"),
        ([float("nan"), 525, 320, 240], "focal length"),
    ],
)
def test_an_invalid_k_is_refused(k: Any, words: str) -> None:
    with pytest.raises(CameraError, match=words):
        depth_ros.Camera.from_k(k, 640, 480)


def yaml(path: Path, info: Calibration) -> Path:
    matrix = ", ".join(map(str, info.k))
    path.write_text(
        f"image_width: {info.width}\nimage_height: {info.height}\ncamera_name: narrow\n"
        f"camera_matrix:\n  rows: 3\n  cols: 3\n  data: [{matrix}]\n"
        "distortion_model: plumb_bob\n"
        "distortion_coefficients:\n  rows: 1\n  cols: 5\n  data: [0.1, -0.2, 0, 0, 0]\n"
    )
    return path


def test_a_camera_is_made_of_a_message_and_of_a_calibration_file(tmp_path: Path) -> None:
    info = from_fov(640, 480, 60.0)
    assert depth_ros.Camera.from_info(info) == depth_ros.Camera.from_fov(640, 480, 60.0)
    path = yaml(tmp_path / "camera.yaml", info)
    whole = depth_ros.Camera.from_yaml(path)
    assert (whole.lens, whole.coefficients[:2]) == ("plumb_bob", (0.1, -0.2))
    assert depth_ros.Camera.from_yaml(str(path), 320, 240) == whole.scale(320, 240)
    with pytest.raises(CameraError, match="image is 320x320"):
        depth_ros.Camera.from_yaml(path, 320, 320)
    with pytest.raises(CameraError, match="expected both"):
        depth_ros.Camera.from_yaml(path, 320)
    with pytest.raises(CameraError, match="is not a calibration"):
        depth_ros.Camera.from_yaml(tmp_path / "none.yaml")
