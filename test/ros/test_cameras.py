"""Several cameras in one node: topics, scales and counters of their own, one network, turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from test.ros.conftest import CAMERA, LOG, Bench, Metres, Reference, Shot, compressed, take
from test.ros.test_scale import GROUND, RELATIVE

pytest.importorskip("rclpy")

from depth_ros.errors import SettingError
from depth_ros.pipeline import Pipeline
from depth_ros.ros import worker
from depth_ros.ros.camera import NodeCamera

NAMES = ["front", "left", "rig/right"]
DEPTHS = [f"{name}/depth/image" for name in NAMES]
WIDE = CAMERA.scale(100, 50)


def stream(bench: Bench, name: str) -> NodeCamera:
    (found,) = (each for each in bench.node.cameras if each.name == name)
    return found


def totals(bench: Bench, event: str) -> list[int]:
    """How often each camera's event was counted, in the order of their names."""
    return [each.health.total(event) for each in bench.node.cameras]


def shot_of(name: str, number: int = 0) -> Shot:
    """A camera's picture of a number: each sees something else."""
    seen = take(number + 100 * NAMES.index(name))
    return replace(seen, stamp_ns=take(number).stamp_ns, frame_id=f"{name}_frame")


def show(bench: Bench, name: str, shot: Shot, image: Any = None) -> None:
    """Deliver a camera's camera_info and image, until the node has counted them."""
    messages = {"camera_info": shot.info(), "image": image or shot.image()}
    for event, message in messages.items():
        total = partial(stream(bench, name).health.total, event)
        before = total()
        bench.peer.publish(f"{name}/{event}", message)
        bench.peer.wait(lambda: total() > before, f"the arrival of {name}/{event}")  # noqa: B023


def show_all_at_once(bench: Bench, shots: dict[str, Shot], busy: str = "front") -> None:
    """Let images arrive while the network works on another one."""
    bench.gate.close()
    show(bench, busy, shot_of(busy, 9))
    bench.peer.wait(bench.gate.entered.is_set, "the first frame's inference")
    for name, shot in shots.items():
        show(bench, name, shot)
    bench.gate.open()


def metres(bench: Bench, name: str, shot: Shot) -> Metres:
    answer = bench.peer.answers(shot.stamp_ns)[f"{name}/depth/image"]
    return np.frombuffer(answer.data, "<f4").reshape(answer.height, answer.width)


def all_answered(bench: Bench, count: int) -> Callable[[], bool]:
    return lambda: sum(totals(bench, "answered")) == count


def test_each_camera_has_topics_below_its_name_and_no_others(bench: Bench) -> None:
    node = bench.start(cameras=NAMES, namespace="/robot")
    offered = {publisher.topic_name for publisher in node.publishers}
    for topic in ("depth/image", "depth/camera_info", "depth/color", "points"):
        assert {f"/robot/{name}/{topic}" for name in NAMES} <= offered
        assert f"/robot/{topic}" not in offered
    wanted = {f"/robot/{name}/{topic}" for name in NAMES for topic in ("image", "camera_info")}
    assert wanted <= {subscription.topic_name for subscription in node.subscriptions}


def test_each_camera_is_answered_with_its_own_depth(bench: Bench, reference: Reference) -> None:
    bench.start(*DEPTHS, cameras=NAMES)
    for name in NAMES:
        shot = shot_of(name)
        show(bench, name, shot)
        topic = f"{name}/depth/image"
        bench.peer.wait(lambda: topic in bench.peer.answers(shot.stamp_ns))  # noqa: B023
        answer = bench.peer.answers(shot.stamp_ns)[topic]
        assert answer.header.frame_id == shot.frame_id
        np.testing.assert_allclose(metres(bench, name, shot), reference(shot), 1e-3, 1e-3)
    assert totals(bench, "answered") == [1, 1, 1]


def test_images_that_wait_together_share_a_run_of_the_network(
    bench: Bench, reference: Reference
) -> None:
    bench.start(*DEPTHS, cameras=NAMES, threads=1)
    runs, shots = bench.gate.runs, {name: shot_of(name) for name in NAMES}
    show_all_at_once(bench, shots)
    bench.peer.wait(all_answered(bench, 4))
    assert bench.gate.runs == runs + 2
    answers = bench.peer.answers
    bench.peer.wait(lambda: answers(take().stamp_ns).keys() >= set(DEPTHS))
    for name, shot in shots.items():
        np.testing.assert_allclose(metres(bench, name, shot), reference(shot), 1e-3, 1e-3)


def test_images_of_another_size_have_a_run_of_their_own(bench: Bench) -> None:
    bench.start(*DEPTHS, cameras=NAMES, threads=1)
    runs, shots = bench.gate.runs, {name: shot_of(name) for name in NAMES}
    rgb = np.zeros((WIDE.height, WIDE.width, 3), np.uint8)
    shots["left"] = replace(shots["left"], camera=WIDE, rgb=rgb)
    show_all_at_once(bench, shots)
    bench.peer.wait(all_answered(bench, 4))
    assert bench.gate.runs == runs + 3


def test_no_camera_waits_twice_while_another_one_is_served(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pipeline, "batches", False)
    bench.start(*DEPTHS, cameras=NAMES, threads=1)
    served: list[str] = []
    answers = NodeCamera.outputs

    def noting(self: NodeCamera, *arguments: Any) -> Any:
        served.append(self.name)
        return answers(self, *arguments)

    monkeypatch.setattr(NodeCamera, "outputs", noting)
    bench.gate.close()
    show(bench, "front", shot_of("front", 0))
    bench.peer.wait(bench.gate.entered.is_set, "the first frame's inference")
    for name, number in (("left", 0), ("front", 1), ("front", 2), ("rig/right", 0), ("left", 1)):
        show(bench, name, shot_of(name, number))
    bench.gate.open()
    bench.peer.wait(all_answered(bench, 4))
    assert served == ["front", "left", "front", "rig/right"]
    assert totals(bench, "replaced") == [1, 1, 0]


def test_on_several_threads_of_the_cpu_cameras_are_answered_side_by_side(
    bench: Bench, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start(*DEPTHS, cameras=NAMES, threads=2)
    runs, shots = bench.gate.runs, {name: shot_of(name) for name in NAMES}
    asked: list[str] = []
    ask = NodeCamera.job

    def noting(self: NodeCamera, *arguments: Any) -> Any:
        asked.append(self.name)
        return ask(self, *arguments)

    monkeypatch.setattr(NodeCamera, "job", noting)
    bench.gate.close()
    show(bench, "front", shot_of("front", 1))
    bench.peer.wait(lambda: bench.gate.runs == runs + 1, "the first run")
    for name, shot in shots.items():
        show(bench, name, shot)
    bench.peer.wait(lambda: bench.gate.runs == runs + 2, "a run beside it")
    assert asked == ["front", "left"]  # front's second image waits for its first
    bench.gate.open()
    bench.peer.wait(all_answered(bench, 4))
    assert totals(bench, "answered") == [2, 1, 1]
    answers = bench.peer.answers
    bench.peer.wait(lambda: answers(take().stamp_ns).keys() >= set(DEPTHS))
    for name, shot in shots.items():
        np.testing.assert_allclose(metres(bench, name, shot), reference(shot), 1e-3, 1e-3)


@pytest.mark.parametrize(
    ("device", "in_threads", "expected"), [("cpu", True, 2), ("cpu", False, 1), ("cuda", True, 1)]
)
def test_only_on_the_cpu_and_where_the_network_allows_it_there_are_several_workers(
    device: str, in_threads: bool, expected: int
) -> None:
    pipeline: Any = SimpleNamespace(device=torch.device(device), runs_in_threads=in_threads)
    assert worker.count_for(pipeline, cameras=3, threads=2) == expected


def test_a_bad_image_of_one_camera_costs_the_others_nothing(bench: Bench) -> None:
    bench.start(*DEPTHS, LOG, cameras=NAMES)
    bench.gate.close()
    show(bench, "front", shot_of("front", 9))
    bench.peer.wait(bench.gate.entered.is_set, "the first frame's inference")
    bad = shot_of("left").image()
    bad.encoding = "rgb7"
    show(bench, "left", shot_of("left"), bad)
    show(bench, "rig/right", shot_of("rig/right"))
    bench.gate.open()
    bench.peer.wait(all_answered(bench, 2))
    bench.warning("/left/image", "'rgb7'")
    bench.peer.wait(lambda: totals(bench, "dropped") == [0, 1, 0])


def test_what_nobody_listens_to_is_not_computed(bench: Bench) -> None:
    bench.start("front/depth/image", cameras=NAMES)
    runs = bench.gate.runs
    show(bench, "left", shot_of("left"))
    bench.peer.wait(lambda: totals(bench, "unheard") == [0, 1, 0])
    assert bench.gate.runs == runs


def test_a_model_that_fails_drops_every_image_that_it_was_shown(bench: Bench) -> None:
    bench.start(*DEPTHS, cameras=NAMES)
    show_all_at_once(bench, {})
    bench.peer.wait(all_answered(bench, 1))
    bench.gate.failure = RuntimeError("out of memory")
    for name in NAMES:
        show(bench, name, shot_of(name))
    bench.peer.wait(lambda: totals(bench, "dropped") == [1, 1, 1])
    bench.gate.failure = None
    show(bench, "left", shot_of("left", 1))
    bench.peer.wait(all_answered(bench, 2))


def test_cameras_of_one_make_do_not_share_their_scale(bench: Bench, relative: str) -> None:
    bench.gate.instead = RELATIVE
    topics = ["front/depth/image", "left/depth/image"]
    bench.start(*topics, LOG, model=relative, cameras=["front", "left"], **GROUND)
    show(bench, "front", take(0))
    bench.peer.wait(all_answered(bench, 1))
    show(bench, "left", replace(take(0), stamp_ns=0))  # cannot be measured without a stamp
    bench.warning("/left/image", "no scale yet")
    assert totals(bench, "answered") == [1, 0]


def test_anchors_come_below_the_cameras_name_too(bench: Bench, relative: str) -> None:
    scale: dict[str, Any] = {"scale_mode": "anchors", "extrinsics": "parameters"}
    node = bench.start(model=relative, cameras=["front"], anchors_type="depth", **scale)
    topics = {subscription.topic_name for subscription in node.subscriptions}
    assert {"/front/anchors", "/front/anchors/camera_info"} <= topics


def test_diagnostics_have_a_status_for_each_camera(bench: Bench) -> None:
    node = bench.start(*DEPTHS, "/diagnostics", cameras=NAMES, stale_after_s=1000.0)
    show(bench, "left", shot_of("left"))
    bench.peer.wait(all_answered(bench, 1))
    reports = bench.peer.received["/diagnostics"]
    reports.clear()
    (report, *_) = bench.peer.wait(lambda: reports)
    name = node.get_fully_qualified_name()
    assert [status.name for status in report.status] == [f"{name}: {each}" for each in NAMES]
    counts = [{pair.key: pair.value for pair in status.values} for status in report.status]
    assert [count["answered"] for count in counts] == ["0", "1", "0"]


def test_one_camera_may_be_compressed(bench: Bench) -> None:
    remap = ("-r", "left/image:=/left/image/compressed")
    bench.start(*DEPTHS, cameras=NAMES, arguments=remap)
    bench.peer.publish("left/camera_info", shot_of("left").info())
    bench.peer.wait(lambda: totals(bench, "camera_info") == [0, 1, 0])
    bench.peer.publish("/left/image/compressed", compressed(shot_of("left")))
    show(bench, "front", shot_of("front"))
    bench.peer.wait(lambda: totals(bench, "answered") == [1, 1, 0])


def test_an_empty_list_of_cameras_is_one_camera_without_a_name(bench: Bench) -> None:
    node = bench.start("depth/image", arguments=("-p", "cameras:=['']"))
    assert [each.name for each in node.cameras] == [""]
    bench.ask(take())


def test_names_that_are_none_are_refused_at_start(bench: Bench) -> None:
    with pytest.raises(SettingError, match=r"cameras is .*expected a list of different names"):
        bench.start(cameras=["front", "front"])
