"""The node on a real camera's bag: every family of models, and every way to metres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch

from benchmarks.alignment import floor_mount, relative_output
from depth_ros import messages, models
from depth_ros.bag import reader
from depth_ros.evaluation import metrics
from depth_ros.models import Output
from test.models import checkpoints
from test.ros.conftest import Bench, Metres, stamp_of

pytest.importorskip("rclpy")

from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_ros.ros.extrinsics import Parameters

IMAGE, INFO = "/camera/color/image_raw/compressed", "/camera/color/camera_info"
TRUTH = "/camera/aligned_depth_to_color/image_raw"
REMAPS: tuple[str, ...] = ("-r", f"image:={IMAGE}", "-r", f"camera_info:={INFO}")
REMAPS += ("-r", f"anchors:={TRUTH}", "-r", f"anchors/camera_info:={INFO}")
FRAMES, EVERY = 12, 10
OUTPUTS = ("depth/image", "depth/camera_info", "points")
# The camera of the first frames, 0.44 m above the floor and almost level.
BY_PARAMETERS: dict[str, Any] = {
    "extrinsics": "parameters",
    "camera_height_m": 0.44,
    "camera_pitch_deg": 1.3,
    "anchors_type": "depth",
}


class Moment(NamedTuple):
    info: Any
    image: Any
    truth: Any

    @property
    def stamp_ns(self) -> int:
        return stamp_of(self.image)

    @property
    def depth_m(self) -> Metres:
        return messages.depth_from_image(self.truth)


@pytest.fixture(scope="module")
def moments(living_room: Path) -> list[Moment]:
    """Every tenth frame of the bag, as rclpy's messages."""
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    classes = {INFO: CameraInfo, IMAGE: CompressedImage, TRUTH: Image}
    for record in reader.records(living_room, tuple(classes)):
        message = deserialize_message(record.data, classes[record.topic])
        found[stamp_of(message)][record.topic] = message
    chosen = [found[stamp] for stamp in sorted(found)][::EVERY]
    assert len(chosen) == FRAMES
    return [Moment(*(each[topic] for topic in classes)) for each in chosen]


def test_every_frame_that_is_waited_for_is_answered(bench: Bench, moments: list[Moment]) -> None:
    bench.start(*OUTPUTS, arguments=REMAPS, stride=4, edges_filter="off")
    for moment in moments:
        show(bench, moment)
        answered = partial(bench.peer.answers, moment.stamp_ns)
        bench.peer.wait(lambda answered=answered: len(answered()) == len(OUTPUTS))  # type: ignore[misc]
        assert_right(answered(), moment.info, moment.image)
    assert bench.total("answered") == FRAMES
    assert bench.total("dropped") == bench.total("replaced") == 0


def show(bench: Bench, moment: Moment) -> None:
    """Deliver a moment: its true depth first where the node listens to anchors."""
    bench.deliver(INFO, moment.info, "camera_info")
    if bench.node.settings.scale_mode == "anchors":
        bench.deliver(TRUTH, moment.truth, "anchors")
    bench.deliver(IMAGE, moment.image, "image")


@pytest.mark.parametrize("scale_mode", ["model", "ground", "anchors"])
@pytest.mark.parametrize("family", checkpoints.FAMILIES)
def test_every_family_runs_with_every_scale_mode(
    bench: Bench, moments: list[Moment], built: Callable[[str], Path], family: str, scale_mode: str
) -> None:
    entry = models.find(str(built(family)))
    metric = entry.output is Output.METRIC_DEPTH
    prompted = entry.family == "prompt_depth_anything"
    if prompted and scale_mode != "anchors":
        pytest.skip("a prompted network needs anchors")
    topic = "depth/image" if metric or scale_mode != "model" else "depth/relative"
    bench.start(
        topic, arguments=REMAPS, model=str(built(family)), scale_mode=scale_mode, **BY_PARAMETERS
    )
    for moment in moments[:2]:
        show(bench, moment)
        done = partial(bench.total, "answered"), partial(bench.total, "dropped")
        shown = bench.total("image")
        bench.peer.wait(lambda done=done, shown=shown: sum(f() for f in done) == shown)  # type: ignore[misc]
    assert not bench.node.health.model_failed
    if bench.total("dropped"):
        # A random network's floor may be anything, and its relative values may run backwards.
        assert scale_mode == "ground" or not metric
        assert bench.node.health.last_error.startswith("ScaleError: no scale yet")
    else:
        answer = bench.peer.received[topic][-1]
        values = np.frombuffer(answer.data, "<f4")
        assert values.size == 640 * 480
        assert len(np.unique(values[np.isfinite(values)])) > 100


def relative(truth_m: Metres, seed: int) -> torch.Tensor:
    """What a network may say of true depth: inverse, scaled, shifted, noisy."""
    values = relative_output(
        truth_m.astype(float), "affine_inverse_depth", np.random.default_rng(seed)
    )
    return torch.from_numpy(np.nan_to_num(values)).float()[None]


@pytest.mark.parametrize("scale_mode", ["ground", "anchors"])
def test_relative_values_of_true_depth_come_back_metric(
    bench: Bench,
    moments: list[Moment],
    built: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    scale_mode: str,
) -> None:
    settings = {"scale_mode": scale_mode, "scale_filter": False, **BY_PARAMETERS}
    bench.start("depth/image", arguments=REMAPS, model=str(built("depth-anything")), **settings)
    camera = messages.camera_from_info(moments[0].info)
    mounts = {m.stamp_ns: floor_mount(m.depth_m.astype(float), camera) for m in moments[:8]}
    monkeypatch.setattr(Parameters, "mount", lambda self, header, _: mounts[stamp_of(header)])
    for seed, moment in enumerate(moments[:8]):
        bench.gate.instead = relative(moment.depth_m, seed)
        show(bench, moment)
        bench.peer.wait(lambda stamp=moment.stamp_ns: bench.peer.answers(stamp))  # type: ignore[misc]
        answer = bench.peer.answers(moment.stamp_ns)["depth/image"]
        depth_m = np.frombuffer(answer.data, "<f4").reshape(480, 640)
        # The noise alone is 0.04.
        assert metrics.score(depth_m, moment.depth_m).abs_rel < 0.06


def assert_right(answers: dict[str, Any], info: Any, image: Any) -> None:
    depth, depth_info, cloud = (answers[topic] for topic in OUTPUTS)
    for answer in (depth, depth_info, cloud):
        assert answer.header == image.header
        assert answer.header.frame_id == "camera_color_optical_frame"
    assert (depth.width, depth.height, depth.encoding, depth.step) == (640, 480, "32FC1", 2560)
    assert (depth_info.width, depth_info.height) == (640, 480)
    np.testing.assert_allclose(depth_info.k, info.k)
    assert_on_its_pixels(messages.points_from_cloud(cloud), depth, depth_info, image)


def assert_on_its_pixels(points: Any, depth: Any, info: Any, image: Any) -> None:
    metres = np.frombuffer(depth.data, "<f4").reshape(480, 640)
    rows, columns = np.nonzero(np.isfinite(metres[::4, ::4]))
    assert len(points.xyz) == rows.size > 10_000
    fx, _, cx, _, fy, cy = info.k[:6]
    x, y, z = points.xyz.T
    np.testing.assert_allclose(fx * x / z + cx, 4 * columns, atol=0.01)
    np.testing.assert_allclose(fy * y / z + cy, 4 * rows, atol=0.01)
    np.testing.assert_array_equal(z, metres[4 * rows, 4 * columns])
    bgr: Any = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(points.rgb, bgr[4 * rows, 4 * columns, ::-1])
