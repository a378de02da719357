"""One recording process a library: a claim that the system itself drops when its process ends, however it ends."""

from __future__ import annotations

from pathlib import Path

from egma_core.errors import RecordingError
from egma_core.files import Claim, disk_in_words


class RecordingLock:
    """The right to record into one library, held until `release` or the end of the process.

    A reading that says it is being recorded while nobody holds this was left behind by a process that died.
    """

    def __init__(self, folder: Path) -> None:
        """Claim the library whose films lie in `folder`.

        Raises:
            RecordingError: Another process records into it, or the folder cannot be written.
        """
        with disk_in_words(RecordingError, f"The library's folder {folder} cannot be written", "Check its permissions."):
            try:
                self._claim = Claim(folder / "recording.lock")
            except BlockingIOError as error:
                raise RecordingError("Another program is recording into this library.", "End that recording first.") from error

    def release(self) -> None:
        """Give the right back."""
        self._claim.release()
