"""What all imports of films share: what they report, how they scan a folder, and how a film gets into a library."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from egma_core.dicom.deidentify import Pseudonymiser
from egma_core.dicom.reader import FilmHeader
from egma_core.errors import FilmRefusedError, FilmSetAsideError, ImageError, InterchangeError, PrivacyError
from egma_core.interchange.keys import library_key
from egma_core.interchange.labels import LabelMatcher, LabelRow
from egma_core.store.store import Store
from egma_core.store.values import FilmOrigin, FilmRecord, ReportSentence

Progress = Callable[[int, int], None]
"""Called with files done and files in all, after each file."""

FILMS_FOLDER = "films"
"""Folder of the copies below a library's own folder; a copy is called `<instance uid>.dcm`."""


@dataclass(frozen=True)
class Refusal:
    """A file that was not imported.

    Attributes:
        file: Its path below the folder, with forward slashes. For the person who imports, and for no log: it may name somebody.
        reason: Why, and what to do.
    """

    file: str
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        imported: Films that are new in the library.
        already_there: Films that it held before.
        refused: Files that looked like films and were not imported.
        rows_without_film: Images that the labels file names and that were not found.
        set_aside: Films that wait in the quarantine for somebody to look at their pictures.
    """

    imported: int
    already_there: int
    refused: tuple[Refusal, ...]
    rows_without_film: tuple[str, ...] = ()
    set_aside: tuple[Refusal, ...] = ()


class Shelf:
    """The films of a library during an import: which there are, and how to add one.

    Attributes:
        store: The library.
        folder: Where copies go.
        pseudonymiser: By the library's key.
        origin: Origin of the films that are added.
    """

    def __init__(self, store: Store, origin: FilmOrigin) -> None:
        """Look up what the library holds.

        Raises:
            PrivacyError: The library's key is missing.
            InterchangeError: The folder for copies cannot be made.
        """
        self.store = store
        self.origin: FilmOrigin = origin
        self.pseudonymiser = Pseudonymiser(library_key(store))
        self.folder = store.files / FILMS_FOLDER
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InterchangeError(
                f"The folder {self.folder} cannot be made ({error.strerror}).", "Check the disk's space and rights."
            ) from error
        self._patients: dict[str, str] = {}
        self._studies: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        for study in store.studies():
            self._patients[study.study_uid] = study.patient
            for film in study.instances:
                self._studies[film.series_uid] = study.study_uid
                if film.path.is_file():
                    self._digests[film.instance_uid] = film.sha256

    def digest(self, instance_uid: str) -> str | None:
        """SHA-256 of the library's copy of a film, or None where it has none."""
        return self._digests.get(instance_uid)

    def refuse_conflict(self, header: FilmHeader) -> None:
        """Refuse a film whose study or series the library keeps under another patient or study.

        Raises:
            FilmRefusedError: It does.
        """
        patient = self._patients.get(header.study_uid, header.patient_id)
        if patient != header.patient_id or self._studies.get(header.series_uid, header.study_uid) != header.study_uid:
            what = "Its study or series is already in the library under another patient or study."
            raise FilmRefusedError(what, "Check whether two sources use the same identifiers.")

    def add(self, header: FilmHeader, sha256: str, row: LabelRow | None) -> None:
        """Add a film, whose copy is in its place, and what a labels file says of it; adding it again changes nothing."""
        record = FilmRecord(
            patient=header.patient_id,
            study_uid=header.study_uid,
            series_uid=header.series_uid,
            instance_uid=header.instance_uid,
            sop_class_uid=header.sop_class_uid,
            modality=header.modality,
            view_position=header.view_position,
            rows=header.rows,
            columns=header.columns,
            frames=header.frames,
            file=f"{FILMS_FOLDER}/{header.instance_uid}.dcm",
            sha256=sha256,
            origin=self.origin,
        )
        said = row or LabelRow("", (), (), "")
        report = tuple(ReportSentence(text, "label") for text in said.sentences)
        self.store.add_film(record, labels=said.labels, report=report, split=said.split)
        self._patients[header.study_uid] = header.patient_id
        self._studies[header.series_uid] = header.study_uid
        self._digests[header.instance_uid] = sha256


def files_below(folder: str | Path, *, without: Path) -> dict[PurePosixPath, Path]:
    """Every file below a folder, in order, by its path relative to it; a single file counts as a folder of one.

    Args:
        folder: The folder, or one file.
        without: A folder to leave out, if it lies below: the library's own copies.

    Raises:
        InterchangeError: There is no such folder.
    """
    root = Path(folder)
    if root.is_file():
        return {PurePosixPath(root.name): root}
    if not root.is_dir():
        raise InterchangeError(f"There is no folder {root}.", "Check the path.")
    own, found = without.resolve(), dict[PurePosixPath, Path]()
    for place, folders, files in os.walk(root):
        here = Path(place)
        folders[:] = sorted(name for name in folders if (here / name).resolve() != own)
        for name in sorted(files):
            path = here / name
            found[PurePosixPath(path.relative_to(root).as_posix())] = path
    return found


def take_each(
    films: Mapping[PurePosixPath, Path],
    take: Callable[[Path, LabelRow | None], bool],
    matcher: LabelMatcher,
    progress: Progress | None,
) -> ImportReport:
    """Take films one by one; one that is refused does not stop the others.

    Args:
        films: The files, by relative path.
        take: Imports one file with its row; answers whether it is new.
        matcher: Finds each file's row.
        progress: Told after each file, or None.

    Raises:
        EgmaError: Something is wrong with more than one film: the library, the disk.
    """
    imported = already_there = 0
    refused: list[Refusal] = []
    set_aside: list[Refusal] = []
    for done, (relative, path) in enumerate(films.items(), start=1):
        try:
            new = take(path, matcher.match(relative))
            imported += new
            already_there += not new
        except FilmSetAsideError as error:
            set_aside.append(Refusal(str(relative), error.what))
        except (ImageError, PrivacyError, FilmRefusedError) as error:
            refused.append(Refusal(str(relative), str(error)))
        if progress is not None:
            progress(done, len(films))
    return ImportReport(imported, already_there, tuple(refused), matcher.unused, tuple(set_aside))
