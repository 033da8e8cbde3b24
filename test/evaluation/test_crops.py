"""Crops against the rectangles that papers and their code state."""

import pytest

from depth_ros.errors import CameraError
from depth_ros.evaluation import crops


def test_the_eigen_crop_of_nyu() -> None:
    assert crops.nyu_eigen(480, 640) == (slice(45, 471), slice(41, 601))
    with pytest.raises(CameraError, match="320x240, expected 640x480"):
        crops.nyu_eigen(240, 320)


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [((352, 1216), (143, 349), (43, 1172)), ((375, 1242), (153, 371), (44, 1197))],
)
def test_the_garg_crop(
    size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    assert crops.kitti_garg(*size) == (slice(*rows), slice(*columns))


def test_the_eigen_crop_of_kitti_reaches_higher_and_not_as_low() -> None:
    rows, columns = crops.kitti_eigen(375, 1242)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (124, 342, 44, 1197)


@pytest.mark.parametrize("size", [(375, 1242), (370, 1224), (352, 1216)])
def test_the_benchmark_crop_is_low_and_in_the_middle(size: tuple[int, int]) -> None:
    rows, columns = crops.kitti_benchmark(*size)
    assert rows.stop == size[0]
    assert rows.stop - rows.start == 352
    assert columns.stop - columns.start == 1216
    assert 0 <= (size[1] - columns.stop) - columns.start <= 1


def test_an_image_smaller_than_the_benchmark_crop_is_refused() -> None:
    with pytest.raises(CameraError, match="640x480, expected at least 1216x352"):
        crops.kitti_benchmark(480, 640)
