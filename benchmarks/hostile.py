"""Feed damaged, contradictory and random messages to their readers, and count the results.

Every message is generated from a number: `--first N` continues another run, and a failure can be
reproduced by its number. An answer is an array of the stated size, or a camera that is published
with finite numbers; a refusal is one of depth_ros's own errors; anything else is a failure.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from depth_ros import messages
from depth_ros.errors import CameraError, MessageError
from depth_ros.messages.encodings import COLOURS, DEPTHS, Packed

Bytes = npt.NDArray[np.uint8]

MAX_PIXELS = 1 << 20
"""Limit of compressed images here: a few MB, independent of their headers."""

_FAILURES_SHOWN = 10
_SIZES = (0, 1, 2, 3, 7, 65535, 2**31 - 1, 2**31, 2**32 - 1)
_NUMBERS = (0.0, 1.0, -1.0, 0.5, 1e-9, -1e-9, 500.0, 1e9, 1e308, -1e308, 5e-324)
_NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
_ENCODINGS = (*messages.COLOUR_ENCODINGS, *messages.DEPTH_ENCODINGS)
_JUNK = ("", "rgb", "BGR8", "8UC5", "64FC1", "bayer_xxxx8", "h264", "rgb8\0", "\u65e5\u672c")
_FORMATS = (
    *("jpeg", "png", "rgb8; jpeg compressed bgr8", "mono8; png compressed ", "webp"),
    *("bayer_rggb8; png compressed ", "bayer_x; jpeg", "", ";;;"),
    *("16UC1; compressedDepth png", "32FC1; compressedDepth", "16UC1; compressedDepth rvl"),
)
_MODELS = ("plumb_bob", "rational_polynomial", "equidistant", "fisheye", "", "ftheta")


class UnexpectedError(Exception):
    """The result differs from the message."""


# --- the messages -------------------------------------------------------------------------------


def image(rng: np.random.Generator) -> Any:
    """Return a sensor_msgs/Image with up to three wrong fields."""
    width, height = (2 * int(rng.integers(1, 20)) for _ in range(2))
    encoding = str(rng.choice(_ENCODINGS))
    row_bytes, rows = _layout(encoding, width, height)
    step = row_bytes + int(rng.choice([0, 0, 2, 5]))
    msg = SimpleNamespace(
        width=width,
        height=height,
        encoding=encoding,
        step=step,
        is_bigendian=int(rng.integers(2)),
        data=rng.bytes(step * rows),
    )
    for _ in range(rng.integers(4)):
        name = str(rng.choice(("width", "height", "step", "encoding", "data")))
        setattr(msg, name, _changed(rng, getattr(msg, name)))
    return msg


def compressed(rng: np.random.Generator) -> Any:
    """Return a sensor_msgs/CompressedImage whose file is damaged in up to four places."""
    files = _files()
    data = np.frombuffer(files[rng.integers(len(files))], np.uint8)
    for _ in range(rng.integers(5)):
        data = _damaged(rng, data)
    return SimpleNamespace(format=str(rng.choice(_FORMATS)), data=data)


def camera_info(rng: np.random.Generator) -> Any:
    """Return a sensor_msgs/CameraInfo with up to four wrong numbers or fields."""
    k = np.array([60.0, 0, 31.5, 0, 61.0, 23.5, 0, 0, 1])
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    msg = SimpleNamespace(
        width=64,
        height=48,
        distortion_model=str(rng.choice(_MODELS)),
        d=rng.normal(0, 0.1, rng.choice([0, 1, 4, 5, 8, 12, 14, 15])),
        k=k,
        r=np.eye(3).ravel(),
        p=np.insert(k, (3, 6, 9), 0.0),
        binning_x=0,
        binning_y=0,
        roi=roi,
    )
    for _ in range(rng.integers(5)):
        _spoil(rng, msg)
    return msg


def _layout(encoding: str, width: int, height: int) -> tuple[int, int]:
    """Return the bytes per row without padding, and the number of rows."""
    known = {**COLOURS, **DEPTHS, "8UC3": COLOURS["bgr8"], "8UC4": COLOURS["bgra8"]}[encoding]
    if isinstance(known, Packed):
        return width * known.samples * np.dtype(known.dtype).itemsize, height
    return width, known.rows(height)


def _changed(rng: np.random.Generator, value: Any) -> Any:
    if isinstance(value, int):
        near = [value - 1, value + 1, 2 * value, value // 2]
        return int(rng.choice([*near, *_SIZES]))
    if isinstance(value, str):
        return str(rng.choice([*_ENCODINGS, *_JUNK]))
    cut = int(rng.integers(len(value) + 1))
    return (b"", value[:cut], value + value[:cut], value[: len(value) // 2])[rng.integers(4)]


def _damaged(rng: np.random.Generator, data: Bytes) -> Bytes:
    """Return a file with bytes changed, lost, duplicated or copied from another file."""
    at, count = int(rng.integers(len(data) + 1)), int(rng.geometric(0.05))
    if rng.random() < 0.5:
        at = min(at, int(rng.integers(64)))  # headers matter most
    noise = np.frombuffer(rng.bytes(count), np.uint8)
    files = _files()
    other = np.frombuffer(files[rng.integers(len(files))], np.uint8)
    parts: list[list[Bytes]] = [
        [data[:at], noise, data[at + count :]],
        [data[:at], data[at + count :]],
        [data[:at], noise, data[at:]],
        [data[:at], data[max(0, at - count) :]],
        [data[:at]],
        [data[:at], other[at:]],
    ]
    return np.concatenate(parts[rng.integers(len(parts))])


def _spoil(rng: np.random.Generator, msg: Any) -> None:
    field = str(rng.choice(["d", "k", "r", "p", "size", "roi", "binning", "model", "zero"]))
    if field in ("d", "k", "r", "p") and len(numbers := getattr(msg, field)):
        changed = numbers.copy()
        changed[rng.integers(len(numbers))] = rng.choice([*_NUMBERS, *_NO_NUMBERS])
        setattr(msg, field, changed)
    elif field == "zero":
        name = str(rng.choice(["d", "k", "r", "p"]))
        setattr(msg, name, np.zeros_like(getattr(msg, name)))
    elif field == "size":
        setattr(msg, str(rng.choice(["width", "height"])), int(rng.choice(_SIZES)))
    elif field == "roi":
        setattr(msg.roi, str(rng.choice([*vars(msg.roi)])), int(rng.choice([*_SIZES, 16, 32])))
    elif field == "binning":
        setattr(msg, str(rng.choice(["binning_x", "binning_y"])), int(rng.choice(_SIZES)))
    elif field == "model":
        msg.distortion_model = str(rng.choice(_MODELS))


@lru_cache(maxsize=1)
def _files() -> list[bytes]:
    """Return small intact files of each kind."""
    rng = np.random.default_rng(0)
    bgr = cv2.GaussianBlur(rng.integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 1.0)
    deep = bgr.astype(np.uint16) * 257
    alpha = np.dstack([bgr, bgr[..., 0]])
    made = [
        (".jpg", bgr, ()),
        (".jpg", bgr[..., 0], ()),
        (".jpg", bgr, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        (".jpg", bgr, (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)),
        (".png", bgr, ()),
        (".png", bgr[..., 0], ()),
        (".png", deep, ()),
        (".png", alpha, ()),
        (".webp", bgr, (cv2.IMWRITE_WEBP_QUALITY, 80)),
        (".webp", bgr, (cv2.IMWRITE_WEBP_QUALITY, 101)),
        (".webp", alpha, (cv2.IMWRITE_WEBP_QUALITY, 80)),
        (".tiff", bgr, ()),
        (".bmp", bgr, ()),
    ]
    files = [
        np.asarray(cv2.imencode(suffix, pixels, flags)[1]).tobytes()
        for suffix, pixels, flags in made
    ]
    # As compressedDepth: a quantisation header, then a PNG of one channel or RVL of 50x40.
    quantisation = np.array([0, 10100, -1009], "<f4").tobytes()
    depth_png = np.asarray(cv2.imencode(".png", deep[..., 0])[1]).tobytes()
    size = np.array([50, 40], "<u4").tobytes()
    # No zeros, 2000 others, the first of them 2047 and each up to 4 more or less than the last.
    nibbles = [0, 8, 10, 15, 3, 14, 15, 15, 7, *rng.integers(0, 8, 1999)]
    runs = (np.reshape(nibbles, (-1, 8)) @ 16 ** np.arange(7, -1, -1)).astype("<u4").tobytes()
    return [*files, quantisation + depth_png, quantisation + size + runs]


# --- what reads them ----------------------------------------------------------------------------


def read_image(msg: Any) -> None:
    """Read an image as colours, and as depth if possible.

    Raises:
        DepthError: it is refused.
        UnexpectedError: the result differs from the message.
    """
    if msg.encoding in messages.DEPTH_ENCODINGS:
        depth_m = messages.depth_from_image(msg)
        _expect(depth_m.shape, (msg.height, msg.width))
        _expect(bool((depth_m <= 0).any()), False)
    if msg.encoding not in ("32FC1", "16UC1"):
        rgb = messages.rgb_from_image(msg, "bgr")
        _expect((rgb.shape, rgb.dtype), ((msg.height, msg.width, 3), np.uint8))
        _expect(rgb.nbytes <= 3 * len(msg.data), True)


def read_compressed(msg: Any) -> None:
    """Read a compressed image; see read_image for what it raises."""
    if messages.is_depth(msg):
        depth_m = messages.depth_from_compressed(msg, MAX_PIXELS)
        _expect((depth_m.ndim, depth_m.dtype), (2, np.float32))
        _expect(depth_m.size <= MAX_PIXELS and not (depth_m <= 0).any(), True)
        return
    rgb = messages.rgb_from_compressed(msg, MAX_PIXELS)
    size = messages.compressed_size(msg)
    _expect((rgb.shape, rgb.dtype), ((size.height, size.width, 3), np.uint8))
    _expect(rgb.nbytes <= 3 * MAX_PIXELS, True)


def read_camera_info(msg: Any) -> None:
    """Use a camera_info for raw and rectified images; see read_image for what it raises."""
    refusals = [error for error in map(_refusal, [msg, msg], [False, True]) if error]
    if refusals:
        raise refusals[0]


def _refusal(msg: Any, rectified: bool) -> CameraError | None:
    try:
        camera = messages.camera_from_info(msg, rectified, (64, 48))
        fields = messages.depth_info(msg, rectified, (64, 48))
    except CameraError as error:
        return error
    _expect((fields.width, fields.height), (camera.width, camera.height))
    published = [*fields.d, *fields.k, *fields.r, *fields.p]
    _expect(bool(np.isfinite(published).all()), True)
    with np.errstate(all="ignore"):
        for turned in (camera, camera.turned(1)):
            pixels = turned.project([[0.1, -0.1, 1.0], [0.0, 0.0, 1.0]])
            _expect(turned.unproject(pixels).shape, (2, 2))
            _expect(0 <= turned.share_without_ray <= 1, True)
    return None


def _expect(found: object, expected: object) -> None:
    if found != expected:
        raise UnexpectedError(f"{found}, expected {expected}")


KINDS: dict[str, tuple[Callable[[np.random.Generator], Any], Callable[[Any], None]]] = {
    "image": (image, read_image),
    "compressed": (compressed, read_compressed),
    "camera_info": (camera_info, read_camera_info),
}
"""Generator and reader of each kind of message."""


def outcome(kind: str, number: int) -> str:
    """Generate a message from its number, read it, and return the kind of result."""
    make, read = KINDS[kind]
    msg = make(np.random.default_rng((number, len(kind))))
    try:
        read(msg)
    except (MessageError, CameraError) as error:
        return type(error).__name__
    except Exception as error:  # what this is here to find
        return f"FAILURE {type(error).__name__}: {error}"
    return "answered"


# --- the command --------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Read many messages; exit code 1 if there is a failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="of all kinds together")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first")
    options = parser.parse_args(arguments)
    counts: Counter[tuple[str, str]] = Counter()
    failures: list[str] = []
    start_s, before = time.monotonic(), _peak_mb()
    kinds = list(KINDS)
    for number in tqdm(range(options.first, options.first + options.messages), unit="message"):
        kind = kinds[number % len(kinds)]
        word = outcome(kind, number)
        if word.startswith("FAILURE"):
            failures.append(f"{kind} {number}: {word}")
            word = "FAILURE"
        counts[kind, word] += 1
    for (kind, word), count in sorted(counts.items()):
        print(f"{kind:12} {word:14} {count:9}")
    print(
        f"{options.messages} messages in {time.monotonic() - start_s:.0f} s, peak memory "
        f"{before:.0f} MB before and {_peak_mb():.0f} MB after"
    )
    print("\n".join(failures[:_FAILURES_SHOWN]))
    return 1 if failures else 0


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux


if __name__ == "__main__":
    sys.exit(main())
