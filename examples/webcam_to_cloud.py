"""Depth of a webcam or a video in Python, and the last frame as a point cloud.

python examples/webcam_to_cloud.py --fov-deg 70
python examples/webcam_to_cloud.py drive.mp4 --fov-deg 70 --frames 100

Ctrl-C ends it. `depth_ros infer camera:0 --fov-deg 70 --show` shows a window.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

import depth_ros
from depth_ros import cli
from depth_ros.infer.cloud_file import ply

Rgb = npt.NDArray[np.uint8]


def images(source: str, count: int) -> Iterator[Rgb]:
    """Give the images of a video, or of a webcam by its number, at most count of them."""
    video = cv2.VideoCapture(int(source) if source.isdigit() else source)
    for _ in range(count):
        found, bgr = video.read()
        if not found:
            return
        yield np.asarray(bgr[..., ::-1], np.uint8)  # OpenCV has blue first


def main(said: list[str] | None = None) -> int:
    """Estimate depth of every image, and write the last one's points; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", default="0", help="video file or number of a webcam")
    parser.add_argument("--fov-deg", type=float, required=True, help="horizontal field of view")
    parser.add_argument("--model", default="zoedepth-lite", help="default: %(default)s")
    parser.add_argument("--frames", type=int, default=10**9, help="at most; default: all")
    parser.add_argument("--out", type=Path, default=Path("cloud.ply"), help="default: %(default)s")
    options = parser.parse_args(said)
    # A stream keeps state from frame to frame; here, to keep the scale steady.
    stream = depth_ros.load(options.model).stream(scale_steady_s=0.5)
    depth = None
    with suppress(KeyboardInterrupt):
        for rgb in images(options.source, options.frames):
            height, width = rgb.shape[:2]
            camera = depth_ros.Camera.from_fov(width, height, fov_deg=options.fov_deg)
            depth = stream(rgb, camera, stamp_ns=time.monotonic_ns())
            print(depth)
    if depth is None:
        raise SystemExit(f"{options.source} gives no image")
    options.out.write_bytes(ply(depth.points()))
    print(f"written: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
