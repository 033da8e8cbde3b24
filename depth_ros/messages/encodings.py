"""The encodings of sensor_msgs/Image: memory layout of pixels, and conversion to RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2

from depth_ros.errors import MessageError


class Packed(NamedTuple):
    """Interleaved pixels: all samples of a pixel or pair of pixels are adjacent."""

    dtype: str
    samples: int  # per pixel of a row
    to_rgb: int | None = None  # OpenCV's code; None: the samples are red, green and blue, or depth
    multiple: tuple[int, int] = (1, 1)  # width and height must be multiples of these


class Planar(NamedTuple):
    """YUV of 8 bits: a plane of Y, followed by the colours. OpenCV converts it."""

    to_rgb: int  # OpenCV's code
    interleaved: bool  # one plane with both colours, else two with half as many bytes a row
    subsampling: int = 2  # pixels and rows to a sample of colour

    def rows(self, height: int) -> int:
        """Return the height of all planes together, at the width of the Y plane."""
        return height + 2 * height // self.subsampling**2


@dataclass(frozen=True)
class Yuv444:
    """YUV of 8 bits at full resolution: a plane of Y, then one of U and V in turn.

    OpenCV has no conversion of it: images.rgb_of() converts this layout and no other.
    """

    interleaved: ClassVar[bool] = True
    subsampling: ClassVar[int] = 1

    def rows(self, height: int) -> int:
        """Return the height of all planes together, at the width of the Y plane."""
        return 3 * height


Encoding = Packed | Planar | Yuv444

_I420 = Planar(cv2.COLOR_YUV2RGB_I420, interleaved=False)
_YV12 = Planar(cv2.COLOR_YUV2RGB_YV12, interleaved=False)

_PIXELS: dict[str, Encoding] = {
    f"{name}{bits}": Packed(f"u{bits // 8}", samples, code)
    for bits in (8, 16)
    for name, samples, code in (
        ("rgb", 3, None),
        ("bgr", 3, cv2.COLOR_BGR2RGB),
        ("rgba", 4, cv2.COLOR_RGBA2RGB),
        ("bgra", 4, cv2.COLOR_BGRA2RGB),
        ("mono", 1, cv2.COLOR_GRAY2RGB),
        # ROS names the pattern by the pixels from (0, 0) on, OpenCV by those from (1, 1) on.
        ("bayer_rggb", 1, cv2.COLOR_BayerBG2RGB),
        ("bayer_bggr", 1, cv2.COLOR_BayerRG2RGB),
        ("bayer_gbrg", 1, cv2.COLOR_BayerGR2RGB),
        ("bayer_grbg", 1, cv2.COLOR_BayerGB2RGB),
    )
}
_GREY_AND_YUV: dict[str, Encoding] = {
    "8UC1": Packed("u1", 1, cv2.COLOR_GRAY2RGB),
    "uyvy": Packed("u1", 2, cv2.COLOR_YUV2RGB_UYVY, multiple=(2, 1)),
    "yuv422": Packed("u1", 2, cv2.COLOR_YUV2RGB_UYVY, multiple=(2, 1)),
    "yuyv": Packed("u1", 2, cv2.COLOR_YUV2RGB_YUYV, multiple=(2, 1)),
    "yuv422_yuy2": Packed("u1", 2, cv2.COLOR_YUV2RGB_YUYV, multiple=(2, 1)),
    "nv12": Planar(cv2.COLOR_YUV2RGB_NV12, interleaved=True),
    "nv21": Planar(cv2.COLOR_YUV2RGB_NV21, interleaved=True),
    "nv24": Yuv444(),
    # ROS has no name for these two: depthai uses YUV420, others the FourCC in upper or lower case.
    "YUV420": _I420,
    "I420": _I420,
    "i420": _I420,
    "YV12": _YV12,
    "yv12": _YV12,
}
COLOURS = _PIXELS | _GREY_AND_YUV
UNTYPED = {"8UC3": "{}8", "8UC4": "{}a8"}
"""Encodings that do not define the channel order, and patterns of the names that do."""

COLOUR_ENCODINGS = (*COLOURS, *UNTYPED)

DEPTHS: dict[str, Encoding] = {
    "32FC1": Packed("f4", 1),
    "16UC1": Packed("u2", 1),
    "mono16": Packed("u2", 1),
}
DEPTH_ENCODINGS = tuple(DEPTHS)
WRITTEN_DEPTHS = ("32FC1", "16UC1")

# Common names of these formats outside of ROS.
_ALIASES = {"yuy2": "yuv422_yuy2", "yuv2": "yuv422_yuy2", "gray": "mono8", "grey": "mono8"}


def find(known: dict[str, Encoding], name: str) -> Encoding:
    """Return the memory layout of an encoding.

    Raises:
        MessageError: it is unknown; the message names the ROS spelling, if there is one.
    """
    if name in known:
        return known[name]
    ros_name = _ros_name(known, name.lower())
    if ros_name is not None:
        raise MessageError(f"encoding is '{name}', expected '{ros_name}' in ROS's spelling")
    raise MessageError(f"encoding is '{name}', expected one of: {', '.join(known)}")


def typed(name: str, order: str) -> str:
    """Return an encoding with a defined channel order.

    Args:
        name: of an encoding.
        order: "bgr" or "rgb", for an encoding that does not define it; anything else: unknown.

    Raises:
        MessageError: the order is needed and unknown.
    """
    if name not in UNTYPED:
        return name
    if order not in ("bgr", "rgb"):
        raise MessageError(
            f"encoding is '{name}', which does not define the channel order: set "
            "untyped_order:=bgr, as in OpenCV, or untyped_order:=rgb"
        )
    return UNTYPED[name].format(order)


def _ros_name(known: dict[str, Encoding], name: str) -> str | None:
    spellings = {each.lower(): each for each in known}
    for spelling in (name, f"{name}8", _ALIASES.get(name, "")):
        if spelling in spellings:
            return spellings[spelling]
    return None
