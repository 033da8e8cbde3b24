"""A node whose model denoises: confidence, and clouds that are asked for pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from depth_ros.config import Settings
from depth_ros.messages import points_from_cloud
from depth_ros.models.base import Prediction, Request
from depth_ros.models.grin.model import GrinModel
from depth_ros.pipeline import Frame, Pipeline
from test.models.checkpoints import build
from test.ros.conftest import (
    FRAME_ID,
    Bench,
    Metres,
    Shot,
    parameter,
    set_parameters,
    stamp_of,
    take,
)

pytest.importorskip("rclpy")

TOPIC = "depth/confidence"


@dataclass
class Asked:
    """What the model was asked."""

    requests: list[Request] = field(default_factory=list)

    @property
    def last(self) -> Request:
        return self.requests[-1]


@pytest.fixture(scope="module")
def grin(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build("grin", tmp_path_factory.mktemp("grin")))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    found, infer = Asked(), GrinModel.infer

    def spy(model: GrinModel, execute: Any, rgb: Any, request: Request) -> Prediction:
        found.requests.append(request)
        return infer(model, execute, rgb, request)

    monkeypatch.setattr(GrinModel, "infer", spy)
    return found


def values(image: Any) -> Metres:
    return np.array(np.frombuffer(image.data, "<f4").reshape(image.height, image.width))


def expected(grin: str, shot: Shot, **settings: Any) -> Metres:
    given = Pipeline.from_settings(Settings(grin, device="cpu").with_values(**settings))
    confidence = given(Frame(shot.rgb, shot.camera)).confidence
    assert confidence is not None
    found: Metres = confidence.numpy()
    assert found.std() > 0.01, "nothing to compare: confidence is constant"
    return found


def test_confidence_is_the_pipelines_with_the_images_size_stamp_and_frame(
    bench: Bench, grin: str
) -> None:
    bench.start(TOPIC, model=grin, grin_samples=3, device="cpu")
    for number in range(2):
        shot = take(number)
        confidence = bench.ask(shot)[TOPIC]
        assert (confidence.encoding, confidence.width, confidence.height) == ("32FC1", 80, 60)
        assert (confidence.step, confidence.is_bigendian, len(confidence.data)) == (320, 0, 19200)
        assert confidence.header.frame_id == FRAME_ID
        assert stamp_of(confidence) == shot.stamp_ns
        found = values(confidence)
        np.testing.assert_allclose(
            found, expected(grin, shot, grin_samples=3), rtol=1e-3, atol=1e-5
        )


def test_one_sample_has_no_confidence_until_there_are_two(bench: Bench, grin: str) -> None:
    node = bench.start(TOPIC, "depth/image", model=grin, device="cpu")
    bench.show(take(0))
    bench.peer.wait(lambda: bench.peer.received["depth/image"], "depth")
    assert bench.total("dropped") == 0
    node.set_parameters([parameter("grin_samples", 2)])
    assert stamp_of(bench.ask(take(1))[TOPIC]) == take(1).stamp_ns
    assert [stamp_of(each) for each in bench.peer.received[TOPIC]] == [take(1).stamp_ns]


# What to change, what of the request says so, and the value that it has then.
LIVE_OF_DENOISING: dict[str, tuple[Any, Callable[[Request], object]]] = {
    "grin_steps": (3, lambda request: request.sampling.steps),
    "grin_samples": (4, lambda request: request.sampling.samples),
    "grin_seed": (7, lambda request: request.sampling.seed),
    "grin_query_stride": (5, lambda request: request.sampling.stride),
    "grin_carry": (True, lambda request: request.memory is not None),
}


@pytest.mark.parametrize("name", LIVE_OF_DENOISING)
def test_how_a_model_is_asked_can_change_while_it_runs(
    bench: Bench, grin: str, asked: Asked, name: str
) -> None:
    node = bench.start("depth/image", model=grin, device="cpu")
    value, said = LIVE_OF_DENOISING[name]
    bench.ask(take(0))
    assert said(asked.last) != value
    node.set_parameters([parameter(name, value)])
    # Only what was carried from the frame before can be carried on.
    for number in (1, 2):
        bench.ask(take(number))
    assert said(asked.last) == value


def test_the_confidence_that_points_need_can_change_while_the_node_runs(
    bench: Bench, grin: str
) -> None:
    node = bench.start(
        "points", TOPIC, model=grin, device="cpu", grin_samples=3, max_depth_m=1000.0
    )
    answers = bench.ask(take(0))
    least = float(np.median(values(answers[TOPIC])))
    node.set_parameters([parameter("min_confidence", least)])
    fewer = bench.ask(take(1))["points"].width
    assert 0 < fewer < 0.8 * answers["points"].width


def test_confidence_that_nobody_listens_to_is_not_published(
    bench: Bench, grin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rclpy.publisher import Publisher

    sent, publish = [], Publisher.publish

    def spy(publisher: Any, message: Any) -> None:
        sent.append(publisher.topic_name)
        publish(publisher, message)

    monkeypatch.setattr(Publisher, "publish", spy)
    bench.start("depth/image", model=grin, grin_samples=2, device="cpu")
    bench.ask(take(0))
    bench.peer.wait(lambda: bench.total("answered") == 1)  # no output of it is to come
    assert f"/{TOPIC}" not in sent
    bench.listen(TOPIC)
    bench.ask(take(1))
    assert sent.count(f"/{TOPIC}") == 1


def offered(bench: Bench) -> set[str]:
    return {publisher.topic_name for publisher in bench.node.publishers}


def test_a_model_that_denoises_offers_confidence(bench: Bench, grin: str) -> None:
    bench.start(model=grin, device="cpu")
    assert {"/depth/image", f"/{TOPIC}"} <= offered(bench)


def test_a_model_that_does_not_offers_none(bench: Bench) -> None:
    bench.start(device="cpu")
    assert "/depth/image" in offered(bench)
    assert f"/{TOPIC}" not in offered(bench)


@pytest.mark.parametrize("organised", [False, True])
def test_of_a_cloud_alone_its_own_pixels_are_asked_for(
    bench: Bench, grin: str, asked: Asked, organised: bool
) -> None:
    said: dict[str, Any] = {
        "stride": 4,
        "grin_query_stride": 1,
        "points_organised": organised,
        "edges_filter": "off",
    }
    bench.start("points", model=grin, device="cpu", max_depth_m=1000.0, **said)
    shot = take(0)
    alone = points_from_cloud(bench.ask(shot)["points"])
    assert (asked.last.sampling.stride, asked.last.enlarge) == (4, False)
    bench.listen("depth/image")
    answers = bench.ask(take(1))
    assert (asked.last.sampling.stride, asked.last.enlarge) == (1, True)
    assert (answers["depth/image"].width, answers["depth/image"].height) == (80, 60)
    bench.leave("depth/image")
    xyz = alone.xyz.reshape(-1, 3)
    xyz = xyz[np.isfinite(xyz).all(-1)]
    assert len(xyz) > 200
    pixels = shot.camera.project(xyz) / 4
    np.testing.assert_allclose(pixels, pixels.round(), atol=0.01)


def test_with_camera_info_beside_it_still_only_the_clouds_pixels_are_asked_for(
    bench: Bench, grin: str, asked: Asked
) -> None:
    bench.start(
        "points", "depth/camera_info", model=grin, device="cpu", stride=4, grin_query_stride=1
    )
    info = bench.ask(take(0))["depth/camera_info"]
    assert not asked.last.enlarge
    assert (info.width, info.height) == (80, 60)


def test_who_begins_to_listen_while_a_cloud_is_computed_gets_no_image_of_its_pixels(
    bench: Bench, grin: str, asked: Asked
) -> None:
    bench.start("points", model=grin, device="cpu", stride=4, grin_query_stride=1, grin_samples=2)
    bench.gate.close()
    bench.show(take(0))
    bench.peer.wait(bench.gate.entered.is_set, "the network's run")
    bench.listen("depth/image", TOPIC)
    bench.gate.open()
    bench.peer.wait(lambda: bench.peer.received["points"], "the cloud")
    assert not asked.last.enlarge
    answers = bench.ask(take(1))
    for topic in ("depth/image", TOPIC):
        assert (answers[topic].width, answers[topic].height) == (80, 60)
        assert [stamp_of(each) for each in bench.peer.received[topic]] == [take(1).stamp_ns]


def test_one_sample_is_refused_while_confidence_is_wanted(bench: Bench, grin: str) -> None:
    bench.start(model=grin, device="cpu", grin_samples=2, min_confidence=0.5)
    assert "expected grin.samples:=2 or more" in set_parameters(bench, grin_samples=1)
    assert set_parameters(bench, grin_samples=1, min_confidence=0.0) == ""
