"""Argument types of the command line, which check values before any work begins."""

from __future__ import annotations

import math
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from depth_ros.errors import SettingError

_MODEL = "zoedepth-lite"
LARGEST_SEED = 2**31 - 1
_LONGEST_PX = 8192
_TOPIC = re.compile(r"(~/|/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


class Parser(ArgumentParser):
    """A parser that raises errors as SettingError.

    Raises:
        SettingError: by parse_args(), where argparse would exit.
    """

    def error(self, message: str) -> NoReturn:
        """Raise SettingError with a message of argparse."""
        raise SettingError(f"{message} (see {self.prog} --help)")


def number(low: float, high: float, unit: str = "") -> Callable[[str], float]:
    """Return a parser of numbers from low to high, inclusive."""
    allowed = f"{low:g} to {high:g} {unit}".rstrip()

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ArgumentTypeError(f"{text!r} is not allowed, expected {allowed}")
        return value

    return parse


def whole(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    """Return a parser of integers from low to high, inclusive."""
    allowed = f"a whole number from {low} to {high} {unit}".rstrip()

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ArgumentTypeError(f"{text!r} is not allowed, expected {allowed}")
        return value

    return parse


def sides(text: str, expected: str) -> tuple[int, int]:
    """Return the two sides of an image in pixels from a text such as 640x480."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    one, other = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (0 < one <= _LONGEST_PX and 0 < other <= _LONGEST_PX):
        raise ArgumentTypeError(
            f"{text!r} is not allowed, expected {expected}, each from 1 to {_LONGEST_PX} px"
        )
    return one, other


def name(text: str) -> str:
    """Return a text that is not empty."""
    if not text.strip():
        raise ArgumentTypeError("it is empty, expected a name")
    return text


def topic(text: str) -> str:
    """Return a topic's name that is valid in ROS."""
    if not _TOPIC.fullmatch(text):
        raise ArgumentTypeError(
            f"{text!r} is not allowed, expected a topic such as /camera/image: letters, digits and "
            "underscores between slashes, no digit first"
        )
    return text


def existing(text: str) -> Path:
    """Return the path of an existing file or folder."""
    path = Path(name(text))
    if not path.exists():
        raise ArgumentTypeError(f"{text} does not exist")
    return path


def file(text: str) -> Path:
    """Return the path of an existing file."""
    path = existing(text)
    if path.is_dir():
        raise ArgumentTypeError(f"{text} is a folder, expected a file")
    if not path.is_file():
        raise ArgumentTypeError(f"{text} is not a regular file")
    return path


def folder(text: str) -> str:
    """Return the path of an existing folder, as text."""
    if not existing(text).is_dir():
        raise ArgumentTypeError(f"{text} is a file, expected a folder")
    return text


def path(text: str) -> Path:
    """Return the path of an output."""
    return Path(name(text))


def device(text: str) -> str:
    """Return the device of a network."""
    if not _DEVICE.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not allowed, expected auto, cpu, cuda or cuda:N")
    return text


def add_device(parser: ArgumentParser, of_settings: bool = False) -> None:
    """Declare the device of the network; of_settings: None unless given, see add_settings."""
    parser.add_argument(
        "--device",
        type=device,
        default=None if of_settings else "auto",
        help="auto, cpu, cuda or cuda:N; auto: cuda if available; default: "
        + _default("auto", of_settings),
    )


def add_weights(parser: ArgumentParser) -> None:
    """Declare the folder of a registered model's weights."""
    parser.add_argument(
        "--weights",
        type=folder,
        metavar="FOLDER",
        help="folder with the weights of the named model; default: from the hub or its cache",
    )


def add_settings(parser: Any) -> None:
    """Declare the settings of the pipeline, for given_settings.given()."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the node, may be repeated; `depth_ros settings` lists them; "
        "default: the values of --params, or the node's defaults",
    )
    parser.add_argument(
        "--params", type=file, metavar="FILE", help="parameter file of the node; default: none"
    )


def add_model(parser: ArgumentParser, of_settings: bool = False) -> None:
    """Declare a model as an option; of_settings: None unless given, see add_settings."""
    parser.add_argument(
        "--model",
        type=name,
        default=None if of_settings else _MODEL,
        help="model name, folder, .onnx file or hub id; default: " + _default(_MODEL, of_settings),
    )


def _default(value: str, of_settings: bool) -> str:
    return f"that of --set or --params, or {value}" if of_settings else value
