"""Every family in a captured graph: what a graph cannot hold, and depth with scales."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from depth_ros import models
from depth_ros.config import Settings
from depth_ros.geometry.camera import Camera
from depth_ros.models.base import Executor, Request
from depth_ros.pipeline import Frame, NetworkPredictor, Pipeline, Wanted
from depth_ros.pipeline.captured_network import CapturedNetwork
from depth_ros.pipeline.captured_renderer import CapturedRenderer
from depth_ros.pipeline.metric_scaler import Constant
from depth_ros.pipeline.network_view import NetworkViews
from depth_ros.profile import Profile
from depth_ros.runtimes.capture_check import CaptureCheck
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.scale.anchors import Anchors
from test.models.checkpoints import FAMILIES
from test.models.references import image
from test.runtimes.stand_in import graphs

pytestmark = pytest.mark.slow


class OnMeta:
    """Runs a network, or a part of it, on the device that has no numbers."""

    device = torch.device("meta")

    def __init__(self, network: Any) -> None:
        self._network = network.to("meta").eval()

    def __call__(self, *inputs: torch.Tensor) -> Any:
        return self._network(*inputs)

    def part(self, name: str) -> Executor:
        return OnMeta(getattr(self._network, name))


@pytest.mark.parametrize("size", [(48, 64), (61, 91)], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_makes_the_host_wait_while_it_runs(
    family: str,
    size: tuple[int, int],
    built: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # torch knows no autocast of this device.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    model = models.load(str(built(family)))
    execute, (height, width) = OnMeta(model.capturable_network()), size
    rgb = torch.zeros(1, height, width, 3, dtype=torch.uint8, device="meta")
    prompts = None
    if model.prompt_size is not None:
        prompts = torch.ones(1, 1, *model.prompt_size, device="meta")
    request = Request([Camera.from_fov(width, height, 60.0)], prompts)
    with torch.inference_mode():
        model.infer(execute, rgb, request)  # fills what it keeps per size
        with CaptureCheck(execute.device):
            model.infer(execute, rgb, request)


def anchors_of(pipeline: Pipeline, shown: Frame) -> Anchors:
    """Some pixels' depth; of a relative network, that of its values as inverse depth."""
    v, u = np.mgrid[3:61:8, 3:91:8].reshape(2, -1)
    depth_m = np.linspace(1.0, 4.0, len(u))
    if pipeline.model.prompt_size is None:
        values = pipeline.predict(shown).prediction.values[0].numpy().astype(float)
        depth_m = 1 / (0.1 + (values - values.min()) / np.ptp(values))[v, u]
    return Anchors(np.stack([u, v], axis=-1).astype(float), depth_m)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_captured_family_gives_the_eager_result(
    family: str, built: Callable[[str], Path]
) -> None:
    wanted = Wanted(points=True, colours=True)
    model = models.load(str(built(family)))
    mode = "anchors" if model.prompt_size or model.entry.output != "metric_depth" else "model"
    settings = Settings(scale_mode=mode, grin_samples=2)
    runtime, (both, machine) = TorchRuntime(model.network, "cpu"), graphs()
    eager = Pipeline(NetworkPredictor(model, runtime), settings)
    captured = Pipeline(NetworkPredictor(model, runtime, graphs=both), settings)
    camera = Camera.from_fov(91, 61, 70.0)
    for number in range(2):
        shown = Frame(image(61, 91)[:: 1 - 2 * number].copy(), camera, 1 + number, "optical")
        anchors = anchors_of(eager, shown) if mode == "anchors" else None
        known = eager(shown, anchors)
        estimate = captured.predict(shown, anchors, wanted)
        found = captured.measure(estimate, anchors, wanted)
        torch.testing.assert_close(found.depth_m, known.depth_m, rtol=0, atol=0, equal_nan=True)
        assert (found.confidence is None) == (known.confidence is None)
        assert (found.scale is None) == (known.scale is None)
        if found.scale is not None and known.scale is not None:
            one, other = (replace(scale, field=None) for scale in (found.scale, known.scale))
            assert one == other
        cloud = captured.cloud(found)
        assert cloud.count is not None
        points = eager.points(known).view(torch.int32)
        assert torch.equal(cloud.payload[: int(cloud.count)].view(torch.int32), points)
        in_one = mode == "model" and estimate.prediction.f_px is None
        assert machine.log.count("replay") == (number + 1) * (1 if in_one else 2)


@pytest.mark.parametrize("lens", ["none", "equidistant"])
@pytest.mark.parametrize("family", ["depth-anything-metric", "zoedepth-lite"])
def test_a_whole_frame_makes_the_host_never_wait(
    family: str, lens: Literal["none", "equidistant"], built: Callable[[str], Path]
) -> None:
    model = models.load(str(built(family)))
    execute, (both, _) = OnMeta(model.capturable_network()), graphs()
    both.disable("requested")
    settings = Settings().with_values(
        colour_range="percentiles", edges_filter="fill", beyond_range="max", max_depth_m=5.0
    )
    camera = Camera(64, 48, 30.0, 30.0, 31.5, 23.5, lens, (0.0,) * (4 if lens != "none" else 0))
    view = NetworkViews(model, lambda each: each.to(execute.device)).of(camera, settings)
    renderer = CapturedRenderer(model, Profile(), both, execute.device)
    wanted = Wanted(points=True, colours=True)
    finish = renderer.finish(settings, wanted, Constant(1.0, 5.0), camera, 1)
    rgb = torch.zeros(48, 64, 3, dtype=torch.uint8, device=execute.device)
    network, request = CapturedNetwork(model, execute, None, both), Request([view.camera])
    with torch.inference_mode():
        network.finish(rgb, view, request, 1, finish, settings)  # fills what it keeps per size
        with CaptureCheck(execute.device):
            _, finished = network.finish(rgb, view, request, 1, finish, settings)
    assert finished is not None
    assert finished.rendered.payload is not None
    assert finished.rendered.payload.shape == (48 * 64, 16)
