"""The declaration of a setting: type, default, allowed values, help."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from depth_ros.errors import SettingError

Value = bool | int | float | str | tuple[float, ...] | tuple[str, ...]

# Parts of a topic's name, as ROS allows them.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
_KINDS = {bool: "true or false", int: "an integer", float: "a number", str: "text"}
_BOOLEANS = {"false": False, "off": False, "no": False, "true": True, "on": True, "yes": True}


@dataclass(frozen=True)
class Spec:
    """Declaration of one setting: its type, default and allowed values.

    Attributes:
        name: the ROS parameter's name, with a dot between group and rest.
        default: the default value; its type is the setting's type.
        help: one sentence.
        unit: SI unit, or empty.
        low, high: inclusive range of a number, or of every number of a list.
        choices: the allowed words or numbers; empty: any.
        live: whether it can change while the node runs.
    """

    name: str
    default: Value
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str | int, ...] = ()
    live: bool = False

    @property
    def field(self) -> str:
        """The name in Python."""
        return self.name.replace(".", "_")

    def cast(self, value: Any) -> Any:
        """Convert a YAML value to the setting's type if it has an equivalent of another type.

        Integers become floating-point numbers. YAML 1.1, which ROS uses, reads off and on as
        booleans; YAML 1.2 reads them as words.
        """
        if isinstance(self.default, tuple):
            listed = isinstance(self.default[0], float) and isinstance(value, Iterable)
            if listed and all(type(each) in (int, float) for each in value):
                return tuple(map(_as_float, value))
            return value
        if isinstance(self.default, float) and type(value) is int:
            return _as_float(value)
        if isinstance(self.default, bool) and isinstance(value, str):
            return _BOOLEANS.get(value.lower(), value)
        if self.choices and isinstance(value, bool):
            words = [word for word, meaning in _BOOLEANS.items() if meaning is value]
            return next((word for word in words if word in self.choices), value)
        return value

    def check(self, value: object) -> Value:
        """Return the value in the setting's type, see cast().

        Raises:
            SettingError: wrong type, out of range, or not one of the choices.
        """
        if isinstance(self.default, tuple):
            if isinstance(self.default[0], str):
                return self._check_names(value)
            return self._check_list(value, len(self.default))
        value = self.cast(value)
        if self.choices and value not in self.choices:
            raise SettingError(
                f"{self.name} is {value!r}, expected one of {', '.join(map(str, self.choices))}"
            )
        if type(value) is not type(self.default):
            raise SettingError(f"{self.name} is {value!r}, expected {self.expected}")
        if isinstance(value, (int, float)) and not self._inside(value):
            raise SettingError(f"{self.name} is {value}, expected {self._range}")
        return value

    @property
    def expected(self) -> str:
        """Return what the value must be, in words."""
        if isinstance(self.default, tuple):
            return f"{len(self.default)} numbers of {self._range}"
        kind = _KINDS[type(self.default)]
        return kind if self.low is None else f"{kind} of {self._range}"

    @property
    def _range(self) -> str:
        return f"{self.low} to {self.high} {self.unit}".rstrip()

    def _check_list(self, value: Any, length: int) -> tuple[float, ...]:
        try:
            numbers = tuple(float(number) for number in value)
        except (TypeError, ValueError, OverflowError):
            numbers = ()
        if len(numbers) != length or not all(map(self._inside, numbers)):
            raise SettingError(f"{self.name} is {value!r}, expected {self.expected}")
        return numbers

    def _check_names(self, value: Any) -> Value:
        """Return different names of topics; an empty list is the default."""
        is_list = isinstance(value, (list, tuple))
        names = tuple(value) if is_list else ()
        if is_list and names in ((), self.default):
            return self.default
        valid = all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
        if not names or not valid or len(set(names)) < len(names):
            raise SettingError(
                f"{self.name} is {value!r}, expected a list of different names that are valid in "
                "topic names"
            )
        return names

    def _inside(self, value: float) -> bool:
        # Written so that NaN is outside of every range.
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def _as_float(value: float) -> float:
    """Convert a number; an integer that is too large becomes infinite, outside of every range."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def setting(default: Value, help: str, **attributes: Any) -> Any:
    """Return a dataclass field with a setting's declaration, see Spec."""
    return field(default=default, metadata={"help": help, **attributes})
