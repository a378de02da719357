"""Films as network pictures, each decoded once: kept in memory up to a limit, and on disk where a folder is given."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image
from egma_core.errors import DamagedImageError, ImageError, TrainingError
from egma_core.examples.config import DataConfig
from egma_core.examples.manifest import Example
from egma_core.files import replace_file
from egma_core.model.preprocess import square_picture

RENDERING = 1
"""Counted up when films come to be shown in another way, so that pictures on disk of the way before are left alone."""

Decode = Callable[[Path, Example, int], NDArray[np.uint8]]
"""Takes a film's path, an example of it and S; gives its (S, S) grey levels, and raises as `decode_film` does."""


def decode_film(path: Path, example: Example, size_px: int) -> NDArray[np.uint8]:
    """(S, S) grey levels of a film as a model sees it; see `read_picture`."""
    return read_picture(path, example.film, example.sha256, size_px)


def read_picture(path: Path, name: str, sha256: str, size_px: int) -> NDArray[np.uint8]:
    """Read a film, check that it is the one that was exported, and make its network picture.

    Args:
        path: The film.
        name: What messages call it.
        sha256: Hexadecimal SHA-256 that the file must have.
        size_px: S, the picture's side.

    Returns:
        (S, S) grey levels.

    Raises:
        ImageError: The film is missing, is not the one that was exported, or cannot be decoded or displayed.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ImageError(f"The film {name} cannot be read ({error.strerror}).", "Bring the library's files back.") from error
    if digest != sha256:
        raise DamagedImageError(f"The film {name} was changed after it was exported.", "Export the examples again.")
    return square_picture(render(read_image(path, frame=0)), size_px)


class FilmCache:
    """Network pictures by film, kept as 8-bit grey levels, so that no film is decoded twice. Any thread may ask.

    Memory takes the first films up to its limit and never lets go of one: a pass asks for every film once, in random
    order, and then a fixed set is found again more often than the most recent ones. Beyond the limit only the folder, if
    one is given, saves decoding again.
    """

    def __init__(self, folder: Path, size_px: int, data: DataConfig | None = None) -> None:
        """Take films below `folder`; a picture takes `size_px` squared bytes.

        Args:
            folder: The folder that the examples' film paths start from.
            size_px: S, the pictures' side.
            data: How much memory pictures may take, and the folder that keeps them, if any; None for the defaults.
        """
        data = data or DataConfig()
        self._folder, self._size_px = folder, size_px
        self._most = data.memory_mb * 2**20 // size_px**2
        self._disk = PictureFolder(Path(data.cache_folder), size_px) if data.cache_folder else None
        self._pictures: dict[str, NDArray[np.uint8]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def picture(self, example: Example, decode: Decode = decode_film) -> NDArray[np.uint8]:
        """(S, S) grey levels of one example's film.

        Args:
            example: The example.
            decode: How a film is decoded that is not kept yet.

        Raises:
            ImageError: The film is missing, is not the one that was exported, or cannot be decoded or displayed.
            TrainingError: The folder for pictures cannot be written.
        """
        key = example.sha256
        if (kept := self._pictures.get(key)) is not None:
            return kept
        with self._locks.setdefault(key, threading.Lock()):
            if (kept := self._pictures.get(key)) is not None:
                return kept
            picture = self._disk.read(key) if self._disk else None
            if picture is None:
                picture = decode(self._folder / example.film, example, self._size_px)
                if self._disk:
                    self._disk.write(key, picture)
            if len(self._pictures) < self._most:
                self._pictures[key] = picture
        return picture


class PictureFolder:
    """Network pictures on disk by the film's hash; any number of processes and runs may share one folder.

    A file holds the (S, S) grey levels and their CRC-32. It appears whole or not at all, and a damaged one counts as absent.
    """

    def __init__(self, folder: Path, size_px: int) -> None:
        """Keep pictures of `size_px` below `folder`, which is made when the first one is written."""
        self._folder = folder.expanduser() / f"pictures-{RENDERING}" / str(size_px)
        self._size_px = size_px

    def read(self, sha256: str) -> NDArray[np.uint8] | None:
        """The picture of the film with this hash, or None."""
        try:
            content = self._path(sha256).read_bytes()
        except OSError:
            return None
        pixels, check = content[: self._size_px**2], content[self._size_px**2 :]
        if len(pixels) != self._size_px**2 or check != _checksum(pixels):
            return None
        return np.frombuffer(pixels, dtype=np.uint8).reshape(self._size_px, self._size_px)

    def write(self, sha256: str, picture: NDArray[np.uint8]) -> None:
        """Keep a picture.

        Raises:
            TrainingError: The folder cannot be written.
        """
        path = self._path(sha256)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
        pixels = picture.tobytes()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(pixels + _checksum(pixels))
            replace_file(unfinished, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            if self.read(sha256) is None:  # else another process wrote it and is reading it, which Windows answers with an error
                raise TrainingError(
                    f"The folder for decoded films, {self._folder}, cannot be written ({error.strerror}).",
                    "Choose another cache_folder, or leave it empty.",
                ) from error

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.grey"


def _checksum(pixels: bytes) -> bytes:
    return zlib.crc32(pixels).to_bytes(4, "little")
