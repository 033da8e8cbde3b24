"""Cameras of the training data sets, whose focal length the metres of checkpoints assume."""

from __future__ import annotations

from depth_ros.geometry.camera import Camera

NYU = Camera(640, 480, 518.8579, 519.4696, 325.5824, 253.7362)
"""NYU Depth V2: the Kinect's colour camera, calibrated in the data set's toolbox."""

KITTI = Camera(1242, 375, 721.5377, 721.5377, 609.5593, 172.854)
"""KITTI: the left colour camera after rectification, most days' calibration (P2)."""

KITTI_CROP = Camera(1216, 352, 721.5377, 721.5377, 596.5593, 149.854)
"""KITTI in the crop of its depth benchmark: the lowest 352 rows, the middle 1216 columns."""

HYPERSIM = Camera.from_fov(1024, 768, 60.0)
"""Hypersim: rendered with a horizontal field of view of 60 degrees; 886.81 px."""

VIRTUAL_KITTI = Camera(1242, 375, 725.0087, 725.0087, 620.5, 187.0)
"""Virtual KITTI 2: its intrinsics files."""
