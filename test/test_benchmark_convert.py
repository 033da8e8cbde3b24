"""The benchmark of conversions, on a few small images."""

from pathlib import Path

import pytest

from benchmarks import convert as benchmark
from depth_ros.bag import reader
from depth_ros.geometry.camera import Camera


def test_it_converts_and_copies_every_frame(tmp_path: Path) -> None:
    result = benchmark.run(tmp_path, 5, Camera.from_fov(64, 48, 70.0))
    converted = list(reader.records(tmp_path / "converted"))
    assert sum(record.topic == "/depth/image" for record in converted) == 5
    copied = list(reader.records(tmp_path / "copied"))
    assert copied == converted
    assert "frames/s" in result.text()


def test_its_result_says_how_much_longer_than_a_copy() -> None:
    text = benchmark.Result(frames=10, convert_s=2.0, copy_s=0.5).text()
    assert [line.split()[-1] for line in text.splitlines()] == ["frames/s", "frames/s", "4.00"]
    assert float(text.split()[4]) == pytest.approx(5.0)
