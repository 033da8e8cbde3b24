"""Options for the sampling of a clip."""

from __future__ import annotations

from dataclasses import dataclass

from depth_ros.errors import SettingError


@dataclass(frozen=True)
class ClipOptions:
    """Options that trade quality for time and memory; the defaults are DepthCrafter's.

    Attributes:
        device: a torch device's name.
        dtype: of the networks: float32, float16 or bfloat16.
        offload: keep only the network in use on the device, and the others in host memory.
        steps: of the sampler.
        window: number of frames that the network processes together.
        overlap: number of frames that two windows share.
        max_side_px: larger images are resized to this on their longer side.
        chunk: number of frames that the image encoders and the decoder process together. The
            decoder mixes the frames of a chunk, so that its values depend slightly on this.

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
