"""Frame to DepthFrame: sizes, metres, ranges, and what is not done twice."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.config import Settings
from depth_ros.errors import CameraError, ModelError
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, ModelEntry, Output, Prediction
from depth_ros.pipeline import Frame, Pipeline
from depth_ros.runtimes.torch_runtime import TorchRuntime

SIZE_M = 0.5
"""Of the one kind of object in the world of ApparentSize."""


class ApparentSize(DepthModel):
    """A network that knows one thing: how large an object looks at its training focal length.

    It measures the width in pixels of the bright object in its 64x48 input.
    """

    entry = ModelEntry("apparent-size", "test", "", Output.METRIC_DEPTH, "Apache-2.0", True)
    max_depth_m = 20.0
    training_f_px = 50.0
    output = Output.METRIC_DEPTH

    def __init__(self) -> None:
        model = self

        class Network(nn.Module):
            def forward(self, pixels: Tensor) -> Tensor:
                return model.look(pixels)

        self.network = Network()
        self.calls = 0

    def look(self, pixels: Tensor) -> Tensor:
        self.calls += 1
        width_px = (pixels.mean((1, 2)) > 0.25).sum(-1)
        depth_m = SIZE_M * self.training_f_px / width_px
        return depth_m[:, None, None].expand(-1, 24, 32)

    def preprocess(self, rgb: Tensor) -> Tensor:
        return functional.interpolate(rgb.permute(0, 3, 1, 2).float() / 255, (48, 64))

    def postprocess(self, raw: Tensor, height: int, width: int) -> Prediction:
        return Prediction(functional.interpolate(raw[:, None], (height, width))[:, 0], self.output)

    def network_f_px(self, camera: Camera) -> float:
        return camera.scale(64, 48).f_px


def pipeline(**values: float | bool | int | str) -> Pipeline:
    model = ApparentSize()
    return Pipeline(model, TorchRuntime(model.network, "cpu"), Settings().with_values(**values))


def view(fov_deg: float, distance_m: float, width: int = 640, height: int = 480) -> Frame:
    """An object of SIZE_M in front of a camera, as wide as the lens makes it."""
    camera = Camera.from_fov(width, height, fov_deg)
    half_px = camera.fx * SIZE_M / distance_m / 2
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, math.ceil(width / 2 - half_px) : round(width / 2 + half_px)] = 255
    return Frame(rgb, camera, 123, "optical")


@pytest.mark.parametrize("fov_deg", [50.0, 62.0, 100.0])
def test_the_same_scene_through_different_lenses_has_the_same_metres(fov_deg: float) -> None:
    depth_m = pipeline()(view(fov_deg, 1.0)).depth_m
    assert float(depth_m.median()) == pytest.approx(1.0, rel=0.06)


def test_without_focal_correction_a_wide_lens_pushes_the_scene_away() -> None:
    ahead = pipeline(focal_correction=False)
    assert float(ahead(view(100.0, 1.0)).depth_m.median()) > 1.5


def test_depth_has_the_size_stamp_and_frame_of_the_image() -> None:
    depth = pipeline()(view(60, 1.0, width=100, height=70))
    assert depth.depth_m.shape == (70, 100)
    assert depth.depth_m.dtype == torch.float32
    assert (depth.stamp_ns, depth.frame_id) == (123, "optical")


def test_an_image_of_another_size_than_its_camera_is_refused() -> None:
    with pytest.raises(CameraError, match="image is 30x20, camera is for 64x48"):
        Frame(np.zeros((20, 30, 3), np.uint8), Camera.from_fov(64, 48, 60))


def test_from_the_users_range_on_there_is_nothing_in_range() -> None:
    assert torch.isposinf(pipeline(max_depth_m=0.9)(view(60, 1.0)).depth_m).all()
    assert torch.isnan(pipeline(min_depth_m=1.2)(view(60, 1.0)).depth_m).all()


def test_the_users_range_cannot_exceed_the_models() -> None:
    far = pipeline(max_depth_m=1000.0)
    blank = Frame(np.zeros((48, 64, 3), np.uint8), Camera.from_fov(64, 48, 60))
    assert torch.isposinf(far(blank).depth_m).all(), "no object looks infinitely far away"


def test_settings_apply_from_the_next_frame_on() -> None:
    live = pipeline()
    frame = view(60, 1.0)
    assert torch.isfinite(live(frame).depth_m).all()
    live.settings = live.settings.with_values(max_depth_m=0.5)
    assert torch.isposinf(live(frame).depth_m).all()


def test_relative_output_is_not_passed_off_as_metres() -> None:
    relative = pipeline()
    relative.model.output = Output.AFFINE_INVERSE_DEPTH  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="gives affine_inverse_depth, expected metric_depth"):
        relative(view(60, 1.0))


def test_points_lie_on_the_pixels_rays_and_colours_only_where_wanted() -> None:
    plain = pipeline(points_colour=False, points_organised=True, stride=7)
    depth = plain(view(60, 1.0))
    payload = plain.points(depth)
    assert payload.shape == (math.ceil(480 / 7), math.ceil(640 / 7), 12)
    points = payload.numpy().view(np.float32).reshape(-1, 3)
    v, u = np.mgrid[0:480:7, 0:640:7]
    expected = np.stack([u, v], axis=-1).reshape(-1, 2)
    assert np.abs(depth.camera.project(points) - expected).max() < 1e-2


def test_a_frame_runs_the_network_once_and_points_and_colours_not_at_all() -> None:
    counting = pipeline()
    depth = counting(view(60, 1.0))
    counting.points(depth)
    counting.colours(depth)
    assert counting.model.calls == 1  # type: ignore[attr-defined]


def test_read_only_images_are_taken_without_complaint(recwarn: pytest.WarningsRecorder) -> None:
    frame = view(60, 1.0)
    frame.rgb.flags.writeable = False
    assert torch.isfinite(pipeline()(frame).depth_m).all()
    assert not recwarn.list


def test_a_writable_image_is_not_copied_on_the_cpu() -> None:
    frame = view(60, 1.0)
    depth = pipeline()(frame)
    assert depth.rgb.data_ptr() == frame.rgb.ctypes.data
