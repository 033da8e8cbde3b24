"""What must hold before accuracy is measured: true depth survives the way to pinhole and back."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.fisheye.lenses import LENSES, PLACES, samples
from benchmarks.mismatch import MismatchError
from depth_ros.geometry.virtual_pinhole import VirtualView, virtual_pinhole

_MEDIAN, _MOST = 0.002, 0.02
_COUNTED = 0.95  # the rest lies at depth edges, between whose sides every interpolation mixes


def check() -> None:
    """Render the truth of the virtual pinholes, and compare it on the pixels of the lenses.

    Raises:
        MismatchError: they differ.
    """
    for name, lens in LENSES.items():
        pinhole = virtual_pinhole(lens)
        if pinhole is None:
            raise MismatchError(f"{name}: is a pinhole, expected a lens")
        (own,), (seen,) = (samples(PLACES[1], camera, 1) for camera in (lens, pinhole))
        back = VirtualView(lens, pinhole, lambda values: values).values(
            torch.from_numpy(seen.truth_m)[None]
        )
        error = np.abs(back[0].numpy() / own.truth_m - 1)
        median, most = np.nanquantile(error, (0.5, _COUNTED))
        if not (median < _MEDIAN and most < _MOST):
            raise MismatchError(
                f"{name}: true depth differs by {median:.2%} (median) and {most:.2%} "
                f"({_COUNTED:.0%}), expected at most {_MEDIAN:.1%} and {_MOST:.0%}"
            )
