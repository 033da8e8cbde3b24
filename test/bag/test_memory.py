"""A long recording takes no more memory than a short one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPO = Path(__file__).parents[2]

SCRIPT = """
import resource, sys
from pathlib import Path
from depth_ros.bag.convert import convert
from depth_ros.bag.options import ConvertOptions
from recordings import drive, pipeline, write
folder, peaks = Path(sys.argv[1]), []
for count in (150, 1500):
    source = write(folder / f"in{count}", drive(count))
    options = ConvertOptions(extras=("points",), split=100, batch=4)
    convert([source], folder / f"out{count}", pipeline(), options)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(*peaks)
"""


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    paths = os.pathsep.join(map(str, (REPO, REPO / "test" / "bag")))
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    short_mb, long_mb = map(float, run.stdout.split())
    # 1500 frames are 14 MB of images and 190 MB of depth and points.
    assert long_mb - short_mb < 30, run.stdout
