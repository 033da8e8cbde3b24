"""Correctness checks before anything is timed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.gpu.adapter import answer
from benchmarks.gpu.alone import EAGER, Alone
from benchmarks.gpu.device import Outputs
from benchmarks.gpu.frames import Frames
from benchmarks.mismatch import MismatchError
from benchmarks.predictor import predictor_of
from depth_ros.geometry.edges import flying
from depth_ros.models import DepthModel
from depth_ros.pipeline import DepthFrame, Pipeline
from depth_ros.pipeline.renderer import edge_radius_px, edges_of
from depth_ros.runtimes.closeness import SHARE, TOLERANCE, close_share

_POINT_BYTES = 16
_NEAR, _ODD, _FEW = 1e-3, 1e-3, 0.05


def check_outputs(way: str, outputs: Outputs, eager: Outputs, dtype: str) -> str:
    """Compare a network's output in one way with its eager output.

    Returns:
        A remark if values are not finite, as with random weights in half precision; else empty.

    Raises:
        MismatchError: they differ.
    """
    for found, expected in zip(outputs, eager, strict=True):
        _check_close(f"the network, {way},", found.float(), expected.float(), dtype)
    odd = max(1 - float(each.isfinite().float().mean()) for each in eager)
    return f"{odd:.1%} of the network's values are not finite" if odd else ""


@torch.inference_mode()
def check_frame(frames: Frames, alone: Alone, dtype: str) -> str:
    """Compare a pipeline's depth and cloud with the network alone and simple arithmetic.

    Returns:
        A remark if there are too few points to compare; else empty.

    Raises:
        MismatchError: they differ.
    """
    pipeline = frames.pipeline
    depth = answer(pipeline, frames.frame).depth
    frames.one()
    expected_m = _expected_m(pipeline, alone, frames)
    if depth.filled is not None:  # with the depth of their neighbours
        expected_m = torch.where(depth.filled, depth.depth_m, expected_m)
    _check_depth(depth.depth_m, depth.far_m, expected_m, dtype)
    share = _check_cloud(depth, pipeline, frames)
    return f"{share:.1%} of the pixels are points" if share < _FEW else ""


def _expected_m(pipeline: Pipeline, alone: Alone, frames: Frames) -> Tensor:
    """Return depth (H, W) in metres from the network alone, without range limits."""
    camera = frames.frame.camera
    values = alone.prediction.values[0]
    raw = alone.work(EAGER)()
    if not pipeline.model.denoises and len(raw) == 1:  # the map itself
        model = predictor_of(pipeline).model
        values = _enlarged(model, raw[0].float(), camera.height, camera.width)
    return values * pipeline.metric_scaler.focal_ratio(camera, pipeline.settings)


def _enlarged(model: DepthModel, raw: Tensor, height: int, width: int) -> Tensor:
    rules = model.preprocessing
    top, left = rules.padding(height, width)
    size = rules.padded_size(height, width)
    whole = functional.interpolate(raw[:, None], size, mode="bicubic")[0, 0]
    return whole[top : top + height, left : left + width]


def _check_depth(depth_m: Tensor, far_m: float, expected_m: Tensor, dtype: str) -> None:
    """Compare finite depth, and the masks of pixels beyond range and without estimate."""
    finite, tolerance = depth_m.isfinite(), TOLERANCE[dtype]
    _check_close("the pipeline's depth", depth_m[finite], expected_m[finite], dtype)
    if bool((expected_m[depth_m.isposinf()] < far_m * (1 - tolerance)).any()):
        raise MismatchError(f"depth below {far_m:g} m is beyond range")
    lost = depth_m.isnan() & (expected_m > tolerance) & (expected_m < far_m * (1 - tolerance))
    if float(lost.float().mean()) > 1 - SHARE:
        raise MismatchError("depth is NaN where the network alone has a value")


def _check_cloud(depth: DepthFrame, pipeline: Pipeline, frames: Frames) -> float:
    """Compare the cloud on the host with depth: equal count, and equal z in order.

    Returns the share of pixels that are points.
    """
    depth_m, settings = depth.depth_m, pipeline.settings
    there = depth_m.isfinite()
    if depth.filled is not None:
        there &= ~depth.filled
    elif edges_of(depth, settings) == "points":
        there &= ~flying(depth_m, settings.edges_step, edge_radius_px(depth, settings))
    z_m = frames.cloud.view(torch.float32).view(-1, _POINT_BYTES // 4)[:, 2]
    expected_m = depth_m[there].cpu()
    # Fused kernels round differently, so a pixel at a threshold may be on the other side.
    if abs(len(z_m) - len(expected_m)) > _ODD * len(expected_m):
        raise MismatchError(
            f"the cloud has {len(z_m)} points, depth {len(expected_m)}, expected as many"
        )
    if len(z_m) == len(expected_m) and not torch.allclose(z_m, expected_m, rtol=_NEAR):
        raise MismatchError("the cloud's points are not where depth is")
    return len(z_m) / depth_m.numel()


def _check_close(what: str, found: Tensor, expected: Tensor, dtype: str) -> None:
    """Compare values, see close_share()."""
    close = close_share(found, expected, dtype)
    if not close >= SHARE:
        raise MismatchError(
            f"{what} is within {TOLERANCE[dtype]:.0%} of the plain one at {close:.1%} of all "
            f"values, expected {SHARE:.0%}"
        )
