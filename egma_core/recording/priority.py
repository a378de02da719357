"""Going before other programs: a recording takes little of the processor, but must get it in time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

_ABOVE_NORMAL = 0x8000
_NICE = -10


def go_before_others() -> None:
    """Ask the system to let this process go before ordinary ones.

    Windows allows that to everybody, Linux and macOS to those whose limit on `nice` says so; elsewhere nothing changes.
    """
    if sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), _ABOVE_NORMAL)
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, min(os.getpriority(os.PRIO_PROCESS, 0), _NICE))
