"""Video topics: H.264, H.265, VP9 and AV1, one packet per message.

ffmpeg_image_transport_msgs/FFMPEGPacket, foxglove_msgs/CompressedVideo, and CompressedImage with a
format such as h264. Decoding a packet needs all packets since the last key frame. The decoder is
PyAV (extra `video`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_ros.config import Settings
from depth_ros.errors import MessageError, one_line
from depth_ros.messages.data import Bytes
from depth_ros.messages.headers import Stamp

if TYPE_CHECKING:
    import av

# Parts of the names in messages, which may be encoders' (libx264, hevc_nvenc), and FFmpeg's names.
_CODECS = {"264": "h264", "265": "hevc", "hevc": "hevc", "vp9": "vp9", "av1": "av1"}


@dataclass
class VideoHeader:
    """A std_msgs/Header for a message that has the same data in its own fields."""

    stamp: Stamp
    frame_id: str


@dataclass
class RgbImage:
    """A decoded video image with the fields of sensor_msgs/Image that this package reads.

    Attributes:
        header: a std_msgs/Header.
        pixels: rgb uint8 (H, W, 3).
    """

    header: Any
    pixels: Bytes
    encoding: str = "rgb8"
    is_bigendian: int = 0

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def step(self) -> int:
        """Bytes of a row."""
        return 3 * self.width

    @property
    def data(self) -> Bytes:
        """The rows, one after the other."""
        return self.pixels.reshape(-1)


class NoImage:
    """Replaces the sensor_msgs/Image of a packet without an image; reading it raises the cause."""

    def __init__(self, header: Any, error: MessageError) -> None:
        self.header, self._error = header, error

    @property
    def encoding(self) -> str:
        """There is no image.

        Raises:
            MessageError: always, with the cause.
        """
        raise self._error


def header_of(msg: Any) -> Any:
    """Return the header of an image or a packet of any type."""
    return msg.header if hasattr(msg, "header") else VideoHeader(msg.timestamp, msg.frame_id)


def codec_of(msg: Any) -> str | None:
    """Return FFmpeg's name of a packet's codec; None: the message is not video.

    Args:
        msg: an FFMPEGPacket, a CompressedVideo or any image.
    """
    if hasattr(msg, "encoding") and not hasattr(msg, "pts"):
        return None  # sensor_msgs/Image
    name = (msg.encoding if hasattr(msg, "pts") else msg.format).partition(";")[0].lower()
    return next((codec for part, codec in _CODECS.items() if part in name), None)


def missing_pyav() -> str:
    """Return the error message if PyAV is not installed; empty if it is."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        return f"video needs PyAV: pip install av ({error})"
    return ""


class VideoDecoder:
    """Decodes all packets of a topic in their order.

    At the start and after damage, frames are refused until the next key frame. A lost packet of
    H.264 cannot be detected: frames are slightly wrong until the next key frame.

    Args:
        max_pixels: streams of larger images are not decoded.
    """

    def __init__(self, max_pixels: int = Settings.max_image_pixels) -> None:
        self._max_pixels = max_pixels
        self._codec = ""
        self._context: av.VideoCodecContext | None = None
        self._packets = 0
        self._awaits_key = True

    def decode(self, msg: Any) -> Bytes:
        """Return the image of a packet as rgb uint8 (H, W, 3).

        Raises:
            MessageError: it is damaged, larger than max_pixels or of no known codec, a key frame
                must come first, its frames are not in the order in which they are shown, or PyAV
                is not installed.
        """
        context = self._context_for(msg)
        try:
            frame = self._frame(context, np.frombuffer(msg.data, np.uint8).tobytes())
        except Exception as error:  # FFmpeg's errors, and PyAV's if memory is short
            context.flush_buffers()
            self._awaits_key = True
            raise MessageError(
                f"packet of {self._codec} contains no image: {one_line(error)}"
            ) from error
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)

    def _frame(self, context: av.VideoCodecContext, data: bytes) -> av.VideoFrame:
        import av

        self._packets += 1
        packet = av.Packet(data)
        packet.pts = self._packets
        frames = context.decode(packet) if data else []
        if self._awaits_key and not (frames and frames[0].key_frame):
            raise MessageError("a key frame must come first")
        if len(frames) != 1 or frames[0].pts != self._packets:
            raise MessageError(
                f"it contains {len(frames)} images, expected 1: use an encoder without B-frames"
            )
        if frames[0].is_corrupt:
            raise MessageError("it is damaged")
        self._awaits_key = False
        return frames[0]

    def _context_for(self, msg: Any) -> av.VideoCodecContext:
        codec = codec_of(msg)
        if codec is None:
            raise MessageError(f"its codec is unknown, expected one of: {', '.join(_CODECS)}")
        if self._context is None or codec != self._codec:
            self._codec, self._awaits_key = codec, True
            self._context = _context(codec, self._max_pixels)
        return self._context


def _context(codec: str, max_pixels: int) -> av.VideoCodecContext:
    if missing := missing_pyav():
        raise MessageError(missing)
    from av.codec.context import CodecContext, Flags
    from av.video.codeccontext import VideoCodecContext

    context = CodecContext.create(codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.options = {"max_pixels": str(max_pixels), "err_detect": "explode"}
    # One image for each packet without delay: frame threads would delay images.
    context.thread_type = "SLICE"
    context.flags |= Flags.low_delay
    return context
