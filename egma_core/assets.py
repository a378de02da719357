"""Where the program's own files (`resources/`) are, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from egma_core.errors import ConfigError


def resources() -> Path:
    """The folder of the program's own files.

    Raises:
        ConfigError: The installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_resources", package.parent / "resources"):
        if folder.is_dir():
            return folder
    raise ConfigError("The program's own files (resources) are missing from this installation.", "Install it again with pip.")


def resource(*parts: str) -> Path:
    """The path of one of the program's own files, by its parts below `resources/`.

    Raises:
        ConfigError: There is no such file.
    """
    path = resources().joinpath(*parts)
    if not path.exists():
        raise ConfigError(f"There is no {'/'.join(parts)} among the program's own files.", "Check the name, or install the program again.")
    return path
