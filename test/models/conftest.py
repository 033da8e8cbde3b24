"""One checkpoint of every family, and what it is exported to, written when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from test.models.checkpoints import EXPORTED, build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's small checkpoint."""
    return cache(lambda family: build(family, tmp_path_factory.mktemp(family)))


@pytest.fixture(scope="session")
def exported(
    built: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """The exported file of a family in a precision."""
    from depth_ros.export import Options, export

    def write(family: str, precision: str) -> Path:
        out = tmp_path_factory.mktemp("exported") / f"{family}.onnx"
        dynamic, size = EXPORTED[family]
        # Random networks round worse than trained ones.
        export(str(built(family)), out, Options(size, dynamic, precision, tolerance=0.05))
        return out

    return cache(write)
