"""Images on their way to the device: whole, and not copied where they need not be."""

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


@CUDA
def test_on_cuda_images_in_flight_do_not_overwrite_each_other() -> None:
    upload, sent = Upload(torch.device("cuda")), []
    shown = [*images(8), *images(8, 96, 128), *images(8)]
    for image in shown:
        sent.append(upload(image))
        assert sent[-1].is_cuda
    for image, tensor in zip(shown, sent, strict=True):
        assert np.array_equal(tensor.cpu().numpy(), image)
