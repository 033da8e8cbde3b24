"""Frame to DepthFrame: sizes, metres, ranges, and no repeated work."""

import math
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.config import Settings
from depth_ros.errors import CameraError, FrameError, ModelError, ScaleError
from depth_ros.geometry.camera import Camera
from depth_ros.models import DepthModel, ModelEntry, Output, Prediction, Raw
from depth_ros.models.zoedepth import Preprocessing, ZoeDepth
from depth_ros.pipeline import Frame, NetworkPredictor, Pipeline
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.scale.anchors import Anchors
from depth_ros.scale.ground import Mount
from test.models import checkpoints

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
    f_px: Tensor | None = None

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

    def postprocess(self, raw: Raw, height: int, width: int) -> Prediction:
        assert isinstance(raw, Tensor)
        values = functional.interpolate(raw[:, None], (height, width))[:, 0]
        return Prediction(values, self.output, self.f_px)

    def network_f_px(self, camera: Camera) -> float:
        return camera.scale(64, 48).f_px


def pipeline(**values: float | bool | int | str) -> Pipeline:
    model = ApparentSize()
    return Pipeline(
        NetworkPredictor(model, TorchRuntime(model.network, "cpu")),
        Settings().with_values(**values),
    )


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


@pytest.mark.parametrize("camera", [None, np.eye(3), {"fx": 50.0}, Camera], ids=str)
def test_what_is_no_camera_is_refused_with_what_it_is(camera: Any) -> None:
    with pytest.raises(CameraError, match=rf"camera is {type(camera).__name__}, expected"):
        Frame(np.zeros((48, 64, 3), np.uint8), camera)


@pytest.mark.parametrize(
    ("rgb", "words"),
    [
        (np.zeros((48, 64, 3), np.float32), r"float32 \(48, 64, 3\)"),
        (np.zeros((48, 64, 3), np.uint16), "uint16"),
        (np.zeros((48, 64, 3), bool), "bool"),
        (np.zeros((48, 64), np.uint8), r"uint8 \(48, 64\)"),
        (np.zeros((48, 64, 1), np.uint8), r"\(48, 64, 1\)"),
        (np.zeros((48, 64, 4), np.uint8), r"\(48, 64, 4\)"),
        (np.zeros((3, 48, 64), np.uint8), r"\(3, 48, 64\)"),
        (torch.zeros(48, 64, 3, dtype=torch.uint8), "rgb is Tensor"),
        ([[0, 0, 0]], "rgb is list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_invalid_rgb_image_is_refused_with_its_type(rgb: Any, words: str) -> None:
    with pytest.raises(FrameError, match=rf"{words}.*expected .*uint8 \(H, W, 3\)"):
        Frame(rgb, Camera.from_fov(64, 48, 60))


@pytest.mark.parametrize(
    "view_of",
    [
        lambda rgb: rgb[..., ::-1],
        lambda rgb: rgb[::-1, ::-1],
        lambda rgb: np.asfortranarray(rgb),
        lambda rgb: np.broadcast_to(rgb[:1], rgb.shape),
    ],
    ids=["channels turned round", "upside down", "columns first", "one row for all"],
)
def test_an_image_gives_the_same_depth_in_every_memory_layout(
    view_of: Callable[[Any], Any],
) -> None:
    camera = Camera.from_fov(64, 48, 60)
    seen = view_of(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    lying = pipeline()(Frame(seen, camera))
    copied = pipeline()(Frame(np.array(seen, order="C"), camera))
    torch.testing.assert_close(lying.depth_m, copied.depth_m, equal_nan=True)
    np.testing.assert_array_equal(lying.rgb, copied.rgb)


def test_a_frame_worked_on_under_other_settings_leaves_the_pipelines_own() -> None:
    own = pipeline()
    other = own.with_settings(own.settings.with_values(max_depth_m=0.5))
    assert torch.isposinf(other(view(60, 1.0)).depth_m).all()
    assert not torch.isposinf(own(view(60, 1.0)).depth_m).all()
    camera = Camera.from_fov(64, 48, 60)
    assert other.states.of(camera) is own.states.of(camera)


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


def test_relative_output_is_not_published_as_metres() -> None:
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


def predicting(
    values: Tensor, output: Output = Output.METRIC_DEPTH, **changes: float | str
) -> Pipeline:
    """A pipeline whose network has the same output for every image."""
    fixed = pipeline(**changes)
    fixed.model.look = lambda pixels: values[None]  # type: ignore[attr-defined]
    fixed.model.output = output  # type: ignore[attr-defined]
    return fixed


CAMERA = Camera.from_fov(64, 48, 60.0)
BLANK = Frame(np.zeros((48, 64, 3), np.uint8), CAMERA, stamp_ns=10**9)


def test_metres_are_corrected_from_the_networks_focal_length_to_the_real_one() -> None:
    fixed = predicting(torch.full((48, 64), 2.0))
    fixed.model.f_px = torch.tensor([2 * CAMERA.fx])  # type: ignore[attr-defined]
    assert torch.allclose(fixed(BLANK).depth_m, torch.tensor(1.0))
    fixed.settings = fixed.settings.with_values(focal_correction=False)
    assert torch.allclose(fixed(BLANK).depth_m, torch.tensor(2.0))


def test_a_saturated_network_gives_no_wall_at_the_end_of_its_range() -> None:
    values = torch.full((48, 64), 19.9)
    values[:, :10] = 19.0
    depth_m = predicting(values, focal_correction=False)(BLANK).depth_m
    assert torch.isposinf(depth_m[:, 10:]).all()
    assert torch.equal(depth_m[:, :10], values[:, :10])


def test_a_model_without_an_end_of_range_ends_at_the_users() -> None:
    unbounded = predicting(torch.linspace(1, 500, 64).expand(48, 64), focal_correction=False)
    unbounded.model.max_depth_m = 0.0
    assert torch.isfinite(unbounded(BLANK).depth_m).all()
    unbounded.settings = unbounded.settings.with_values(max_depth_m=100.0)
    assert torch.isposinf(unbounded(BLANK).depth_m[:, 32:]).all()


RAMP_M = torch.linspace(1, 8, 48)[:, None].expand(48, 64).contiguous()


def ramp_anchors(count: int = 60) -> Anchors:
    pixels = np.random.default_rng(0).integers(0, (64, 48), (count, 2))
    return Anchors(pixels.astype(float), RAMP_M.numpy()[pixels[:, 1], pixels[:, 0]].astype(float))


def test_anchors_make_inverse_depth_metric_and_the_sky_stays_infinite() -> None:
    values = (1 / RAMP_M - 0.05) / 4
    values[:3] = (0.0 - 0.05) / 4 - 0.01
    relative = predicting(values, Output.AFFINE_INVERSE_DEPTH, scale_mode="anchors")
    depth = relative(BLANK, ramp_anchors())
    assert torch.isposinf(depth.depth_m[:3]).all()
    torch.testing.assert_close(depth.depth_m[3:], RAMP_M[3:], rtol=1e-3, atol=0)
    assert depth.scale is not None
    assert depth.scale.scale == pytest.approx(4.0, rel=1e-3)
    assert depth.scale.age_s == 0


def test_without_anchors_the_last_scale_is_used_until_it_is_too_old() -> None:
    relative = predicting(
        (1 / RAMP_M - 0.05) / 4, Output.AFFINE_INVERSE_DEPTH, scale_mode="anchors"
    )
    with pytest.raises(ScaleError, match="no scale yet"):
        relative(BLANK)
    relative(BLANK, ramp_anchors())
    later = relative(Frame(BLANK.rgb, CAMERA, BLANK.stamp_ns + 10**9))
    torch.testing.assert_close(later.depth_m, RAMP_M, rtol=1e-3, atol=0)
    assert later.scale is not None
    assert later.scale.age_s == pytest.approx(1.0)
    with pytest.raises(ScaleError, match=r"6\.0 s old, expected 5 s at most"):
        relative(Frame(BLANK.rgb, CAMERA, BLANK.stamp_ns + 6 * 10**9))


def test_each_camera_has_its_own_scale() -> None:
    relative = predicting(
        (1 / RAMP_M - 0.05) / 4, Output.AFFINE_INVERSE_DEPTH, scale_mode="anchors"
    )
    relative(BLANK, ramp_anchors())
    other = Frame(BLANK.rgb, Camera.from_fov(64, 48, 90.0), BLANK.stamp_ns)
    with pytest.raises(ScaleError, match="no scale yet"):
        relative(other)


def test_a_metric_model_in_mode_ground_takes_its_scale_from_the_ground() -> None:
    mount = Mount.from_angles(0.7, 20.0, 0.0)
    rays = np.dstack([CAMERA.rays(), np.ones((48, 64))])
    floor_m = torch.from_numpy(0.7 / (rays @ np.array(mount.down)).clip(0.05)).float()
    corrected = predicting(floor_m / 2, scale_mode="ground", focal_correction=False)
    below = torch.from_numpy(rays @ np.array(mount.down) > 0.1)
    depth_m = corrected(BLANK, mount).depth_m
    torch.testing.assert_close(depth_m[below], floor_m[below], rtol=0.01, atol=0)


def test_the_range_of_a_model_is_scaled_with_its_metres() -> None:
    corrected = predicting(RAMP_M / 2, scale_mode="anchors", focal_correction=False)
    corrected.model.max_depth_m = 3.0
    depth_m = corrected(BLANK, ramp_anchors()).depth_m
    assert torch.isposinf(depth_m[RAMP_M > 6]).all()
    assert torch.isfinite(depth_m[RAMP_M < 5.9]).all()


def test_a_prompted_network_gets_its_prompt_and_is_not_run_without() -> None:
    prompted = predicting(RAMP_M, scale_mode="anchors")
    prompted.model.prompt_size = (6, 8)
    with pytest.raises(ScaleError, match="no anchors to complete"):
        prompted(BLANK)
    seen: list[Tensor] = []

    class Network(nn.Module):
        def forward(self, pixels: Tensor, prompt: Tensor) -> Tensor:
            seen.append(prompt)
            return RAMP_M[None]

    assert isinstance(prompted.predictor, NetworkPredictor)
    prompted.predictor.runtime = TorchRuntime(Network(), "cpu")
    prompted(BLANK, ramp_anchors())
    assert seen[0].shape == (1, 1, 6, 8)
    assert seen[0].min() >= 1
    assert seen[0].max() <= 8


def step_m() -> Tensor:
    """A box before a wall, as a small network's enlarged map has it: smeared between the two."""
    small = torch.full((12, 16), 4.0)
    small[4:9, 5:11] = 1.5
    return functional.interpolate(small[None, None], (48, 64), mode="bilinear")[0, 0]


@pytest.mark.parametrize(
    ("edges_filter", "in_points", "in_image"),
    [
        ("off", True, True),
        ("points", False, True),
        ("image", False, False),
        ("fill", False, True),
        ("auto", False, True),
    ],
)
def test_flying_pixels_are_removed_where_the_setting_requires_it(
    edges_filter: str, in_points: bool, in_image: bool
) -> None:
    plain = {"focal_correction": False, "points_organised": True, "points_colour": False}
    filtered = predicting(step_m(), Output.METRIC_DEPTH, edges_filter=edges_filter, **plain)
    depth = replace(filtered(BLANK), network_size=(12, 16))
    z = torch.from_numpy(filtered.points(depth).numpy().view(np.float32))[..., 2]
    floating = (step_m() > 1.7) & (step_m() < 3.5)
    assert floating.sum() > 50
    kept = torch.isfinite(z) & floating
    assert (kept.sum() > 0.5 * floating.sum()) == in_points
    assert torch.isfinite(depth.depth_m).all() == in_image
    assert torch.isfinite(z[~floating]).float().mean() > 0.9


BOX_RGB = np.full((48, 64, 3), 90, np.uint8)
BOX_RGB[16:36, 20:44] = 200


def steep_pixels(enlargement: int, **settings: Any) -> int:
    """Count the pixels of depth between a box and a wall, in an image that shows the box."""
    small = step_m()[::enlargement, ::enlargement]
    network = predicting(small, Output.METRIC_DEPTH, focal_correction=False, **settings)
    depth_m = network(Frame(BOX_RGB, CAMERA, 1)).depth_m
    return int(((depth_m > 1.7) & (depth_m < 3.5)).sum())


def test_edges_of_a_small_map_are_filled_unless_the_setting_says_otherwise() -> None:
    blurred = steep_pixels(4, edges_filter="points")
    assert blurred > 100
    assert steep_pixels(4, edges_filter="off") == blurred
    assert steep_pixels(4) < 0.3 * blurred
    assert steep_pixels(4, edges_filter="fill") == steep_pixels(4)
    assert steep_pixels(1) == steep_pixels(1, edges_filter="points")
    assert steep_pixels(1, edges_filter="fill") < steep_pixels(1)


def test_filled_pixels_give_no_points_whatever_they_look_like_now() -> None:
    network = predicting(step_m()[::4, ::4], Output.METRIC_DEPTH, points_organised=True)
    depth = network(Frame(BOX_RGB, CAMERA, 1))
    z = torch.from_numpy(network.points(depth).numpy().view(np.float32))[..., 2]
    assert depth.filled is not None
    assert depth.filled.sum() > 100
    assert torch.equal(torch.isnan(z), depth.filled)


def test_filled_depth_is_within_range() -> None:
    values_m = step_m()[::4, ::4]
    network = predicting(values_m, Output.METRIC_DEPTH, max_depth_m=3.9, edges_filter="fill")
    depth_m = network(Frame(BOX_RGB, CAMERA, 1)).depth_m
    assert (depth_m[torch.isfinite(depth_m)] < 3.9).all()
    assert not depth_m.isnan().any()


def test_colours_may_follow_each_images_own_range() -> None:
    near = predicting(RAMP_M / 4, colour_range="percentiles", focal_correction=False)
    far = predicting(RAMP_M * 2, colour_range="percentiles", focal_correction=False)
    colours = near.colours(near(BLANK))
    assert (colours.float() - far.colours(far(BLANK)).float()).abs().mean() < 2
    assert len(colours.reshape(-1, 3).unique(dim=0)) > 30


def test_a_deleted_pipeline_frees_its_network_at_once() -> None:
    used = predicting(RAMP_M)
    used.points(used(BLANK))
    held = weakref.ref(used)
    del used
    assert held() is None


def test_a_scale_that_jumps_is_held_back_with_that_reason() -> None:
    relative = predicting(1 / RAMP_M, Output.AFFINE_INVERSE_DEPTH, scale_mode="anchors")
    relative(BLANK, ramp_anchors())
    relative.model.look = lambda pixels: (2 / RAMP_M)[None]  # type: ignore[attr-defined]
    depth = relative(Frame(BLANK.rgb, CAMERA, BLANK.stamp_ns + 10**8), ramp_anchors())
    assert depth.scale is not None
    assert depth.scale.age_s == pytest.approx(0.1)
    assert relative.states.of(CAMERA).scaler.refused == "a scale of 0.5 jumps and is held back"


def test_by_the_ground_a_relative_model_reaches_ten_camera_heights() -> None:
    mount = Mount.from_angles(0.3, 15.0, 0.0)
    rays = np.dstack([CAMERA.rays(), np.ones((48, 64))])
    floor_m = torch.from_numpy(0.3 / (rays @ np.array(mount.down)).clip(0.02)).float()
    relative = predicting(1 / floor_m, Output.AFFINE_INVERSE_DEPTH, scale_mode="ground")
    depth_m = relative(BLANK, mount).depth_m
    assert torch.isposinf(depth_m[floor_m > 3.05]).all()
    assert torch.isfinite(depth_m[floor_m < 2.95]).all()


def wobbling(**values: float | str) -> tuple[Pipeline, Pipeline, list[Frame]]:
    """The same network plain and steadied, whose scale is another one for every image."""
    scales = np.random.default_rng(4).uniform(0.9, 1.1, 40).tolist()
    metric = Output.METRIC_DEPTH
    pipelines = [predicting(RAMP_M, metric, focal_correction=False, **values) for _ in range(2)]
    for one in pipelines:
        one.model.look = lambda pixels: pixels.mean() * RAMP_M[None]  # type: ignore[attr-defined]
    pipelines[1].settings = pipelines[1].settings.with_values(scale_steady_s=0.5)
    frames = [
        Frame(np.full_like(BLANK.rgb, round(200 * scale)), CAMERA, (1 + i) * 10**8)
        for i, scale in enumerate(scales)
    ]
    return pipelines[0], pipelines[1], frames


def test_a_steadied_scale_is_one_factor_over_the_whole_frame() -> None:
    plain, steady, frames = wobbling()
    scales = []
    for frame in frames:
        before_m, after_m = plain(frame).depth_m, steady(frame).depth_m
        ratio = (after_m / before_m).flatten()
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-6, atol=0)
        scales.append((float(before_m.median()), float(after_m.median())))
    jumps = np.diff(np.log(scales), axis=0)[20:].std(axis=0)
    assert jumps[1] < jumps[0] / 4


def test_a_steadied_scale_does_not_move_the_end_of_a_models_range() -> None:
    plain, steady, frames = wobbling()
    for frame in frames:
        # A sigmoid's end: what the network sees there, wobbles with its scale no more than it.
        for one in (plain, steady):
            one.model.max_depth_m = 6.0 * frame.rgb[0, 0, 0] / 255
        beyond = torch.isposinf(plain(frame).depth_m)
        assert torch.equal(torch.isposinf(steady(frame).depth_m), beyond)
        assert beyond.any()


def test_a_steadied_depth_ends_where_the_user_says() -> None:
    _, steady, frames = wobbling(max_depth_m=4.0, min_depth_m=1.5)
    for frame in frames:
        depth_m = steady(frame).depth_m
        within = depth_m[torch.isfinite(depth_m)]
        assert 1.5 <= within.min() < 1.7
        assert 3.7 < within.max() < 4.0


def test_steadying_is_live_and_each_camera_has_its_own() -> None:
    plain, steady, frames = wobbling()
    other = Camera.from_fov(64, 48, 90.0)
    for frame in frames[:-1]:
        steady(frame)
    last = frames[-1]
    said_m = plain(last).depth_m
    assert torch.equal(steady(replace(last, camera=other)).depth_m, said_m)
    assert not torch.equal(steady(last).depth_m, said_m)
    steady.settings = steady.settings.with_values(scale_steady_s=0.0)
    assert torch.equal(steady(last).depth_m, said_m)


def test_by_anchors_the_metres_of_a_steadied_network_are_right_too() -> None:
    _, steady, frames = wobbling(scale_mode="anchors", scale_filter=False)
    for frame in frames[:10]:
        depth_m = steady(frame, ramp_anchors()).depth_m
        torch.testing.assert_close(depth_m, RAMP_M, rtol=1e-3, atol=0)


def tilted(**values: Any) -> Pipeline:
    """A pipeline whose network sees the ramp 0.7 as deep at the left as it is, 1.4 at the right."""
    factors = torch.exp(torch.linspace(-0.35, 0.35, 64)).expand(48, 64)
    return predicting(RAMP_M * factors, scale_mode="anchors", focal_correction=False, **values)


def test_anchors_correct_what_varies_over_the_image() -> None:
    one = tilted(anchors_field=False)
    varied = tilted()
    varied.model.max_depth_m = one.model.max_depth_m = 0.0
    anchors = ramp_anchors(300)
    plain, better = one(BLANK, anchors).depth_m, varied(BLANK, anchors).depth_m
    assert (plain / RAMP_M - 1).abs().mean() > 0.1
    assert (better / RAMP_M - 1).abs().mean() < 0.03
    # A frame without anchors is corrected as the last one was.
    assert torch.equal(varied(replace(BLANK, stamp_ns=BLANK.stamp_ns + 1)).depth_m, better)


def test_the_end_of_a_models_range_is_independent_of_the_field() -> None:
    varied = tilted()
    varied.model.max_depth_m = 6.0
    anchors = ramp_anchors(300)
    seen = varied.predict(BLANK).prediction.values[0]
    depth_m = varied(BLANK, anchors).depth_m
    assert torch.equal(torch.isposinf(depth_m), seen >= 0.99 * 6.0)


def test_frames_of_a_batch_give_the_same_result_as_alone() -> None:
    one = pipeline()
    frames = [view(60, distance_m) for distance_m in (0.8, 1.3, 2.1)]
    estimates = one.predict_batch(frames, [None] * 3)
    assert one.model.calls == 1  # type: ignore[attr-defined]
    for frame, estimate in zip(frames, estimates, strict=True):
        assert estimate.frame is frame
        assert torch.allclose(one.measure(estimate).depth_m, one(frame).depth_m, atol=1e-5)


def test_a_real_network_gives_the_same_result_in_a_batch(checkpoint: Path) -> None:
    one = Pipeline.from_settings(Settings(model=str(checkpoint), device="cpu"))
    assert one.model.batches
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 50, 70, 3)).astype(np.uint8)
    frames = [Frame(rgb, Camera.from_fov(70, 50, 60), 1 + i) for i, rgb in enumerate(images)]
    for frame, estimate in zip(frames, one.predict_batch(frames, [None] * 3), strict=True):
        alone = one.predict(frame).prediction.values
        assert torch.allclose(estimate.prediction.values, alone, rtol=1e-4)


def test_a_network_that_chooses_for_a_whole_batch_gets_frame_by_frame() -> None:
    one = pipeline()
    one.model.batches = False
    frames = [view(60, 1.0), view(60, 2.0)]
    assert len(one.predict_batch(frames, [None, None])) == 2
    assert one.model.calls == 2  # type: ignore[attr-defined]


def test_an_estimated_focal_length_goes_with_its_own_frame() -> None:
    one = pipeline()
    one.model.f_px = torch.tensor([100.0, 200.0])  # type: ignore[attr-defined]
    frames = [view(60, 1.0), view(60, 1.0)]
    first, second = one.predict_batch(frames, [None, None])
    ratio = one.measure(first).depth_m / one.measure(second).depth_m
    assert torch.allclose(ratio, torch.tensor(2.0))


def test_frames_of_several_sizes_are_no_batch() -> None:
    with pytest.raises(CameraError, match="one size"):
        pipeline().predict_batch([view(60, 1.0), view(60, 1.0, 100, 70)], [None, None])
    assert pipeline().predict_batch([], []) == []


@pytest.mark.parametrize("heads", [1, 2])
def test_zoedepth_batches_where_it_has_one_head(heads: int, tmp_path: Path) -> None:
    network = checkpoints.zoedepth(heads)
    entry = ModelEntry("zoe", "zoedepth", "", Output.METRIC_DEPTH, "MIT", True)
    assert ZoeDepth.of(entry, network, Preprocessing()).batches == (heads == 1)


def test_what_is_compiled_runs_in_one_thread_at_a_time() -> None:
    assert pipeline().runs_in_threads
    assert not pipeline(compile=True).runs_in_threads


# --- beyond range


@pytest.mark.parametrize("organised", [True, False])
def test_what_is_beyond_range_may_be_points_where_range_ends(organised: bool) -> None:
    given: dict[str, float | bool | int | str] = {
        "max_depth_m": 5.0,
        "points_organised": organised,
        "points_colour": False,
        "edges_filter": "off",
        "focal_correction": False,
    }
    dropping = predicting(RAMP_M, **given)  # type: ignore[arg-type]
    marking = predicting(RAMP_M, beyond_range="max", **given)  # type: ignore[arg-type]
    beyond = (RAMP_M >= 5).numpy()
    assert 0.1 < beyond.mean() < 0.9
    depth = marking(BLANK)
    assert torch.equal(torch.isposinf(depth.depth_m), torch.from_numpy(beyond))
    points = marking.points(depth).numpy().view(np.float32).reshape(-1, 3)
    expected = np.dstack([CAMERA.rays(), np.ones((48, 64), np.float32)])
    expected *= np.where(beyond, 5.0, RAMP_M.numpy())[..., None]
    np.testing.assert_allclose(points, expected.reshape(-1, 3), rtol=1e-5)
    fewer = dropping.points(dropping(BLANK)).numpy().view(np.float32).reshape(-1, 3)
    assert np.isfinite(fewer).all(axis=1).sum() == (~beyond).sum()


def test_where_no_range_ends_there_are_no_points_beyond_it() -> None:
    endless = predicting(torch.full((48, 64), torch.inf), beyond_range="max", points_colour=False)
    endless.model.max_depth_m = 0.0
    assert endless.points(endless(BLANK)).numel() == 0


def test_no_point_is_put_where_there_is_no_estimate_or_no_ray() -> None:
    fisheye = Camera(64, 48, 12.0, 12.0, 31.5, 23.5, "equidistant", (0.0,) * 4)
    values = torch.full((48, 64), 9.0)
    values[:10] = torch.nan
    given = predicting(values, beyond_range="max", max_depth_m=5.0, focal_correction=False)
    given.settings = given.settings.with_values(points_colour=False, undistort="off")
    points = given.points(given(Frame(BLANK.rgb, fisheye))).numpy().view(np.float32)
    assert (points[:, 2] == 5.0).all()
    has_ray = np.asarray(np.isfinite(fisheye.rays()[10:]).all(axis=-1))
    assert 0 < has_ray.sum() < has_ray.size
    assert len(points) == has_ray.sum()
