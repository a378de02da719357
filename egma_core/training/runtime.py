"""The machine under a run: its device, its threads, and a memory allocator that keeps what a step needs again."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

import torch

from egma_core.errors import TrainingError
from egma_core.training.config import TrainingConfig

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Names of glibc's <malloc.h>."""

LARGEST_MMAP_THRESHOLD = 32 * 2**20
"""glibc refuses a higher one on 64-bit machines."""

KEPT_BYTES = 2**30


def choose_device(config: TrainingConfig) -> torch.device:
    """The device to train on.

    Raises:
        TrainingError: CUDA was asked for and is not there.
    """
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if config.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "No CUDA device can be used by this installation of torch.", "Set device to cpu, or install a CUDA build of torch."
        )
    return torch.device(config.device)


def use_threads(config: TrainingConfig) -> int:
    """Let torch use the configured number of CPU threads, or as many as this process may run on; return how many."""
    available = len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1)
    threads = config.threads or available
    torch.set_num_threads(threads)
    return threads


def keep_memory() -> bool:
    """Ask glibc to keep freed memory instead of giving it back to the kernel at every step, which costs a step most of its time.

    Returns:
        Whether the allocator took it; False on other systems and C libraries, where nothing is changed.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    wanted = ((M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD), (M_TRIM_THRESHOLD, KEPT_BYTES), (M_TOP_PAD, LARGEST_MMAP_THRESHOLD))
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted)
