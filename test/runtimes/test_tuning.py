"""The tuner takes the fastest variant that is right, and measures each network only once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.runtimes import capture, user_cache
from depth_ros.runtimes.torch_runtime import TorchRuntime
from depth_ros.runtimes.tuning import Tuner
from depth_ros.runtimes.variant import KERNELS, LAYOUTS, Variant, attention, layout_of
from test.runtimes.stand_in import StandIn

IMAGES = torch.rand(1, 3, 8, 12)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user, in which the choices are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return user_cache.folder("tuning")


def kernel() -> str:
    """Name of the attention kernel that torch may use besides math; empty: several."""
    enabled = {
        "flash": torch.backends.cuda.flash_sdp_enabled(),
        "efficient": torch.backends.cuda.mem_efficient_sdp_enabled(),
        "cudnn": torch.backends.cuda.cudnn_sdp_enabled(),
    }
    names = [name for name, is_enabled in enabled.items() if is_enabled]
    return "" if len(names) > 1 else "".join(names) or "math"


class Network(nn.Module):
    """Takes as much time, by its own clock, as its variant is said to take.

    Args:
        costs_ms: of variants; others take a second.
        spoiled: variants that give other values.
        broken: variants that fail.
        attends: whether it has attention.
    """

    def __init__(
        self,
        costs_ms: dict[Variant, float],
        spoiled: tuple[Variant, ...] = (),
        broken: tuple[Variant, ...] = (),
        attends: bool = True,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.attends = nn.Conv2d(3, 4, 3), attends
        self.costs_ms, self.spoiled, self.broken = costs_ms, spoiled, broken
        self.time_s, self.ran = 0.0, list[Variant]()

    def forward(self, images: Tensor) -> Tensor:
        is_last = self.layer.weight.is_contiguous(memory_format=torch.channels_last)
        variant = Variant("channels last" if is_last else "contiguous", kernel())
        self.ran.append(variant)
        self.time_s += 1e-3 * self.costs_ms.get(variant, 1e3)
        if variant in self.broken:
            raise RuntimeError("no available kernel")
        maps = self.layer(images).flatten(2)
        if self.attends:
            maps = every_kernel(maps)
        values: Tensor = maps.mean(1)
        return 2 * values if variant in self.spoiled else values


def every_kernel(maps: Tensor) -> Tensor:
    """Attention, as if this machine had every kernel."""
    with torch.nn.attention.sdpa_kernel(list(KERNELS.values())):
        return functional.scaled_dot_product_attention(maps, maps, maps)


def on(network: Network, **options: Any) -> tuple[TorchRuntime, StandIn, list[str]]:
    """A runtime that tunes a network by its own clock, as on a GPU; and what it tells."""
    machine, told = StandIn(), list[str]()
    machine.clock = lambda: network.time_s
    tuner = Tuner(machine, "float32", told.append, **options)
    runtime = TorchRuntime(network, "cpu", "float32", tuner=tuner)
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return runtime, machine, told


def chosen(network: Network, **options: Any) -> Variant:
    """The variant that a new runtime of a network runs after its first call."""
    runtime, _, _ = on(network, **options)
    runtime(IMAGES)
    assert layout_of(network) == network.ran[-1].layout
    return network.ran[-1]


FIRST, LAST = Variant("contiguous"), Variant("channels last")


@pytest.mark.parametrize(
    "fastest",
    [FIRST, LAST, *(Variant(layout, name) for layout in LAYOUTS for name in KERNELS)],
    ids=Variant.text,
)
def test_the_fastest_variant_is_taken(fastest: Variant) -> None:
    # Kernels are tried in the faster layout.
    layout = Variant(fastest.layout)
    assert chosen(Network({FIRST: 9.0, LAST: 9.0} | {layout: 5.0} | {fastest: 4.0})) == fastest


@pytest.mark.parametrize(("ms", "expected"), [(5.0, FIRST), (4.9, FIRST), (4.8, LAST)])
def test_a_tie_or_a_small_gain_keeps_the_first(ms: float, expected: Variant) -> None:
    assert chosen(Network({FIRST: 5.0, LAST: ms})) == expected


@pytest.mark.parametrize("fault", ["spoiled", "broken"])
@pytest.mark.parametrize("wrong", [LAST, Variant("contiguous", "flash")], ids=Variant.text)
def test_a_variant_that_fails_or_gives_other_values_is_not_taken(
    wrong: Variant, fault: str
) -> None:
    faults: Any = {fault: (wrong,)}
    network = Network({FIRST: 5.0, wrong: 1.0, Variant("contiguous", "math"): 4.0}, **faults)
    runtime, _, told = on(network)
    torch.testing.assert_close(
        runtime(IMAGES), TorchRuntime(Network({}), "cpu")(IMAGES), rtol=1e-3, atol=1e-5
    )
    assert network.ran[-1] == Variant("contiguous", "math")
    assert f"{wrong.text()} 1.00 ms" not in told[0]


def test_a_network_that_fails_in_every_variant_fails_with_its_own_error() -> None:
    runtime, _, told = on(Network({}, broken=(FIRST,)))
    with pytest.raises(RuntimeError, match="no available kernel"):
        runtime(IMAGES)
    assert not told


def test_without_attention_only_layouts_are_tried() -> None:
    network = Network({FIRST: 5.0, LAST: 4.0}, attends=False)
    assert chosen(network) == LAST
    assert set(network.ran) == {FIRST, LAST}


def test_only_the_given_variants_are_tried() -> None:
    flash = Variant("contiguous", "flash")
    network = Network({FIRST: 5.0, LAST: 1.0, flash: 4.0})
    assert chosen(network, layouts=("contiguous",), kernels=("flash", "cudnn")) == flash
    assert set(network.ran) == {FIRST, flash, Variant("contiguous", "cudnn")}


def test_it_tells_what_was_chosen_and_the_times() -> None:
    runtime, _, told = on(Network({FIRST: 5.0, LAST: 4.0}), kernels=("flash",))
    for _ in range(2):
        runtime(IMAGES)
    assert told == [
        "the network runs with channels last in float32 on stand-in: contiguous 5.00 ms, "
        "channels last 4.00 ms, channels last, flash attention 1000.00 ms"
    ]


def test_a_kept_choice_is_used_and_not_measured_again() -> None:
    costs_ms = {FIRST: 5.0, LAST: 4.0, Variant("channels last", "flash"): 3.0}
    runtime, _, first_told = on(Network(costs_ms))
    runtime(IMAGES)
    again = Network({})
    runtime, machine, told = on(again)
    runtime(IMAGES)
    assert again.ran == [Variant("channels last", "flash")]
    assert "capture" not in machine.log
    assert told == first_told


@pytest.mark.parametrize("other", ["shape", "precision", "device", "torch", "network", "variants"])
def test_a_choice_is_for_one_network_device_precision_version_and_shape(
    other: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(Network({}))[0](IMAGES)
    network, images, options = Network({}), IMAGES, dict[str, Any]()
    if other == "network":
        network.layer = nn.Conv2d(3, 5, 3)
    if other == "torch":
        monkeypatch.setattr(torch, "__version__", "99.0")
    if other == "shape":
        images = torch.rand(1, 3, 12, 8)
    if other == "variants":
        options["kernels"] = ("flash",)
    runtime, machine, _ = on(network, **options)
    if other == "device":
        machine.name = "another"
    if other == "precision":
        runtime.tuner = Tuner(machine, "float16", lambda _: None)
    runtime(images)
    assert len(list(cache.iterdir())) == 2


def damage(content: str, change: Callable[[dict[str, Any]], object]) -> str:
    kept = json.loads(content)
    change(kept)
    return json.dumps(kept)


@pytest.mark.parametrize(
    "damaged",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 100_000,
        lambda text: "[]",
        lambda text: damage(text, lambda kept: kept.pop("layout")),
        lambda text: damage(text, lambda kept: kept.update(layout="sideways")),
        lambda text: damage(text, lambda kept: kept.update(layout=[])),
        lambda text: damage(text, lambda kept: kept.update(attention="magic")),
        lambda text: damage(text, lambda kept: kept.update(times_ms=5)),
        lambda text: damage(text, lambda kept: kept["times_ms"].update(contiguous=None)),
    ],
)
def test_a_damaged_choice_is_ignored_and_replaced(
    damaged: Callable[[str], str], cache: Path
) -> None:
    costs_ms = {FIRST: 5.0, LAST: 4.0}
    assert chosen(Network(costs_ms)) == LAST
    (path,) = cache.iterdir()
    content = path.read_text()
    path.write_text(damaged(content))
    network = Network(costs_ms)
    assert chosen(network) == LAST
    assert len(network.ran) > 1
    assert path.read_text() == content


def test_without_a_writable_cache_it_is_measured_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert chosen(Network({FIRST: 5.0, LAST: 4.0})) == LAST


def test_what_can_be_captured_is_measured_as_a_graph_and_all_else_as_it_is() -> None:
    for error, replays in ((None, True), (RuntimeError("not permitted"), False)):
        network = Network({FIRST: 5.0, LAST: 4.0})
        runtime, machine, _ = on(network)
        machine.error = error
        runtime(torch.rand(1, 3, 8, 13 if replays else 14))
        assert ("replay" in machine.log) is replays
        assert not machine.live
        assert network.ran[-1] == LAST


def test_while_another_thread_captures_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network({FIRST: 5.0, LAST: 4.0})
    runtime, _, _ = on(network)
    with monkeypatch.context() as patch:
        busy = SimpleNamespace(acquire=lambda blocking: False)
        patch.setattr("depth_ros.runtimes.tuning.CAPTURING", busy)
        runtime(IMAGES)
        assert network.ran == [FIRST]
    runtime(IMAGES)
    assert network.ran[-1] == LAST
    assert capture.CAPTURING.acquire(blocking=False)
    capture.CAPTURING.release()


def test_a_compiled_runtime_runs_what_the_plain_one_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)
    network = Network({FIRST: 5.0, Variant("contiguous", "flash"): 4.0})
    runtime, _, told = on(network)
    compiled = TorchRuntime(network, "cpu", "float32", True, runtime.tuner)
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    runtime(IMAGES)
    network.ran.clear()
    compiled(IMAGES)
    assert network.ran == [Variant("contiguous", "flash")]
    assert len(told) == 1


def test_torch_chooses_again_after_a_block_and_math_is_there_inside_of_it() -> None:
    assert kernel() == ""
    with attention("cudnn"):
        assert kernel() == "cudnn"
        assert torch.backends.cuda.math_sdp_enabled()
        with attention("flash"):  # as in another thread: the switch is in use
            assert kernel() == "cudnn"
    with attention("flash", strict=True):
        assert not torch.backends.cuda.math_sdp_enabled()
    assert kernel() == ""
