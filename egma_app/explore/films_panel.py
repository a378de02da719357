"""Which film to explore: one of the library's, or any file, which is shown and never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from egma_app.widgets.tables import Column, RecordTable
from egma_app.widgets.words import count_text
from egma_core.dicom.image import DicomImage
from egma_core.dicom.reader import read_copy, read_foreign
from egma_core.store.values import InstanceEntry, StudyEntry


@dataclass(frozen=True)
class FilmChoice:
    """A film to explore.

    Attributes:
        path: Its file.
        title: What to call it on the screen: a pseudonym, or the file's name where it is not of the library.
        instance_uid: SOP Instance UID in the library, or "" for a file that is only shown.
        study_id: Its study in the library, or None.
        sha256: The checksum that the library keeps for it, or "".
    """

    path: Path
    title: str
    instance_uid: str = ""
    study_id: int | None = None
    sha256: str = ""

    def read(self) -> DicomImage:
        """Decode it: a film of the library once its checksum is right, any other in a process of its own."""
        return read_copy(self.path, self.sha256) if self.sha256 else read_foreign(self.path)

    @classmethod
    def of_file(cls, path: Path) -> FilmChoice:
        """A film that is not of the library."""
        return cls(path, path.name)


@dataclass(frozen=True)
class FilmRow:
    """One film of the library with its study."""

    study: StudyEntry
    instance: InstanceEntry

    @property
    def choice(self) -> FilmChoice:
        """This film, to explore."""
        title = f"{self.study.patient}  {self.instance.view_position or self.instance.modality}"
        return FilmChoice(self.instance.path, title, self.instance.instance_uid, self.study.id, self.instance.sha256)


COLUMNS: tuple[Column[FilmRow], ...] = (
    Column("Patient", lambda r: r.study.patient, help="Pseudonym of the patient"),
    Column("View", lambda r: r.instance.view_position or r.instance.modality, help="Direction of the beam, or the kind of film"),
    Column("Read", lambda r: str(r.study.n_readings or "–"), key=lambda r: r.study.n_readings, help="Readings of its study", number=True),
    Column("Labels", lambda r: ", ".join(r.study.labels), help="What its source says about it"),
)


class FilmsPanel(QWidget):
    """The library's films with a filter, and a button for any other file.

    Attributes:
        chosen: Emitted with the `FilmChoice` that a person chose.
        file_wanted: Emitted when the person wants to choose a file.
    """

    chosen = Signal(object)
    file_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText("Filter: pseudonym, view, label")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Filter the films")
        self.table: RecordTable[FilmRow] = RecordTable("Films of the library", COLUMNS, self)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._count = QLabel(self)
        self._open = QPushButton("Open a file…", self)
        self._open.setToolTip("Show any DICOM, PNG or JPEG film; it is not stored anywhere")
        self._open.clicked.connect(self.file_wanted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._count)
        layout.addWidget(self._open)
        self.filter.textChanged.connect(self._filter)
        self.table.chosen.connect(lambda row: self.chosen.emit(row.choice))

    def show_studies(self, studies: Sequence[StudyEntry]) -> None:
        """List the films of these studies; the chosen one stays chosen without being reported again."""
        first = not self.table.records()
        rows = [FilmRow(study, instance) for study in studies for instance in study.instances]
        self.table.show_records(rows, same=lambda row: row.instance.instance_uid)
        if first:
            self.table.fit_columns()
        self._filter(self.filter.text())

    def choose(self, instance_uid: str) -> bool:
        """Put the cursor on a film, which reports it; whether it is in the list."""
        return self.table.choose(lambda row: row.instance.instance_uid == instance_uid)

    def choose_file(self, path: Path) -> bool:
        """Put the cursor on the film that lies at `path`, which reports it; whether it is in the list."""
        return path.exists() and self.table.choose(lambda row: row.instance.path.name == path.name and row.instance.path.samefile(path))

    def forget_choice(self) -> None:
        """No film of the list is chosen any more: a file was."""
        self.table.clearSelection()
        self.table.setCurrentIndex(self.table.rootIndex())

    def _filter(self, text: str) -> None:
        self.table.filter(text)
        shown, films = len(self.table.shown()), count_text(len(self.table.records()), "film")
        self._count.setText(films if shown == len(self.table.records()) else f"{shown:,} of {films}")
