"""The metadata and hash of an ONNX file, read without parsing its graph.

A network's file may have gigabytes; libraries parse all of it to read the metadata. Source:
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
_MAX_FIELDS = 10_000
"""Of one message: a model has a dozen, and one for each metadata entry and each function."""


class _Field(NamedTuple):
    """A field of a message: its number, and the position and size of its bytes."""

    number: int
    start: int
    size: int


def metadata(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file.

    Raises:
        ModelError: there is no such file, or it is damaged or not an ONNX file.
    """
    with _open(path) as file:
        entries = [each for each in _fields(file, path) if each.number == _METADATA]
        return dict(_entry(file, each, path) for each in entries)


def sha256(path: Path) -> str:
    """Return the hash of a file's graph, and of the weights in the file next to it.

    Metadata are left out: they may contain the hash.

    Raises:
        ModelError: as metadata().
    """
    digest = hashlib.sha256()
    with _open(path) as file:
        for field in _fields(file, path):
            if field.number != _METADATA:
                _feed(digest, file, field.start, field.size)
    weights = external_weights(path)
    if weights.exists():
        with _open(weights) as file:
            _feed(digest, file, 0, weights.stat().st_size)
    return digest.hexdigest()


def add_metadata(path: Path, values: Mapping[str, str]) -> None:
    """Append metadata to an ONNX file: protobuf merges appended fields."""
    with path.open("ab") as file:
        for key, value in values.items():
            entry = _bytes(_KEY, key.encode()) + _bytes(_VALUE, value.encode())
            file.write(_bytes(_METADATA, entry))


def external_weights(path: Path) -> Path:
    """Return the file with the weights of a model above 2 GB, the limit of one ONNX file."""
    return path.with_name(path.name + ".data")


def _open(path: Path) -> BinaryIO:
    try:
        return regular(path).open("rb")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _fields(
    file: BinaryIO, path: Path, start: int = 0, stop: int | None = None
) -> Iterator[_Field]:
    """Yield the fields of the message between two positions of a file, without varints."""
    stop = path.stat().st_size if stop is None else stop
    file.seek(start)
    for count in itertools.count():
        if file.tell() >= stop:
            return
        tag = _varint(file, path)
        # Protobuf has no field 0; a file of zeros would be read as millions of them.
        if tag & 7 not in (_VARINT, _LENGTH) or tag < 8 or count >= _MAX_FIELDS:
            raise ModelError(f"{path} is damaged, or not an ONNX file")
        size = _varint(file, path)
        if tag & 7 == _VARINT:
            continue
        begin = file.tell()
        if begin + size > stop:
            raise ModelError(f"{path} is damaged: it ends early, or is not an ONNX file")
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
    raise ModelError(f"{path} is damaged, or not an ONNX file")


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
