"""Importing DICOM films: de-identified copies into the library's folder, rows into its tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from egma_core.dicom.deidentify import deidentify_film, pseudonymous_header
from egma_core.dicom.files import is_dicom
from egma_core.errors import InterchangeError
from egma_core.interchange.films import ImportReport, Progress, Shelf, files_below, take_each
from egma_core.interchange.labels import LabelMatcher, LabelRow, read_label_table
from egma_core.store.store import Store
from egma_core.store.values import FilmOrigin

_ENDINGS = (".dcm", ".dicom", ".ima")


def import_dicom(
    folder: str | Path,
    store: Store,
    *,
    labels: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    origin: FilmOrigin = "dicom",
) -> ImportReport:
    """Import every DICOM film below a folder, without what identifies its patient.

    Files are told by their content; those that are neither DICOM nor named like it are passed over. Importing again
    adds only what is new. Each film is safe when its turn is over, so that an import that was stopped can be begun again.

    Args:
        folder: A folder, searched to its depths, or one file.
        store: The library.
        labels: A CSV of labels, or None; see `read_label_table`. Films without a row are imported without labels.
        columns: Our names of the CSV's columns to theirs, where they differ.
        progress: Called with files done and files in all.
        origin: What the films are: "dicom", or "phantom" for the program's own.

    Raises:
        InterchangeError: There is no DICOM file below the folder, the labels file cannot be used, or a copy cannot be written.
        PrivacyError: The library's key is missing.
        StoreError: The library cannot be written.
    """
    rows = read_label_table(labels, columns) if labels is not None else {}
    films = {relative: path for relative, path in files_below(folder, without=store.files).items() if _is_film(path)}
    if not films:
        raise InterchangeError(f"There is no DICOM file below {folder}.", "Choose another folder.")
    shelf = Shelf(store, origin)

    def take(path: Path, row: LabelRow | None) -> bool:
        header = pseudonymous_header(path, shelf.pseudonymiser)
        shelf.refuse_conflict(header)
        known = shelf.digest(header.instance_uid)
        if known is None:
            shelf.add(header, deidentify_film(path, shelf.folder, shelf.pseudonymiser).sha256, row)
        elif row is not None:
            shelf.add(header, known, row)
        return known is None

    return take_each(films, take, LabelMatcher(rows, films), progress)


def _is_film(path: Path) -> bool:
    if path.name.upper() == "DICOMDIR":
        return False
    try:
        return path.suffix.lower() in _ENDINGS or is_dicom(path)
    except OSError:
        return True  # reading it will say why it cannot be read
