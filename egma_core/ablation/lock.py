"""One command a study: a claim that the system itself drops when its process ends, however it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

from egma_core.errors import ConfigError
from egma_core.files import Claim, disk_in_words

LOCK = "study.lock"


@contextlib.contextmanager
def study_lock(folder: Path) -> Generator[None, None, None]:
    """Hold the right to run the study in a folder.

    Raises:
        ConfigError: Another process runs it, or the folder cannot be written.
    """
    with disk_in_words(ConfigError, f"The folder {folder} cannot be written", "Check its permissions."):
        try:
            claim = Claim(folder / LOCK)
        except BlockingIOError as error:
            raise ConfigError(
                f"The study in {folder} is being run by another command.",
                "Let it finish, or stop it first; --table shows what is finished so far.",
            ) from error
    try:
        yield
    finally:
        claim.release()
