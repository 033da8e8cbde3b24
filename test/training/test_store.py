"""Frames in memory: sizes, labels, cameras, and what is kept out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from depth_ros.errors import DepthError
from depth_ros.training.store import stores_of
from test.training.planes import CAMERA, PINHOLE, UPRIGHT, plane


def test_there_is_one_store_for_each_size_of_image() -> None:
    stores = stores_of([plane(PINHOLE), plane(UPRIGHT), plane(PINHOLE, 1)], width=64)
    assert sorted(len(store) for store in stores) == [1, 2]
    for store in stores:
        assert max(store.rgb.shape[-2:]) == 112, "1.75 times the network's width"
        assert store.depth_m.shape[1:] == store.rgb.shape[-2:] == store.rays.shape[-2:]


def test_small_images_are_not_enlarged() -> None:
    (store,) = stores_of([plane(PINHOLE)], width=256)
    assert store.rgb.shape == (1, 3, 150, 200)
    assert np.array_equal(store.rgb[0].permute(1, 2, 0).numpy(), plane(PINHOLE).rgb)


def test_the_camera_shrinks_with_its_image() -> None:
    (store,) = stores_of([plane(PINHOLE)], width=64)
    camera = PINHOLE.scale(112, 84)
    assert float(store.f_px[0]) == pytest.approx(camera.f_px)
    assert np.allclose(store.rays[0].permute(1, 2, 0).numpy(), camera.rays(), atol=1e-3)


def test_frames_of_one_camera_share_its_rays() -> None:
    wider = replace(PINHOLE, fx=120.0, fy=120.0)
    (store,) = stores_of([plane(PINHOLE), plane(wider), plane(PINHOLE, 1)], width=64)
    assert store.cameras.tolist() == [0, 1, 0]
    assert len(store.rays) == 2


def test_depth_is_never_between_what_was_measured() -> None:
    recorded = plane(CAMERA)
    depth_m = np.where(np.arange(200) < 100, 1.0, 3.0) * np.ones((120, 1))
    (store,) = stores_of([recorded._replace(depth_m=depth_m.astype(np.float32))], width=64)
    assert set(store.depth_m.unique().tolist()) == {1.0, 3.0}


def test_of_sparse_labels_the_share_is_kept() -> None:
    (store,) = stores_of([plane(PINHOLE)], width=256, labels=0.3)
    assert float(store.depth_m.isfinite().float().mean()) == pytest.approx(0.3, abs=0.02)


def test_frames_without_any_depth_are_left_out() -> None:
    full = plane(CAMERA)
    empty = full._replace(depth_m=np.full_like(full.depth_m, np.nan))
    (store,) = stores_of([empty, full, empty], width=64)
    assert len(store) == 1
    with pytest.raises(DepthError, match="no frame with depth"):
        stores_of([empty], width=64)


def test_what_is_kept_out_is_the_end() -> None:
    (store,) = stores_of([plane(PINHOLE, seed) for seed in range(5)], width=256)
    first, last = store.split(2)
    assert (len(first), len(last)) == (3, 2)
    assert torch.equal(torch.cat([first.rgb, last.rgb]), store.rgb)
