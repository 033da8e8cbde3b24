"""Two cameras, one network: print what is nearest in front of each.

python examples/two_cameras.py front.mp4 rear.mp4 --fov-deg 70 110

On a robot, the node serves several cameras: ros2 launch depth_ros depth.launch.py cameras:=a,b ...
"""

from __future__ import annotations

import argparse
import sys

import cv2
import numpy as np

import depth_ros
from depth_ros import cli


def main(said: list[str] | None = None) -> int:
    """Estimate depth of both cameras until one of them ends; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", nargs=2, help="video files")
    parser.add_argument(
        "--fov-deg", type=float, nargs=2, required=True, help="horizontal field of view of each"
    )
    parser.add_argument("--fps", type=float, default=30.0, help="of both; default: %(default)g")
    parser.add_argument("--model", default="zoedepth-lite", help="default: %(default)s")
    options = parser.parse_args(said)
    estimator = depth_ros.load(options.model)
    videos = [cv2.VideoCapture(name) for name in options.video]
    # The network is loaded once; each camera has a stream with a scale of its own.
    streams = [estimator.stream(fps=options.fps, scale_steady_s=0.5) for _ in videos]
    shown = 0
    while True:
        images = [video.read()[1] for video in videos]
        if any(image is None for image in images):
            break
        nearest = []
        for bgr, stream, fov_deg in zip(images, streams, options.fov_deg, strict=True):
            camera = depth_ros.Camera.from_fov(bgr.shape[1], bgr.shape[0], fov_deg=fov_deg)
            rgb = np.asarray(bgr[..., ::-1], np.uint8)  # OpenCV has blue first
            depth = stream(rgb, camera)
            # The nearest percent of the middle third: single pixels may be wrong.
            middle = np.array_split(depth.depth_m, 3, axis=1)[1]
            nearest.append(float(np.nanpercentile(middle, 1)))
        print("  ".join(f"{m:.2f} m" for m in nearest))
        shown += 1
    if not shown:
        raise SystemExit(f"{' or '.join(options.video)} gives no image")
    return 0


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
