"""The worklist: the library's studies in the order to read them, to search, and to go on with where one left off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QHeaderView, QLabel, QLineEdit, QTableView, QVBoxLayout, QWidget

from egma_core.store.values import InstanceEntry, StudyEntry

Index = QModelIndex | QPersistentModelIndex

_FRONTAL = ("PA", "AP")
_HEADINGS = ("Patient", "Films", "Status")
_STUDY = Qt.ItemDataRole.UserRole
_NOWHERE = QModelIndex()


def in_reading_order(instances: Sequence[InstanceEntry]) -> list[InstanceEntry]:
    """A study's films as they are hung: frontal views first, then those without a view, then the others."""

    def place(film: InstanceEntry) -> int:
        view = film.view_position.upper()
        return _FRONTAL.index(view) if view in _FRONTAL else 2 if not view else 3

    return sorted(instances, key=place)


def films_text(study: StudyEntry) -> str:
    """A study's films in a few letters: `CR PA, LL`, or `CR ×2` where the views are not known."""
    views = [film.view_position for film in in_reading_order(study.instances)]
    if all(views):
        return f"{study.modality} {', '.join(views)}".strip()
    return f"{study.modality} ×{len(views)}".strip() if len(views) > 1 else study.modality or "film"


def status_text(study: StudyEntry) -> str:
    """Where a study stands, in words."""
    if study.status == "read":
        return "read" if study.n_readings == 1 else f"read {study.n_readings}×"
    return "being read" if study.status == "reading" else "unread"


class WorklistModel(QAbstractTableModel):
    """Studies as rows. What a study is labelled with is kept out: it would tell the reader what to see."""

    def __init__(self) -> None:
        """Start without rows."""
        super().__init__()
        self._studies: list[StudyEntry] = []

    def set_studies(self, studies: Sequence[StudyEntry]) -> None:
        """Show other studies; rows that stay the same study are refreshed in place."""
        if [s.id for s in studies] == [s.id for s in self._studies]:
            self._studies = list(studies)
            if studies:
                self.dataChanged.emit(self.index(0, 0), self.index(len(studies) - 1, len(_HEADINGS) - 1))
            return
        self.beginResetModel()
        self._studies = list(studies)
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """How many studies."""
        return 0 if parent.isValid() else len(self._studies)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """How many columns."""
        return 0 if parent.isValid() else len(_HEADINGS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's text; under `UserRole` the study."""
        study = self._studies[index.row()]
        if role == _STUDY:
            return study
        if role == Qt.ItemDataRole.DisplayRole:
            return (study.patient, films_text(study), status_text(study))[index.column()]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A column's heading."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADINGS[section]
        return None


class _Filter(QSortFilterProxyModel):
    """Rows that hold every word searched for and, if asked, are unread."""

    def __init__(self) -> None:
        super().__init__()
        self._words: list[str] = []
        self._unread_only = False

    def narrow(self, text: str, *, unread_only: bool) -> None:
        self._words = text.lower().split()
        self._unread_only = unread_only
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        study: StudyEntry = self.sourceModel().index(source_row, 0, source_parent).data(_STUDY)
        if self._unread_only and study.status == "read":
            return False
        text = f"{study.patient} {films_text(study)} {status_text(study)}".lower()
        return all(word in text for word in self._words)


class Worklist(QWidget):
    """The list with its search line.

    Attributes:
        chosen: Emitted with the `StudyEntry` that was chosen, or None.
        started: Emitted when a study is asked to be read (double click, or Return on the list).
    """

    chosen = Signal(object)
    started = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._updating = False
        self._model = WorklistModel()
        self._filter = _Filter()
        self._filter.setSourceModel(self._model)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search patient, modality, view, status")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search the worklist")
        self._unread_only = QCheckBox("Unread only")
        self.table = QTableView()
        self.table.setModel(self._filter)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setAccessibleName("Worklist")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(26)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._count = QLabel()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.search, self._unread_only, self.table, self._count):
            column.addWidget(widget)
        self.search.textChanged.connect(self._narrow)
        self._unread_only.toggled.connect(self._narrow)
        self.table.selectionModel().currentRowChanged.connect(self._row_changed)
        self.table.activated.connect(lambda _index: self.started.emit())

    @property
    def study(self) -> StudyEntry | None:
        """The study that is chosen, as last read from the library."""
        return self._study_at(self.table.currentIndex())

    @property
    def count(self) -> int:
        """How many studies the library has."""
        return self._model.rowCount()

    def set_studies(self, studies: Sequence[StudyEntry]) -> None:
        """Show the library's studies; the choice stays, or falls on the first that is not read."""
        before = self.study
        self._updating = True
        self._model.set_studies(studies)
        if before is None or not self.choose(before.id):
            self.choose_next_unread()
        self._updating = False
        self._say_count()
        now = self.study
        if (now.study_uid, now.instances) != (before.study_uid, before.instances) if now and before else now is not before:
            self.chosen.emit(now)

    def choose(self, study_id: int) -> bool:
        """Choose a study of the list; answers whether it is shown."""
        for row in range(self._filter.rowCount()):
            index = self._filter.index(row, 0)
            if index.data(_STUDY).id == study_id:
                self.table.setCurrentIndex(index)
                return True
        return False

    def choose_next_unread(self) -> bool:
        """Choose the next study below that is not read, going round; answers whether there is one."""
        n, start = self._filter.rowCount(), self.table.currentIndex().row()
        for step in range(1, n + 1):
            index = self._filter.index((start + step) % n, 0)
            if index.data(_STUDY).status != "read":
                self.table.setCurrentIndex(index)
                return True
        return False

    def _row_changed(self, now: QModelIndex) -> None:
        if not self._updating:
            self.chosen.emit(self._study_at(now))

    def _study_at(self, index: QModelIndex) -> StudyEntry | None:
        return index.data(_STUDY) if index.isValid() else None

    def _narrow(self) -> None:
        self._filter.narrow(self.search.text(), unread_only=self._unread_only.isChecked())
        self._say_count()

    def _say_count(self) -> None:
        total, shown = self._model.rowCount(), self._filter.rowCount()
        unread = sum(self._model.index(row, 0).data(_STUDY).status != "read" for row in range(total))
        self._count.setText(f"{shown} of {total} studies, {unread} unread" if shown != total else f"{total} studies, {unread} unread")
