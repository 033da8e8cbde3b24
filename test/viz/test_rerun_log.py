"""Recordings for the Rerun viewer, read back by Rerun."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from depth_ros.errors import SettingError
from depth_ros.viz.points import points
from test.viz.scene import CAMERA, START_NS, STEP_NS, shot

Rows = dict[tuple[str, str], list[Any]]


@pytest.fixture
def log(tmp_path: Path) -> Any:
    pytest.importorskip("rerun")
    from depth_ros.viz.rerun_log import RerunLog

    return RerunLog(tmp_path / "new" / "log.rrd")


def read(path: Path) -> Rows:
    """Return what was logged: the values (Arrow's) of every component of every entity."""
    reader = pytest.importorskip("rerun.chunk").RrdReader(path)
    rows: Rows = defaultdict(list)
    for chunk in reader.stream():
        batch = chunk.to_record_batch()
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            rows[chunk.entity_path, name] += list(column)
    return rows


def test_frames_are_read_back_by_stamp(log: Any, tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.rrd"
    for number in range(3):
        log.add("front/color", *shot(number))
        assert not path.exists(), "it is there before it is whole"
    log.close()
    assert list(path.parent.iterdir()) == [path]
    rows = read(path)

    stamps = [stamp.value for stamp in rows["/front/color/depth", "stamp"]]
    assert stamps == [START_NS + number * STEP_NS for number in range(3)]
    depth_m = np.array(rows["/front/color/depth", "DepthImage:buffer"][1].as_py()[0], np.uint8)
    assert np.array_equal(depth_m.view(np.float32), shot(1).depth_m.ravel(), equal_nan=True)
    assert rows["/front/color/depth", "DepthImage:meter"][1].as_py() == [1.0]

    jpeg = np.array(rows["/front/color/image", "EncodedImage:blob"][2].as_py()[0], np.uint8)
    image = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (48, 64, 3)
    assert np.abs(image[..., ::-1].astype(int) - shot(2).rgb).max() <= 4

    cloud = points(*shot(0)[1:], across=160)
    xyz = np.array(rows["/front/color/points", "Points3D:positions"][0].as_py(), np.float32)
    assert np.array_equal(xyz, cloud.xyz)
    colours = rows["/front/color/points", "Points3D:colors"][0].as_py()
    assert [colour >> 8 & 0xFF for colour in colours] == cloud.rgb[:, 2].tolist()


def test_a_camera_is_logged_when_it_changes(log: Any, tmp_path: Path) -> None:
    zoomed = replace(CAMERA, fx=80.0)
    for number, camera in enumerate([CAMERA, CAMERA, zoomed, zoomed]):
        log.add("camera", *shot(number, camera))
    log.close()
    matrices = read(tmp_path / "new" / "log.rrd")["/camera", "Pinhole:image_from_camera"]
    assert len(matrices) == 2
    for matrix, camera in zip(matrices, [CAMERA, zoomed], strict=True):
        expected = camera.matrix + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
        assert np.allclose(np.array(matrix.as_py()[0]).reshape(3, 3).T, expected)


def test_several_cameras_are_several_entities(log: Any, tmp_path: Path) -> None:
    log.add("left", *shot(0))
    log.add("/right", *shot(0, replace(CAMERA, width=30, height=40)))
    log.close()
    entities = {entity for entity, _ in read(tmp_path / "new" / "log.rrd")}
    parts = {f"/{name}{part}" for name in ("left", "right") for part in ("", "/image", "/points")}
    assert parts <= entities


def test_a_missing_rerun_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from depth_ros.viz.rerun_log import RerunLog

    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(SettingError, match="pip install rerun-sdk"):
        RerunLog(tmp_path / "log.rrd")
