"""Cameras that hang upside down or on their side: the network sees upright images."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from depth_ros.config import Settings
from depth_ros.errors import SettingError
from depth_ros.geometry.camera import Camera
from depth_ros.models import Prediction, Raw
from depth_ros.pipeline import DepthFrame, Frame, NetworkPredictor, Pipeline
from depth_ros.pipeline.metric_scaler import MetricScaler
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.ground import Mount
from depth_ros.training.render import render_drive
from depth_ros.training.scenes import Robot, random_drive
from test.bag.recordings import Brightness
from test.models.checkpoints import build

TURNS = (1, 2, 3)
# Neither square nor centred, and not the same all around its axis.
CAMERA = Camera(
    64, 48, 50.0, 55.0, 30.0, 25.0, "plumb_bob", (-0.1, 0.02, 0.004, -0.003, 0.0), skew=0.01
)
MOUNT = Mount.from_angles(0.7, 20.0, 0.0)

turned_by = pytest.mark.parametrize("turns", TURNS)


class Upright(Brightness):
    """A network that predicts the floor under a camera at CAMERA's pose for every image.

    As networks do it takes what is low in the image for near: of an image that is not upright it
    says nonsense.
    """

    def __init__(self, floor: Tensor) -> None:
        super().__init__()
        self._floor = floor

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        assert (height, width) == self._floor.shape
        assert isinstance(raw, Tensor)
        return Prediction(self._floor.repeat(len(raw), 1, 1), self.entry.output)


def rays(camera: Camera) -> npt.NDArray[np.float64]:
    return np.dstack([camera.rays(), np.ones((camera.height, camera.width))])


def floor_m() -> Tensor:
    towards = rays(CAMERA) @ np.array(MOUNT.down)
    return torch.from_numpy(MOUNT.height_m / towards.clip(0.05)).float()


def upright(**values: Any) -> Pipeline:
    model = Upright(floor_m())
    settings = Settings(device="cpu", edges_filter="off", focal_correction=False)
    return Pipeline(
        NetworkPredictor(model, TorchRuntime(model.network, "cpu")), settings.with_values(**values)
    )


def picture(camera: Camera = CAMERA) -> Frame:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (camera.height, camera.width, 3), np.uint8)
    return Frame(rgb, camera, 123, "optical")


def hung(frame: Frame, turns: int) -> Frame:
    """Return the image of the same camera, mounted so that its rotated image is upright."""
    rgb = np.ascontiguousarray(np.rot90(frame.rgb, turns))
    return replace(frame, rgb=rgb, camera=frame.camera.turned(-turns))


def turned_vector(vector: Any, turns: int) -> tuple[float, ...]:
    """A vector of the upright camera's frame in that of the hung one."""
    x, y, z = vector
    for _ in range(turns):
        x, y = y, -x
    return x, y, z


def assert_same(one: DepthFrame, other: DepthFrame, turns: int, atol: float = 0.0) -> None:
    torch.testing.assert_close(
        torch.rot90(one.depth_m, turns), other.depth_m, rtol=1e-5, atol=atol, equal_nan=True
    )


@turned_by
def test_the_network_sees_an_upright_image_and_depth_is_on_the_cameras_own(turns: int) -> None:
    frame = picture()
    found = upright(rotate=90 * turns)(hung(frame, turns))
    assert_same(upright()(frame), found, turns)
    assert torch.equal(found.rgb, torch.from_numpy(hung(frame, turns).rgb))
    assert found.camera == hung(frame, turns).camera


@turned_by
def test_points_of_a_rotated_camera_are_those_of_the_upright_one_in_its_own_frame(
    turns: int,
) -> None:
    frame = picture()
    given = {"points_organised": True, "points_colour": False}
    hanging, standing = upright(rotate=90 * turns, **given), upright(**given)
    expected = standing.points(standing(frame)).numpy().view(np.float32)
    points = hanging.points(hanging(hung(frame, turns))).numpy().view(np.float32)
    x, y, z = turned_vector(np.moveaxis(np.rot90(expected, turns), -1, 0), turns)
    np.testing.assert_allclose(points, np.stack([x, y, z], axis=-1), rtol=1e-4, atol=1e-4)


@turned_by
def test_the_ground_and_anchors_give_a_rotated_camera_the_same_scale(turns: int) -> None:
    frame = picture()
    below = hung(frame, turns)
    mount = Mount(MOUNT.height_m, turned_vector(MOUNT.down, turns))  # type: ignore[arg-type]
    v, u = np.mgrid[2 : below.camera.height : 5, 2 : below.camera.width : 5].reshape(2, -1)
    known = torch.rot90(floor_m(), turns).numpy()[v, u]
    anchors = Anchors(np.stack([u, v], axis=-1).astype(float), known.astype(float))
    for mode, reference in (("ground", mount), ("anchors", anchors)):
        model = Upright(floor_m() / 2)
        settings = Settings(
            device="cpu",
            edges_filter="off",
            focal_correction=False,
            scale_mode=mode,
            rotate=90 * turns,
        )
        found = Pipeline(NetworkPredictor(model, TorchRuntime(model.network, "cpu")), settings)(
            below, reference
        )
        assert found.scale is not None
        assert found.scale.scale == pytest.approx(2.0, rel=0.02)


@turned_by
def test_the_focal_length_across_is_that_of_the_turned_image(turns: int) -> None:
    given = upright(rotate=90 * turns, focal_correction=True)
    prediction = Prediction(floor_m()[None], given.model.entry.output, torch.tensor([100.0]))
    camera = hung(picture(), turns).camera
    scaler = MetricScaler(given.model, given.device, given.profile)
    ratio = scaler.focal_ratio(camera, given.settings, prediction)
    assert ratio == pytest.approx(CAMERA.fx / 100)


@turned_by
def test_frames_of_a_batch_are_turned_alike(turns: int) -> None:
    given = upright(rotate=90 * turns)
    frames = [hung(picture(), turns)] * 2
    for estimate in given.predict_batch(frames, [None, None]):
        assert_same(upright()(picture()), given.measure(estimate), turns)


def rendered() -> Frame:
    drive = random_drive(np.random.default_rng(5), Robot(), 96, 64, 1)
    rgb = render_drive(drive, seed=0).rgb.numpy()[0]
    return Frame(rgb, drive.camera, 123, "optical")


@pytest.mark.parametrize("family", ["zoedepth-tiny", "grin"])
@turned_by
def test_a_real_network_gives_the_same_depth_for_every_mounting_of_the_camera(
    family: str, turns: int, tmp_path: Path
) -> None:
    name = family if family == "zoedepth-tiny" else str(build(family, tmp_path))
    make = partial(Settings, model=name, device="cpu", grin_samples=2, edges_filter="off")
    frame = rendered()
    hanging = Pipeline.from_settings(make(rotate=90 * turns))
    below = hung(frame, turns)
    expected = Pipeline.from_settings(make())(frame)
    found = hanging(below)
    assert_same(expected, found, turns, atol=1e-4)
    if expected.confidence is not None:
        assert found.confidence is not None
        torch.testing.assert_close(torch.rot90(expected.confidence, turns), found.confidence)
    # Without the setting the result differs: the test can fail.
    upside_down = Pipeline.from_settings(make())(below).depth_m
    assert (torch.rot90(expected.depth_m, turns) - upside_down).abs().nanmean() > 1e-3


def seen_of(depth: DepthFrame) -> Anchors:
    """Anchors that make some pixels of a frame 1.5 times as deep as predicted."""
    height, width = depth.depth_m.shape
    v, u = np.mgrid[2:height:5, 2:width:5].reshape(2, -1)
    known = 1.5 * depth.depth_m.numpy()[v, u].astype(float)
    finite = np.isfinite(known)
    return Anchors(np.stack([u, v], axis=-1)[finite].astype(float), known[finite])


@pytest.mark.parametrize("mode", ["ground", "anchors"])
@turned_by
def test_ground_and_anchors_give_the_same_depth_for_every_mounting_of_the_camera(
    mode: str, turns: int
) -> None:
    make = partial(Settings, model="zoedepth-tiny", device="cpu", edges_filter="off")
    raw, frame = Pipeline.from_settings(make())(rendered()), rendered()
    below = hung(frame, turns)
    turned = replace(raw, depth_m=torch.rot90(raw.depth_m, turns))
    given: dict[str, Any] = {"scale_mode": mode, "extrinsics": "parameters"}
    upright_settings = make(**given, camera_height_m=0.6, camera_pitch_deg=10.0)
    hanging_settings = make(
        **given,
        camera_height_m=0.6,
        camera_pitch_deg=10.0,
        camera_roll_deg=(0.0, 90.0, 180.0, -90.0)[turns],
        rotate=90 * turns,
    )

    def scaled(settings: Settings, frame: Frame, depth: DepthFrame) -> DepthFrame:
        angles_deg = (settings.camera_pitch_deg, settings.camera_roll_deg)
        mount = Mount.from_angles(settings.camera_height_m, *angles_deg)
        reference = mount if mode == "ground" else seen_of(depth)
        return Pipeline.from_settings(settings)(frame, reference)

    expected = scaled(upright_settings, frame, raw)
    found = scaled(hanging_settings, below, turned)
    assert expected.scale is not None and found.scale is not None
    assert abs(expected.scale.scale - 1) > 0.05, "nothing to agree on"
    assert found.scale.scale == pytest.approx(expected.scale.scale, rel=0.02)
    torch.testing.assert_close(
        torch.rot90(expected.depth_m, turns), found.depth_m, rtol=0.05, atol=0.02, equal_nan=True
    )


@pytest.mark.parametrize(
    ("rotate", "roll_deg", "expected"), [(180, 0.0, "180"), (90, -90.0, "90"), (270, 90.0, "-90")]
)
def test_a_roll_that_contradicts_the_turn_is_refused(
    rotate: int, roll_deg: float, expected: str
) -> None:
    ground: dict[str, Any] = {"scale_mode": "ground", "extrinsics": "parameters"}
    with pytest.raises(SettingError, match=f"camera.roll_deg is .*, expected about {expected} "):
        Settings(rotate=rotate, camera_roll_deg=roll_deg, **ground)
    Settings(rotate=rotate, camera_roll_deg=float(expected) + 20 * (rotate < 180), **ground)
    Settings(rotate=rotate, camera_roll_deg=roll_deg)


def test_an_image_turns_by_quarters_only() -> None:
    with pytest.raises(SettingError, match="rotate is 45, expected one of 0, 90, 180, 270"):
        Settings(rotate=45)
