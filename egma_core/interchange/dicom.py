"""Importing DICOM films: de-identified copies into the library's folder, rows into its tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from egma_core.dicom.burned_in import SUSPICION, Suspicion, burned_in_reason
from egma_core.dicom.deidentify import deidentify_film, pseudonymous_header
from egma_core.dicom.dicomdir import is_dicomdir, listed_files
from egma_core.dicom.files import is_dicom
from egma_core.errors import FilmRefusedError, FilmSetAsideError, ImageError, InterchangeError, PrivacyError
from egma_core.interchange.films import ImportReport, Progress, Refusal, Shelf, files_below, take_each
from egma_core.interchange.labels import LabelMatcher, LabelRow, read_label_table
from egma_core.interchange.quarantine import Quarantine
from egma_core.store.store import Store
from egma_core.store.values import FilmOrigin

_ENDINGS = (".dcm", ".dicom", ".ima")
_INDEX = "DICOMDIR"


def import_dicom(
    folder: str | Path,
    store: Store,
    *,
    labels: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    origin: FilmOrigin = "dicom",
    suspicion: Suspicion = SUSPICION,
) -> ImportReport:
    """Import every DICOM film below a folder, without what identifies its patient.

    Files are told by their content; those that are neither DICOM nor named like it are passed over. Importing again
    adds only what is new. Each film is safe when its turn is over, so that an import that was stopped can be begun again.
    Films that may have text burned into their pictures are set aside for somebody to look at; see `Quarantine`.

    Args:
        folder: A folder, searched to its depths; one file; or a DICOMDIR, of which the listed files are taken. Where a
            DICOMDIR is broken or lists files that are not there, its folder is searched.
        store: The library.
        labels: A CSV of labels, or None; see `read_label_table`. Films without a row are imported without labels.
        columns: Our names of the CSV's columns to theirs, where they differ.
        progress: Called with files done and files in all.
        origin: What the films are: "dicom", or "phantom" for the program's own.
        suspicion: Which films are set aside.

    Raises:
        InterchangeError: There is no DICOM file below the folder, the labels file cannot be used, or a copy cannot be written.
        PrivacyError: The library's key is missing.
        StoreError: The library cannot be written.
    """
    rows = read_label_table(labels, columns) if labels is not None else {}
    films = _films_of(Path(folder), without=store.files)
    if not films:
        raise InterchangeError(f"There is no DICOM file below {folder}.", "Choose another folder.")
    films_in = DicomImport(store, origin=origin, suspicion=suspicion)
    return take_each(films, films_in.take, LabelMatcher(rows, films), progress)


class DicomImport:
    """An import of DICOM files one by one, wherever they come from."""

    def __init__(self, store: Store, *, origin: FilmOrigin = "dicom", suspicion: Suspicion = SUSPICION) -> None:
        """Look up what the library holds.

        Raises:
            PrivacyError: The library's key is missing.
            InterchangeError: The folder for copies cannot be made.
        """
        self._shelf = Shelf(store, origin)
        self._quarantine = Quarantine(store)
        self._suspicion: Suspicion = suspicion
        self._imported = self._already_there = 0
        self._refused: list[Refusal] = []
        self._set_aside: list[Refusal] = []

    def holds(self, instance_uid: str) -> bool:
        """Whether the library, or its quarantine, holds the film that its source calls so."""
        uid = self._shelf.pseudonymiser.uid(instance_uid)
        return self._shelf.digest(uid) is not None or self._quarantine.holds(uid)

    def take(self, path: Path, row: LabelRow | None) -> bool:
        """Import one file.

        Returns:
            Whether the film is new in the library.

        Raises:
            FilmSetAsideError: It waits in the quarantine for somebody to look at its picture.
            FilmRefusedError: The library keeps its study or series under another patient or study.
            ImageError: It cannot be read.
            PrivacyError: Its copy would name somebody.
        """
        shelf = self._shelf
        header = pseudonymous_header(path, shelf.pseudonymiser)
        shelf.refuse_conflict(header)
        known = shelf.digest(header.instance_uid)
        if known is None:
            reason = burned_in_reason(path, self._suspicion)
            if reason:
                self._quarantine.set_aside(path, reason, shelf, row)
            shelf.add(header, deidentify_film(path, shelf.folder, shelf.pseudonymiser).sha256, row)
        elif row is not None:
            shelf.add(header, known, row)
        return known is None

    def take_passing(self, path: Path, name: str) -> None:
        """Import a file and delete it; a refusal is kept for the report, under a name that is nobody's."""
        try:
            new = self.take(path, None)
            self._imported += new
            self._already_there += not new
        except FilmSetAsideError as error:
            self._set_aside.append(Refusal(name, error.what))
        except (ImageError, PrivacyError, FilmRefusedError) as error:
            self.refuse(name, str(error).replace(path.name, "it"))
        finally:
            path.unlink(missing_ok=True)

    def refuse(self, name: str, reason: str) -> None:
        """Count a film that did not come in."""
        self._refused.append(Refusal(name, reason))

    def report(self, already_there: int = 0) -> ImportReport:
        """What came so far, and what was there before."""
        there = self._already_there + already_there
        return ImportReport(self._imported, there, tuple(self._refused), set_aside=tuple(self._set_aside))


def _films_of(chosen: Path, without: Path) -> dict[PurePosixPath, Path]:
    """What may be films: a DICOMDIR's files, or all files below a folder, by their paths relative to it."""
    if chosen.is_file() and (chosen.name.upper() == _INDEX or is_dicomdir(chosen)):
        root = chosen.parent.resolve()
        listed = listed_files(chosen)
        if listed:
            return {PurePosixPath(file.relative_to(root).as_posix()): file for file in listed}
        chosen = chosen.parent
    return {relative: path for relative, path in files_below(chosen, without=without).items() if _is_film(path)}


def _is_film(path: Path) -> bool:
    if path.name.upper() == _INDEX:
        return False
    try:
        return path.suffix.lower() in _ENDINGS or is_dicom(path)
    except OSError:
        return True  # reading it will say why it cannot be read
