"""Images on their way to the device: whole, and not copied where they need not be."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from depth_ros.runtimes.upload import Upload

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA")


def images(count: int, height: int = 48, width: int = 64) -> list[npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3)).astype(np.uint8) for _ in range(count)]


def test_on_the_cpu_an_image_stays_where_it_is() -> None:
    upload, (image,) = Upload(torch.device("cpu")), images(1)
    assert upload(image).data_ptr() == image.ctypes.data


def test_read_only_images_are_copied(recwarn: pytest.WarningsRecorder) -> None:
    upload, (image,) = Upload(torch.device("cpu")), images(1)
    image.flags.writeable = False
    sent = upload(image)
    assert sent.data_ptr() != image.ctypes.data
    assert np.array_equal(sent.numpy(), image)
    assert not recwarn.list


class Event:
    """An event that is reached when it is waited for."""

    def __init__(self) -> None:
        self.is_reached = True

    def record(self, stream: object) -> None:
        self.is_reached = False

    def synchronize(self) -> None:
        self.is_reached = True


def test_a_buffer_is_written_after_its_last_copy_and_allocated_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: list[str] = []
    current = SimpleNamespace(wait_event=lambda event: log.append("wait"))
    faked: dict[str, Any] = {"Event": Event, "Stream": lambda device: "uploads"}
    faked["stream"], faked["current_stream"] = lambda _: nullcontext(), lambda _: current
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(**faked))
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: log.append("kept"))
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *_, **__: self.clone())
    allocate, copy = torch.empty, np.copyto

    def allocated(size: int, dtype: torch.dtype, pin_memory: bool = False) -> torch.Tensor:
        log.extend([f"allocate {size}"] * pin_memory)
        return allocate(size, dtype=dtype)

    monkeypatch.setattr(torch, "empty", allocated)
    upload = Upload(torch.device("cuda", 0))

    def copied(target: npt.NDArray[np.uint8], image: npt.NDArray[np.uint8]) -> None:
        assert upload._slots[-1]._fetched.is_reached
        copy(target, image)

    monkeypatch.setattr(np, "copyto", copied)
    for image in images(6):
        assert np.array_equal(upload(image).numpy(), image)
    assert log == [f"allocate {48 * 64 * 3}", "wait", "kept"] * 2 + ["wait", "kept"] * 4


@CUDA
def test_on_cuda_images_in_flight_do_not_overwrite_each_other() -> None:
    upload, sent = Upload(torch.device("cuda")), []
    shown = [*images(8), *images(8, 96, 128), *images(8)]
    for image in shown:
        sent.append(upload(image))
        assert sent[-1].is_cuda
    for image, tensor in zip(shown, sent, strict=True):
        assert np.array_equal(tensor.cpu().numpy(), image)
