"""A check whether a CUDA graph can hold a function of tensors, and which constants it uses."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_WAITS = {
    *("item", "tolist", "cpu", "numpy", "nonzero", "argwhere", "masked_select", "unique"),
    *("__bool__", "__int__", "__float__", "__index__", "__array__"),
}
"""Functions that make the host wait for a result or its size."""

_COPIES = {"tensor", "new_tensor", "as_tensor"}
"""Functions that copy numbers from the host to a device."""


class NotCapturableError(RuntimeError):
    """A function makes the host wait, or copies tensors from or to it."""


class CaptureCheck(TorchFunctionMode):
    """Observes the calls of torch while a function of tensors runs on a device.

    The host takes no part in the replay of a graph. A capture in which the host must wait fails,
    and may leave the device in an invalid state; it is safer to check before.

    Args:
        device: where the function works.

    Attributes:
        constants: tensors that the function used and did not create.

    Raises:
        NotCapturableError: inside the function, at the operation that a graph cannot hold.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device_type = device.type
        self._created: dict[int, weakref.ref[Tensor]] = {}
        self._constants: dict[int, Tensor] = {}

    @property
    def constants(self) -> list[Tensor]:
        """Tensors that the function used and did not create."""
        return list(self._constants.values())

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = list(_tensors([args, kwargs]))
        name = getattr(func, "__name__", "")
        self._check_inputs(name, given, args)
        for each in given:
            created = self._created.get(id(each))
            if created is None or created() is not each:
                self._constants[id(each)] = each
        result = func(*args, **kwargs)
        outputs = list(_tensors([result]))
        self._check_outputs(name, given, outputs)
        self._created.update((id(each), weakref.ref(each)) for each in outputs)
        return result

    def _check_inputs(self, name: str, given: list[Tensor], args: Any) -> None:
        """Refuse waits for the device, and tensors of another device."""
        local = [each for each in given if self._is_local(each)]
        if local and (name in _WAITS or _by_mask(name, args)):
            raise NotCapturableError(f"{name} of a tensor on {self._device_type} waits for it")
        copies = name == "where" and not all(isinstance(each, Tensor) for each in args)
        if local and not self._is_host and copies:
            raise NotCapturableError(f"where copies a number to {self._device_type}")
        foreign = [each for each in given if not self._is_local(each) and each.ndim]
        if local and foreign:
            raise NotCapturableError(f"{name} takes a tensor from {foreign[0].device}")

    def _check_outputs(self, name: str, given: list[Tensor], outputs: list[Tensor]) -> None:
        """Refuse copies between devices."""
        places = {self._is_local(each) for each in given}
        for each in outputs:
            local = self._is_local(each)
            if (places and local not in places) or (
                local and name in _COPIES and not self._is_host
            ):
                raise NotCapturableError(f"{name} copies a tensor to {each.device}")

    def _is_local(self, tensor: Tensor) -> bool:
        return tensor.device.type == self._device_type

    @property
    def _is_host(self) -> bool:
        return self._device_type == "cpu"


def _by_mask(name: str, args: Any) -> bool:
    """Return whether a tensor is indexed by a mask: the host must wait for the result's size."""
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
