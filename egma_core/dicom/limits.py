"""What a process that may die is held to: memory, no core dump (it would hold pictures of patients), no crash dialog.

POSIX: `RLIMIT_AS`, which Linux enforces and macOS does not; there the sizes that are checked before decoding are the
limit. Windows: a job object around the process itself.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _PROCESS_MEMORY, _EXTENDED_INFORMATION = 0x100, 9
    _NO_DIALOGS = 0x0001 | 0x0002 | 0x8000

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_time", ctypes.c_int64),
            ("per_job_time", ctypes.c_int64),
            ("flags", wintypes.DWORD),
            ("least_working_set", ctypes.c_size_t),
            ("most_working_set", ctypes.c_size_t),
            ("active_processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority", wintypes.DWORD),
            ("scheduling", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits),
            ("transfers", ctypes.c_uint64 * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_process_memory", ctypes.c_size_t),
            ("peak_job_memory", ctypes.c_size_t),
        )

    _jobs: list[int] = []  # a job's limits hold as long as its handle does

    def hold_to(n_bytes: int) -> bool:
        """Hold this process to so many bytes of memory from now on; whether the system does so."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
        kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
        kernel.SetErrorMode(_NO_DIALOGS)
        limits = _ExtendedLimits()
        limits.basic.flags = _PROCESS_MEMORY
        limits.process_memory = n_bytes
        job = kernel.CreateJobObjectW(None, None)
        if not job:
            return False
        _jobs.append(job)
        held = kernel.SetInformationJobObject(job, _EXTENDED_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits))
        return bool(held) and bool(kernel.AssignProcessToJobObject(job, kernel.GetCurrentProcess()))

    def peak_bytes() -> int:
        """The most memory this process has had, or 0 where the system does not say."""
        return 0

else:
    import contextlib
    import resource

    def hold_to(n_bytes: int) -> bool:
        """Hold this process to so many bytes of memory from now on; whether the system does so."""
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
        except (OSError, ValueError):
            return False
        return sys.platform == "linux"

    def peak_bytes() -> int:
        """The most memory this process has had, or 0 where the system does not say."""
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
