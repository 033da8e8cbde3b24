"""How a clip is sampled, and where."""

from __future__ import annotations

from dataclasses import dataclass

from depth_ros.errors import SettingError


@dataclass(frozen=True)
class ClipOptions:
    """What trades a clip's depth for time and memory; the defaults are DepthCrafter's own.

    Attributes:
        device: a torch device's name.
        dtype: of the networks: float32, float16 or bfloat16.
        offload: keep on the device only the networks that work at the moment, the others in the
            CPU's memory.
        steps: of the sampler.
        window: frames that the network sees at once.
        overlap: frames that two windows share.
        max_side_px: images are shrunk to this on their longer side.
        chunk: frames that the image encoders and the decoder see at once. The decoder mixes the
            frames of a chunk, so that its values depend a little on this.

    Raises:
        SettingError: a number is out of its range, or the dtype is unknown.
    """

    device: str = "cpu"
    dtype: str = "float32"
    offload: bool = False
    steps: int = 5
    window: int = 110
    overlap: int = 25
    max_side_px: int = 1024
    chunk: int = 8

    def __post_init__(self) -> None:
        if self.dtype not in ("float32", "float16", "bfloat16"):
            raise SettingError(f"dtype is '{self.dtype}', expected float32, float16 or bfloat16")
        for name, least in (("steps", 1), ("overlap", 0), ("max_side_px", 64), ("chunk", 1)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} is {getattr(self, name)}, expected at least {least}")
        if self.window <= self.overlap:
            raise SettingError(
                f"window is {self.window}, expected more than overlap {self.overlap}"
            )
