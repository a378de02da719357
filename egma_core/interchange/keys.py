"""Where the key of a library's pseudonyms lives: beside no library, so that whoever gets the library cannot undo them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from platformdirs import user_data_dir

from egma_core.errors import PrivacyError
from egma_core.store.store import Store

_KEY_BYTES = 32


def keys_folder() -> Path:
    """The folder of all keys: what the environment variable EGMA_KEYS names, or the user's own data folder."""
    chosen = os.environ.get("EGMA_KEYS")
    return Path(chosen) if chosen else Path(user_data_dir("egma", appauthor=False)) / "keys"


def library_key(store: Store) -> bytes:
    """The key of a library, made on first use.

    Returns:
        32 random bytes.

    Raises:
        PrivacyError: The library holds films but its key is not here, or the key cannot be read, written or understood.
    """
    path = keys_folder() / f"{store.library_id}.key"
    try:
        return _understood(path.read_text(encoding="ascii"), path)
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        raise PrivacyError(f"The library's key {path} cannot be read.", "Check the file, or restore it from a backup.") from error
    if store.studies():
        what = f"The library holds films, but the key that made their pseudonyms is not at {path}."
        raise PrivacyError(what, "Copy the key file there, or name its folder in the environment variable EGMA_KEYS.")
    return _made(path)


def _made(path: Path) -> bytes:
    key = secrets.token_bytes(_KEY_BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Readable by its owner alone; on Windows the user's own data folder sees to that.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii", newline="\n") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:  # another import began at the same moment
        return _understood(path.read_text(encoding="ascii"), path)
    except OSError as error:
        what = f"The library's key cannot be written to {path} ({error.strerror})."
        raise PrivacyError(what, "Name a folder that may be written to in the environment variable EGMA_KEYS.") from error
    return key


def _understood(text: str, path: Path) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise PrivacyError(f"The library's key {path} is damaged.", "Restore it from a backup.")
    return key
