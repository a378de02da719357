"""Files that several processes meet at: claims on them, replacing them in one step, and a disk's refusals in words."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

from egma_core.errors import EgmaError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from error

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


WITHOUT_LOCKS = tuple(getattr(errno, name) for name in ("ENOSYS", "ENOTSUP", "EOPNOTSUPP", "ENOLCK") if hasattr(errno, name))
"""What a file system answers that has no locks, as some of clusters have none."""

WAITS_S = (0.0, 0.05, 0.1, 0.2, 0.4, 0.5, 0.75)
"""Waits before each attempt to replace a file, two seconds in all."""


class Claim:
    """The right to something, held until `release` or the end of the process, however it ends; a file stands for it.

    On a file system that has no locks every claim is granted.
    """

    def __init__(self, path: Path) -> None:
        """Make the file if need be and claim it.

        Raises:
            BlockingIOError: Another claim on it is held.
            OSError: It cannot be made or opened.
        """
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._file)
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                self.release()
                raise

    def release(self) -> None:
        """Give the right back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def replace_file(source: Path, target: Path) -> None:
    """`os.replace`; on Windows tried again for two seconds, since virus scanners and indexers hold fresh files open for a moment.

    Raises:
        OSError: The system refuses, for good.
    """
    for wait_s in WAITS_S if sys.platform == "win32" else ():
        time.sleep(wait_s)
        with contextlib.suppress(PermissionError):
            source.replace(target)
            return
    source.replace(target)


@contextlib.contextmanager
def disk_in_words(
    kind: type[EgmaError], what: str, remedy: str = "Look at the disk's free space and at who may write there."
) -> Generator[None, None, None]:
    """What the disk refuses, as an error of the project.

    Args:
        kind: The error.
        what: What could not be done, as a sentence without its full stop; the system's reason is put behind it.
        remedy: What to do about it.

    Raises:
        EgmaError: The block met an `OSError`; of the class `kind`.
    """
    try:
        yield
    except OSError as error:
        raise kind(f"{what} ({error.strerror or type(error).__name__}).", remedy) from error
