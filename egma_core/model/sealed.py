"""Sealed folders: written beside their place, hashed file by file, then moved there in one step; checked before anything is read.

A folder that is there is therefore whole, and one that was cut off, altered or put together by somebody else is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from uuid import uuid4

from egma_core.errors import CheckpointError
from egma_core.files import disk_in_words, replace_file

SEAL = "MANIFEST.sha256"


def write_sealed(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder, then seal it and put it in place; an older sealed folder of that name is replaced.

    Args:
        folder: Where it shall be.
        write: Writes files into the empty folder that it is given.

    Raises:
        CheckpointError: Something that is not a sealed folder is in the way, or the disk refuses.
    """
    if folder.exists() and not (folder / SEAL).is_file():
        raise CheckpointError(
            f"{folder.name} exists and is no checkpoint, so it is not replaced.", "Choose another place, or move it away."
        )
    unfinished = folder.with_name(f".{folder.name}.{uuid4().hex}.unfinished")
    try:
        with disk_in_words(CheckpointError, f"The checkpoint {folder.name} could not be written"):
            unfinished.mkdir(parents=True)
            write(unfinished)
            _seal(unfinished)
            _put_in_place(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def check_seal(folder: Path, needed: Collection[str]) -> None:
    """Compare every file of a sealed folder with its hash; files added later are left alone.

    Args:
        folder: The folder.
        needed: Names that the seal must hold, since a seal that was cut off at the end of a line looks whole by itself.

    Raises:
        CheckpointError: The folder is missing, not sealed, or a file of it is missing, altered or unreadable.
    """
    again = "Use another checkpoint, or copy this one again."
    if not folder.is_dir():
        raise CheckpointError(f"There is no checkpoint folder {folder}.", "Check the path.")
    try:
        lines = (folder / SEAL).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{folder.name} is no checkpoint: it has no readable {SEAL}.", "Choose a folder such as step_000100 of a run."
        ) from error
    digests = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in needed:
        if name not in digests:
            raise CheckpointError(f"The checkpoint {folder.name} is not whole: its {SEAL} does not hold {name}.", again)
    for name, digest in digests.items():
        path = folder / name
        if not name or path.parent != folder or not path.is_file():
            raise CheckpointError(f"The checkpoint {folder.name} is not whole: {name or 'a file'} is missing.", again)
        with disk_in_words(CheckpointError, f"{name} of the checkpoint {folder.name} cannot be read", again):
            found = file_digest(path)
        if found != digest:
            raise CheckpointError(f"The checkpoint {folder.name} is damaged: {name} is not as it was written.", again)


def seal_hash(folder: Path) -> str:
    """Hexadecimal SHA-256 of a sealed folder's seal, and so of everything in it.

    Raises:
        CheckpointError: The folder is not sealed.
    """
    try:
        return file_digest(folder / SEAL)
    except OSError as error:
        raise CheckpointError(f"{folder.name} is no checkpoint: it has no readable {SEAL}.", "Choose a checkpoint's folder.") from error


def _seal(folder: Path) -> None:
    lines = [f"{file_digest(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SEAL).write_text("".join(lines), encoding="utf-8", newline="\n")
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _put_in_place(unfinished: Path, folder: Path) -> None:
    older = folder.with_name(f".{folder.name}.{uuid4().hex}.replaced")
    if folder.exists():
        # No system replaces a folder that holds files in one step; the new one is whole and safe before the old one goes.
        replace_file(folder, older)
    try:
        replace_file(unfinished, folder)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            replace_file(older, folder)
        raise
    _sync_folder(folder.parent)
    shutil.rmtree(older, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        # Windows has no way to flush a folder, and its file systems log renames themselves.
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def file_digest(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
