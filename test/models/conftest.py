"""One checkpoint of every family, written when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from test.models.checkpoints import build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's small checkpoint."""
    return cache(lambda family: build(family, tmp_path_factory.mktemp(family)))
