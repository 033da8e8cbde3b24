"""EXIF data, as Pillow, an independent implementation, writes them."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from depth_ros.infer import exif
from depth_ros.infer.exif import Exif

ORIENTATION, EXIF_IFD, FOCAL_LENGTH_35MM, MAKER_NOTE = 0x0112, 0x8769, 0xA405, 0x927C


def picture(
    form: str = "jpeg", orientation: int | None = None, focal_length_35mm: int | None = None
) -> bytes:
    data, file = Image.Exif(), io.BytesIO()
    data[0x010F] = "maker"
    if orientation is not None:
        data[ORIENTATION] = orientation
    inner = data.get_ifd(EXIF_IFD)
    inner[MAKER_NOTE] = b"x" * 300
    if focal_length_35mm is not None:
        inner[FOCAL_LENGTH_35MM] = focal_length_35mm
    Image.new("RGB", (40, 30), (90, 60, 30)).save(file, form, exif=data)
    return file.getvalue()


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
@pytest.mark.parametrize(
    ("orientation", "turns"), [(None, 0), (1, 0), (6, 1), (3, 2), (8, 3), (2, None), (5, None)]
)
def test_what_pillow_writes_is_read(form: str, orientation: int | None, turns: int | None) -> None:
    assert exif.read(picture(form, orientation, 27)) == Exif(turns, 27)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_a_picture_without_a_focal_length_has_none(form: str) -> None:
    assert exif.read(picture(form)) == Exif()
    assert exif.read(picture(form, focal_length_35mm=0)) == Exif(), "0: unknown"
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, form)
    assert exif.read(file.getvalue()) == Exif()


def test_big_endian_data_are_read() -> None:
    tiff = b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a" + bytes(4)
    tiff += b"\0\x01" + b"\xa4\x05\0\x03\0\0\0\x01\0\x1a\0\0" + bytes(4)
    body = b"Exif\0\0" + tiff
    jpeg = b"\xff\xd8\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    assert exif.read(jpeg) == Exif(0, 26)


def test_the_focal_length_is_that_of_the_diagonals() -> None:
    """The whole 35 mm frame at 36 mm sees 2 atan(1/2) across."""
    assert Exif(0, 36).f_px(3600, 2400) == pytest.approx(3600)
    assert Exif(0, 36).f_px(2400, 3600) == pytest.approx(3600)
    assert Exif(0, 26).f_px(4032, 3024) == pytest.approx(26 / math.hypot(36, 24) * 5040)
    assert Exif().f_px(64, 48) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from(["jpeg", "png", "webp"]))
def test_damaged_data_never_raise(at: int, byte: int, form: str) -> None:
    data = bytearray(WHOLE[form])
    data[at % len(data)] = byte
    assert isinstance(exif.read(bytes(data)), Exif)
    assert isinstance(exif.read(bytes(data[: at % len(data)])), Exif)


WHOLE = {form: picture(form, 6, 27) for form in ("jpeg", "png", "webp")}
