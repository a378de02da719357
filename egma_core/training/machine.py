"""The machine under a process of a run: its device, its threads, and a memory allocator that keeps what a step needs again."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Generator

import torch

from egma_core.errors import TrainingError
from egma_core.training.config import TrainingConfig
from egma_core.training.place import Place

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Names of glibc's <malloc.h>."""

LARGEST_MMAP_THRESHOLD = 32 * 2**20
"""glibc refuses a higher one on 64-bit machines."""

KEPT_BYTES = 2**30


def choose_device(config: TrainingConfig, place: Place) -> torch.device:
    """The device of one process; processes of one machine take its GPUs in turn.

    Raises:
        TrainingError: CUDA was asked for and is not there, or has fewer devices than this machine has processes.
    """
    if config.device == "cpu" or (config.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise TrainingError(
            "No CUDA device can be used by this installation of torch.", "Set device to cpu, or install a CUDA build of torch."
        )
    if place.world == 1:
        return torch.device("cuda")
    # A launcher may show each process its own GPU alone: then there is one, and it is the right one.
    seen = torch.cuda.device_count()
    if 1 < seen < place.local_world:
        raise TrainingError(
            f"This machine has {seen} CUDA devices for {place.local_world} processes.", f"Set devices to {seen}, or device to cpu."
        )
    return torch.device("cuda", place.local_rank if seen > 1 else 0)


def use_threads(config: TrainingConfig, place: Place) -> int:
    """Let torch use the configured number of CPU threads, or this process's share of the cores it may run on; return how many."""
    available = len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1)
    threads = config.threads or max(1, available // place.local_world)
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


@contextlib.contextmanager
def memory_in_words() -> Generator[None, None, None]:
    """What a device says when its memory is full, as an error with a remedy.

    Raises:
        TrainingError: The memory of the GPU, or of this machine, is full.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _full("The device's memory") from error
    except RuntimeError as error:
        if "DefaultCPUAllocator" not in str(error):  # torch has no type of its own for this
            raise
        raise _full("This machine's memory") from error


def _full(whose: str) -> TrainingError:
    return TrainingError(
        f"{whose} is too small for the run.",
        "Set optim.micro_batch to fewer films at once (the gradients stay those of the whole batch), or lower optim.batch_size.",
    )
