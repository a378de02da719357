"""One recording process a library: a claim that the system itself drops when its process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from egma_core.errors import RecordingError

if sys.platform == "win32":
    import msvcrt

    def _claim(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _claim(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class RecordingLock:
    """The right to record into one library, held until `release` or the end of the process.

    A reading that says it is being recorded while nobody holds this was left behind by a process that died.
    """

    def __init__(self, folder: Path) -> None:
        """Claim the library whose films lie in `folder`.

        Raises:
            RecordingError: Another process records into it, or the folder cannot be written.
        """
        path = folder / "recording.lock"
        try:
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise RecordingError(
                f"The library's folder {folder} cannot be written ({error.strerror}).", "Check its permissions."
            ) from error
        try:
            _claim(self._file)
        except OSError as error:
            self.release()
            raise RecordingError("Another program is recording into this library.", "End that recording first.") from error

    def release(self) -> None:
        """Give the right back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
