"""Tables that come with data sets, read as they are, and the films that they name, found where they lie."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from egma_core.errors import ConfigError, InterchangeError

ENDINGS = (".dcm", ".dicom", ".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Table:
    """A CSV with a header line.

    Attributes:
        name: The file's name.
        columns: Its columns, in order, without surrounding spaces.
        rows: Each line's number and values by column, without surrounding spaces; empty lines left out.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]


def read_table(path: Path) -> Table:
    """Read a CSV in UTF-8; columns and values lose surrounding spaces, which some data sets have in their header.

    Raises:
        InterchangeError: It cannot be read as a CSV, or has no header.
    """
    # Masks written out as numbers (SIIM-ACR) are longer fields than the module takes by default.
    usual = csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = tuple(name.strip() for name in next(reader, []))
            rows = [(reader.line_num, [field.strip() for field in fields]) for fields in reader if any(field.strip() for field in fields)]
    except OSError as error:
        raise InterchangeError(f"The table {path.name} cannot be read ({error.strerror}).", "Check the path.") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InterchangeError(f"The table {path.name} is not CSV in UTF-8 ({error}).", "Save it as CSV in UTF-8.") from error
    finally:
        csv.field_size_limit(usual)
    if not any(columns):
        raise InterchangeError(f"The table {path.name} has no header line.", "Give it one that names its columns.")
    padded = [(line, {**dict.fromkeys(columns, ""), **dict(zip(columns, fields, strict=False))}) for line, fields in rows]
    return Table(path.name, columns, tuple(padded))


class FilmFinder:
    """Finds the file of a film by what a table calls it."""

    def __init__(self, folder: Path) -> None:
        """Look below a folder.

        Raises:
            ConfigError: There is no such folder.
        """
        if not folder.is_dir():
            raise ConfigError(f"There is no folder {folder}.", "Give the folder of the data set's films.")
        self._folder = folder
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, called: str) -> Path | None:
        """The file of a film; None if it is not there.

        Args:
            called: A path below the folder, possibly with leading folders of the original archive; or a name, with or
                without its ending. One that names a drive is nowhere below the folder.

        Raises:
            ConfigError: The name fits several files.
        """
        parts = [part for part in PurePosixPath(called.replace("\\", "/")).parts if part.strip("/") not in ("", "..", ".")]
        if not parts or any(PureWindowsPath(part).drive for part in parts):
            return None  # joined to a folder, "C:" would lead out of it on Windows
        for start in range(max(1, len(parts) - 1)):
            path = self._folder.joinpath(*parts[start:])
            if path.is_file():
                return path
        if len(parts) > 1:
            return None
        if self._by_name is None:
            self._by_name = self._names()
        fitting = self._by_name.get(parts[-1], [])
        if len(fitting) > 1:
            raise ConfigError(
                f"{len(fitting)} files below {self._folder.name} are called as one film of the table is.",
                "Give a folder that holds each once.",
            )
        return fitting[0] if fitting else None

    def _names(self) -> dict[str, list[Path]]:
        """Files by their name and by their name without a film's ending."""
        found: dict[str, list[Path]] = {}
        for folder, _, names in os.walk(self._folder):
            for name in names:
                stem, dot, ending = name.rpartition(".")
                calls = {name, stem} if f"{dot}{ending}".lower() in ENDINGS else {name}
                for call in calls:
                    found.setdefault(call, []).append(Path(folder, name))
        return found
