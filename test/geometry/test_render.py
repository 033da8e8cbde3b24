"""What follows values, in one function: it changes nothing that it is given, and waits for none."""

from typing import Any

import pytest
import torch

from depth_ros.geometry.camera import Camera
from depth_ros.geometry.cloud import back_project
from depth_ros.geometry.colour import colour_table
from depth_ros.geometry.render import Numbers, Plan, Rendered, Scene, render
from depth_ros.runtimes.capture_check import CaptureCheck

CAMERA = Camera(24, 18, 20.0, 20.0, 11.5, 8.5)
RAYS = torch.from_numpy(CAMERA.rays().copy())
VALUES = 0.5 + 4 * torch.rand(18, 24, generator=torch.Generator().manual_seed(0))
SURE = torch.rand(18, 24, generator=torch.Generator().manual_seed(1))


def rendered(device: str = "cpu", stride: int = 1, **facts: Any) -> Rendered:
    numbers = facts.pop("numbers", Numbers())
    plan = Plan(stride=stride, **facts)
    x, y = (plane.contiguous() for plane in RAYS[::stride, ::stride].unbind(-1))
    scene = Scene(torch.zeros(18, 24, 3, dtype=torch.uint8), x, y, SURE, colour_table("turbo"))
    scene = Scene(*(each if each is None else each.to(device) for each in scene))
    sent = torch.tensor(numbers, dtype=torch.float64).to(device)
    values = VALUES.to(device)
    if device == "cpu":
        return render(plan, values, scene, sent)
    with CaptureCheck(torch.device(device)):
        return render(plan, values, scene, sent)


def z_of(made: Rendered) -> torch.Tensor:
    assert made.payload is not None
    payload = made.payload if made.count is None else made.payload[: int(made.count)]
    return payload.view(torch.float32)[..., 2]


def test_values_stay_as_they_are_and_what_is_not_wanted_is_not_made() -> None:
    before = VALUES.clone()
    made = rendered(numbers=Numbers(scale=2.0, near_m=2.0, far_m=8.0))
    assert torch.equal(VALUES, before)
    assert (made.payload, made.count, made.colours) == (None, None, None)
    assert made.depth_m is not None
    inside = (2 * VALUES >= 2) & (2 * VALUES < 8)
    assert torch.equal(made.depth_m.isfinite(), inside)
    assert torch.equal(made.depth_m[inside], 2 * VALUES[inside])


@pytest.mark.parametrize("stride", [1, 3])
def test_organised_points_are_the_back_projection(stride: int) -> None:
    made = rendered(stride=stride, points=True, organised=True)
    assert made.payload is not None
    assert made.count is None
    points = back_project(VALUES, RAYS)[::stride, ::stride]
    assert torch.equal(made.payload.view(torch.float32), points)


def test_points_need_the_confidence_that_is_asked_for() -> None:
    made = rendered(points=True, confident=True, numbers=Numbers(min_confidence=0.6))
    assert torch.equal(z_of(made), VALUES[torch.tensor(0.6) <= SURE])


def test_what_is_beyond_range_may_become_points_at_its_end() -> None:
    numbers = Numbers(far_m=2.0)
    assert float(z_of(rendered(points=True, numbers=numbers)).max()) < 2
    z = z_of(rendered(points=True, beyond=True, numbers=numbers))
    assert len(z) == VALUES.numel()
    assert int((z == 2).sum()) == int((VALUES >= 2).sum())


def test_depth_that_is_done_is_not_limited_again() -> None:
    made = rendered(values="done", points=True, numbers=Numbers(far_m=2.0))
    assert made.depth_m is None
    assert torch.equal(z_of(made), VALUES.flatten())


@pytest.mark.parametrize("edges", ["off", "points", "image"])
@pytest.mark.parametrize("values", ["metres", "depth", "inverse", "done"])
@pytest.mark.parametrize("organised", [True, False])
@pytest.mark.parametrize("percentiles", [True, False])
def test_nothing_asks_the_host(edges: str, values: str, organised: bool, percentiles: bool) -> None:
    facts: dict[str, Any] = {"edges": edges, "values": values, "organised": organised}
    everything = dict.fromkeys(("points", "coloured", "beyond", "confident", "colours"), True)
    made = rendered("meta", percentiles=percentiles, **facts, **everything)
    assert made.colours is not None
    assert made.colours.shape == (18, 24, 3)
