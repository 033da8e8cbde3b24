"""undistort: the network sees a virtual pinhole, everything else the camera's own image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.errors import ModelError, SettingError
from depth_ros.evaluation import metrics
from depth_ros.geometry.camera import Camera
from depth_ros.geometry.virtual_pinhole import virtual_pinhole
from depth_ros.models import Prediction, Raw
from depth_ros.models.base import Executor, Request
from depth_ros.pipeline import DepthFrame, Frame, NetworkPredictor, Pipeline
from depth_ros.pipeline.network_view import NetworkViews
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.ground import Mount
from depth_ros.training.render import render
from depth_ros.training.scenes import Robot, random_drive
from test.bag.recordings import Brightness
from test.models.checkpoints import build
from test.runtimes.stand_in import graphs

FISHEYE = Camera(96, 72, 45.0, 44.0, 46.0, 37.0, "equidistant", (-0.02, 0.005, 0.0, 0.0))
BARREL = Camera(96, 72, 62.0, 62.0, 47.5, 35.5, "plumb_bob", (-0.3, 0.08, 0.0, 0.0))
PINHOLE = Camera.from_fov(96, 72, 70.0)
MOUNT = Mount.from_angles(0.7, 20.0, 0.0)


class Floor(Brightness):
    """A network that predicts the floor for every image of a pinhole, and keeps what it sees."""

    def __init__(self, share: float = 1.0) -> None:
        super().__init__()
        self._share, self.requests, self.images = share, list[Request](), list[Tensor]()

    def infer(self, execute: Executor, rgb: Tensor, request: Request) -> Prediction:
        self.requests.append(request)
        self.images.append(rgb)
        return super().infer(execute, rgb, request)

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        cameras = self.requests[-1].cameras
        floors = [self._share * floor_m(camera) for camera in cameras]
        assert all(floor.shape == (height, width) for floor in floors)
        return Prediction(torch.stack(floors), self.entry.output)


def floor_m(camera: Camera, mount: Mount = MOUNT) -> Tensor:
    ahead = np.dstack([camera.rays(), np.ones((camera.height, camera.width))])
    towards = ahead @ np.array(mount.down)
    return torch.from_numpy(mount.height_m / towards.clip(0.05)).float()


def pipeline_of(model: Brightness, **values: Any) -> Pipeline:
    given = {"device": "cpu", "edges_filter": "off", "focal_correction": False, **values}
    return Pipeline(
        NetworkPredictor(model, TorchRuntime(model.network, "cpu")), Settings().with_values(**given)
    )


def views_of() -> NetworkViews:
    return NetworkViews(pipeline_of(Floor()).model, lambda values: values)


def frame_of(camera: Camera, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (camera.height, camera.width, 3), np.uint8)
    return Frame(rgb, camera, 123, "optical")


def assert_floor(depth: DepthFrame, camera: Camera, share: float = 1.0) -> None:
    """The floor is on the pixels of the camera, where its pinhole sees it and it is not far."""
    known = depth.depth_m.isfinite()
    assert 0.3 < known.float().mean() < 0.99
    true_m = floor_m(camera)
    near = known & (true_m < 4)
    assert near.float().mean() > 0.15
    assert (depth.depth_m / true_m / share - 1)[near].abs().max() < 0.02


@pytest.mark.parametrize("camera", [FISHEYE, BARREL], ids=["fisheye", "barrel"])
def test_the_network_sees_a_pinhole_and_depth_is_on_the_images_own_pixels(camera: Camera) -> None:
    model = Floor()
    frame = frame_of(camera)
    depth = pipeline_of(model, undistort="pinhole")(frame)
    pinhole = virtual_pinhole(camera)
    assert pinhole is not None
    assert model.requests[-1].cameras == [pinhole]
    assert model.images[-1].shape == (1, pinhole.height, pinhole.width, 3)
    assert depth.camera == camera
    assert torch.equal(depth.rgb, torch.from_numpy(frame.rgb))
    assert_floor(depth, camera)


def test_points_lie_on_the_floor() -> None:
    pipeline = pipeline_of(Floor(), points_colour=False, max_depth_m=4.0)
    points = pipeline.points(pipeline(frame_of(FISHEYE))).numpy().view(np.float32)[:, :3]
    assert len(points) > 1000
    assert np.abs(points @ np.array(MOUNT.down) - MOUNT.height_m).max() < 0.02


@pytest.mark.parametrize(
    ("way", "camera", "same"),
    [
        ("auto", FISHEYE, False),
        ("auto", BARREL, True),
        ("auto", PINHOLE, True),
        ("pinhole", FISHEYE, False),
        ("pinhole", BARREL, False),
        ("pinhole", PINHOLE, True),
        ("off", FISHEYE, True),
    ],
)
def test_what_is_undistorted(way: str, camera: Camera, same: bool) -> None:
    views = views_of()
    view = views.of(camera, Settings(undistort=way))
    rgb = torch.from_numpy(frame_of(camera).rgb)
    assert (view.image(rgb) is rgb) == same
    assert (view.camera is camera) == same
    maps = torch.ones(1, view.camera.height, view.camera.width)
    assert (view.values(maps) is maps) == same


def test_a_camera_keeps_its_view() -> None:
    views = views_of()
    first = views.of(FISHEYE, Settings()).virtual
    views.of(BARREL, Settings(undistort="pinhole"))
    assert first is not None
    assert views.of(FISHEYE, Settings()).virtual is first


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_distorted_camera_may_hang_upside_down(turns: int) -> None:
    camera = BARREL.turned(-turns)
    frame = frame_of(BARREL)
    below = replace(frame, rgb=np.ascontiguousarray(np.rot90(frame.rgb, turns)), camera=camera)
    depth = pipeline_of(Floor(), undistort="pinhole", rotate=90 * turns)(below)
    upright = replace(depth, depth_m=torch.rot90(depth.depth_m, -turns))
    assert_floor(upright, BARREL)


@pytest.mark.parametrize("mode", ["ground", "anchors"])
def test_ground_and_anchors_scale_what_comes_back(mode: str) -> None:
    v, u = np.mgrid[40:72:3, 2:96:5].reshape(2, -1)
    anchors = Anchors(
        np.stack([u, v], axis=-1).astype(float), floor_m(FISHEYE).double().numpy()[v, u]
    )
    pipeline = pipeline_of(Floor(share=0.5), scale_mode=mode)
    depth = pipeline(frame_of(FISHEYE), MOUNT if mode == "ground" else anchors)
    assert depth.scale is not None
    assert depth.scale.scale == pytest.approx(2.0, rel=0.02)
    assert_floor(depth, FISHEYE)


def test_the_focal_length_is_the_pinholes() -> None:
    model = Floor()
    model.training_f_px = 40.0  # type: ignore[assignment]
    pipeline = pipeline_of(model, focal_correction=True, undistort="pinhole")
    pinhole = virtual_pinhole(BARREL)
    assert pinhole is not None
    assert pipeline.metric_scaler.focal_ratio(BARREL, pipeline.settings) == pytest.approx(
        pinhole.f_px / 40.0
    )
    assert_floor(pipeline(frame_of(BARREL)), BARREL, pinhole.f_px / 40.0)


def test_cameras_of_a_batch_may_have_different_pinholes() -> None:
    model = Floor()
    pipeline = pipeline_of(model, undistort="pinhole")
    frames = [frame_of(FISHEYE), frame_of(BARREL), frame_of(FISHEYE, 1)]
    for estimate in pipeline.predict_batch(frames, [None] * 3):
        assert_floor(pipeline.measure(estimate), estimate.frame.camera)
    model.batches_seen.clear()
    pipeline.predict_batch([frames[0], frames[2]], [None] * 2)
    assert model.batches_seen == [2]


def test_anchors_for_a_prompt_are_on_the_pinholes_pixels() -> None:
    view = views_of().of(FISHEYE, Settings())
    pixels = np.array([[60.0, 40.0], [0.0, 0.0], [30.0, 50.0]])
    seen = view.anchors(Anchors(pixels, np.array([1.0, 2.0, 3.0])))
    assert seen.depth_m.tolist() == [1.0, 3.0]  # the corner is outside of the pinhole's image
    rays = FISHEYE.unproject(pixels[[0, 2]])
    np.testing.assert_allclose(view.camera.unproject(seen.pixels), rays)


def test_the_network_size_is_relative_to_the_images_own_pixels() -> None:
    model = Floor()
    depth = pipeline_of(model, undistort="pinhole")(frame_of(BARREL))
    assert depth.network_size is not None
    assert depth.network_size == pytest.approx((72, 96), abs=1)  # the network keeps the size


def test_a_captured_network_gives_the_same_depth() -> None:
    model = Brightness()
    runtime, (both, machine) = TorchRuntime(model.network, "cpu"), graphs()
    settings = Settings(device="cpu", undistort="pinhole", edges_filter="off")
    eager = Pipeline(NetworkPredictor(model, runtime), settings)
    captured = Pipeline(NetworkPredictor(model, runtime, graphs=both), settings)
    for seed in range(3):
        frame = frame_of(BARREL, seed)
        found, expected = captured(frame), eager(frame)
        torch.testing.assert_close(found.depth_m, expected.depth_m, equal_nan=True)
    assert not captured.notices._waiting
    assert "replay" in machine.log


def test_a_model_of_rays_sees_the_lens_itself(tmp_path: Path) -> None:
    name = str(build("grin", tmp_path))
    with pytest.raises(ModelError, match="uses the rays of the camera's own lens"):
        Pipeline.from_settings(Settings(model=name, undistort="pinhole"))
    auto = Pipeline.from_settings(Settings(model=name, device="cpu"))
    off = auto.with_settings(auto.settings.with_values(undistort="off"))
    frame = frame_of(FISHEYE)
    torch.testing.assert_close(auto(frame).depth_m, off(frame).depth_m, equal_nan=True)


def test_other_ways_are_refused() -> None:
    with pytest.raises(SettingError, match="undistort is 'fisheye', expected one of auto, off"):
        Settings(undistort="fisheye")


def test_the_embedded_network_is_better_on_an_undistorted_fisheye() -> None:
    lens = Camera(320, 240, 131.0, 131.0, 159.5, 119.5, "equidistant", (0.0,) * 4)
    errors = []
    off, auto = (Pipeline.from_settings(Settings(undistort=way)) for way in ("off", "auto"))
    for seed in range(3):
        drive = random_drive(np.random.default_rng((20261, 5, 1, seed)), Robot(), 320, 240, 1)
        seen = render([drive.scene], drive.poses, [lens])
        frame, truth_m = Frame(seen.rgb[0].numpy(), lens, 1), seen.depth_m[0].numpy()
        own_m, depth_m = (each(frame).depth_m.numpy() for each in (off, auto))
        own_m[~np.isfinite(depth_m)] = np.nan
        errors.append([metrics.score(each, truth_m).abs_rel for each in (own_m, depth_m)])
    own, undistorted = np.mean(errors, axis=0)
    assert undistorted < 0.6 * own
