"""What a function of tensors takes from elsewhere, and whether a CUDA graph can hold it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_ASKS = {
    *("item", "tolist", "cpu", "numpy", "nonzero", "argwhere", "masked_select", "unique"),
    *("__bool__", "__int__", "__float__", "__index__", "__array__"),
}
"""Functions whose result, or its size, the host waits for."""

_BRINGS = {"tensor", "new_tensor", "as_tensor"}
"""Functions that bring numbers of the host's to a device."""


class NotCapturableError(RuntimeError):
    """A function asks the host, or takes tensors from it, while it runs."""


class Watch(TorchFunctionMode):
    """Looks on while a function of tensors runs on a device.

    Replaying a graph asks nothing of the host. A capture that meets such a question fails, and may
    leave the device in a bad way; it is safer to find out before.

    Args:
        device: where the function is to work.

    Attributes:
        constants: tensors that the function used and did not make.

    Raises:
        NotCapturableError: from inside of the function, at what a graph cannot hold.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._home = device.type
        self._made: dict[int, weakref.ref[Tensor]] = {}
        self._constants: dict[int, Tensor] = {}

    @property
    def constants(self) -> list[Tensor]:
        """Tensors that the function used and did not make."""
        return list(self._constants.values())

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = list(_tensors([args, kwargs]))
        name = getattr(func, "__name__", "")
        self._refuse_questions(name, given, args)
        for each in given:
            made = self._made.get(id(each))
            if made is None or made() is not each:
                self._constants[id(each)] = each
        result = func(*args, **kwargs)
        found = list(_tensors([result]))
        self._refuse_journeys(name, given, found)
        self._made.update((id(each), weakref.ref(each)) for each in found)
        return result

    def _refuse_questions(self, name: str, given: list[Tensor], args: Any) -> None:
        here = [each for each in given if each.device.type == self._home]
        if here and (name in _ASKS or _by_mask(name, args)):
            raise NotCapturableError(f"{name} of a tensor on {self._home} waits for it")
        if here and not self._is_host and name == "where" and not all(map(_is_tensor, args)):
            raise NotCapturableError(f"where brings a number to {self._home}")
        strangers = [each for each in given if each.device.type != self._home and each.ndim]
        if here and strangers:
            raise NotCapturableError(f"{name} takes a tensor from {strangers[0].device}")

    def _refuse_journeys(self, name: str, given: list[Tensor], found: list[Tensor]) -> None:
        homes = {each.device.type == self._home for each in given}
        for each in found:
            home = each.device.type == self._home
            if (homes and home not in homes) or (home and name in _BRINGS and not self._is_host):
                raise NotCapturableError(f"{name} brings a tensor to {each.device}")

    @property
    def _is_host(self) -> bool:
        return self._home == "cpu"


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _by_mask(name: str, args: Any) -> bool:
    """Return whether a tensor is indexed by a mask, so that what size it gives is to be asked."""
    if name == "__setitem__" and not isinstance(args[2], Tensor):
        return False
    if name not in ("__getitem__", "__setitem__"):
        return False
    return any(index.dtype is torch.bool and index.ndim for index in _tensors([args[1]]))


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            yield from _tensors(value.values())
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
