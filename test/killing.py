"""The end of a thread in the midst of what it does, as a library can bring it about."""

from __future__ import annotations

import ctypes
import threading


def kill(thread: threading.Thread) -> None:
    """Let a thread end of SystemExit as soon as it runs Python again: nothing may print that."""
    ident = ctypes.c_ulong(thread.ident or 0)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit)) == 1
