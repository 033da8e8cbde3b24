"""Types of the data in messages."""

from __future__ import annotations

from array import array
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Samples = npt.NDArray[Any]  # of the type that a message's encoding defines
Data: TypeAlias = "bytes | bytearray | memoryview | array[int] | Bytes"
