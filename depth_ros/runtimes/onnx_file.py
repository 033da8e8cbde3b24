"""What lies beside the graph in a file of ONNX, read without the graph.

A network's file has up to gigabytes; libraries parse all of it for a few words of metadata. Source:
ModelProto of onnx.proto, in protobuf's wire format.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from depth_ros.errors import ModelError
from depth_ros.input_files import regular

_METADATA, _KEY, _VALUE = 14, 1, 2
_VARINT, _LENGTH = 0, 2
_BLOCK = 1 << 20
_MOST_FIELDS = 10_000
"""Of one message: a model has a dozen, and one for each entry of metadata and each function."""


class _Field(NamedTuple):
    """A field of a message: its number, and where its bytes are."""

    number: int
    start: int
    size: int


def metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a file of ONNX.

    Raises:
        ModelError: there is no such file, or it is damaged or none of ONNX.
    """
    with _open(path) as file:
        entries = [each for each in _fields(file, path) if each.number == _METADATA]
        return dict(_entry(file, each, path) for each in entries)


def sha256(path: Path) -> str:
    """Return the hash of what a file computes, and of the weights that lie beside it.

    Metadata have no part in it: they may tell the hash.

    Raises:
        ModelError: as metadata().
    """
    digest = hashlib.sha256()
    with _open(path) as file:
        for field in _fields(file, path):
            if field.number != _METADATA:
                _feed(digest, file, field.start, field.size)
    beside = weights_beside(path)
    if beside.exists():
        with _open(beside) as file:
            _feed(digest, file, 0, beside.stat().st_size)
    return digest.hexdigest()


def add_metadata(path: Path, values: Mapping[str, str]) -> None:
    """Append metadata to a file of ONNX: in this format, what is appended is merged."""
    with path.open("ab") as file:
        for key, value in values.items():
            entry = _bytes(_KEY, key.encode()) + _bytes(_VALUE, value.encode())
            file.write(_bytes(_METADATA, entry))


def weights_beside(path: Path) -> Path:
    """Return where weights lie that are too many for one file of ONNX, 2 GB."""
    return path.with_name(path.name + ".data")


def _open(path: Path) -> BinaryIO:
    try:
        return regular(path).open("rb")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _fields(
    file: BinaryIO, path: Path, start: int = 0, stop: int | None = None
) -> Iterator[_Field]:
    """Yield the fields of the message between two places of a file; varints have no size."""
    stop = path.stat().st_size if stop is None else stop
    file.seek(start)
    for count in itertools.count():
        if file.tell() >= stop:
            return
        tag = _varint(file, path)
        # Protobuf has no field 0; a file of zeros would be read as millions of them.
        if tag & 7 not in (_VARINT, _LENGTH) or tag < 8 or count >= _MOST_FIELDS:
            raise ModelError(f"{path} is damaged, or no file of ONNX")
        size = _varint(file, path)
        if tag & 7 == _VARINT:
            continue
        begin = file.tell()
        if begin + size > stop:
            raise ModelError(f"{path} is damaged: it ends early, or is no file of ONNX")
        yield _Field(tag >> 3, begin, size)
        file.seek(begin + size)


def _varint(file: BinaryIO, path: Path) -> int:
    value = shift = 0
    while shift < 70:
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            return value
    raise ModelError(f"{path} is damaged, or no file of ONNX")


def _entry(file: BinaryIO, entry: _Field, path: Path) -> tuple[str, str]:
    parts = {_KEY: "", _VALUE: ""}
    for field in _fields(file, path, entry.start, entry.start + entry.size):
        file.seek(field.start)
        parts[field.number] = file.read(field.size).decode(errors="replace")
    return parts[_KEY], parts[_VALUE]


def _feed(digest: hashlib._Hash, file: BinaryIO, start: int, size: int) -> None:
    file.seek(start)
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)


def _bytes(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _LENGTH) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
