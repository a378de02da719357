"""Bringing films into the library from the window: which folder, which table of labels, how far it is, what came of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from egma_app import jobs
from egma_app.messages import Banner, Message
from egma_app.workspace import Library
from egma_core.interchange.films import ImportReport
from egma_core.interchange.labels import COLUMNS
from egma_core.store.store import Store
from egma_core.store.values import Changes

Kind = Literal["dicom", "images"]

_TITLES = {"dicom": "Import DICOM films", "images": "Import pictures of films"}
_ABOUT = {
    "dicom": "Films are copied into the library with the patient's identity removed and pseudonyms put in its place. "
    "The files in the folder are left as they are.",
    "images": "Each PNG or JPEG that the table names is copied into the library as a film, under a pseudonym. "
    "Labels and sentences of the table keep the origin 'label'.",
}
_NONE = "(none)"
_CHANGED = Changes(frozenset({"study", "instance", "study_label", "report_sentence"}))


class ImportDialog(QDialog):
    """Asks for a folder and a table, imports beside the window, and says what came of it."""

    def __init__(self, kind: Kind, library: Library, parent: QWidget | None = None) -> None:
        """Ask for what `kind` of import needs."""
        super().__init__(parent)
        self._kind: Kind = kind
        self._library = library
        self._progress: jobs.Progress | None = None
        self.setWindowTitle(_TITLES[kind])
        self.setMinimumWidth(620)
        self.folder, self.labels = QLineEdit(), QLineEdit()
        self.columns = {name: QComboBox() for name in COLUMNS}
        self.banner = Banner()
        self._bar = QProgressBar()
        self._refused = QPlainTextEdit()
        self._refused.setReadOnly(True)
        self._start = QPushButton("Import")
        self._start.setProperty("role", "main")
        self._close = QPushButton("Close")
        self._lay_out()
        self.folder.textChanged.connect(self._judge)
        self.labels.textChanged.connect(self._read_header)
        self._start.clicked.connect(self.start)
        self._close.clicked.connect(self.reject)
        self._read_header()
        self.folder.setFocus()

    @property
    def running(self) -> bool:
        """Whether films are being imported."""
        return self._progress is not None

    def start(self) -> None:
        """Import, beside the window."""
        progress = self._progress = jobs.Progress(self, self._show_progress)
        self.banner.clear()
        self._refused.hide()
        self._bar.setRange(0, 0)
        self._bar.show()
        self._judge()
        folder, labels = self.folder.text().strip(), self.labels.text().strip()
        columns = {ours: box.currentText() for ours, box in self.columns.items() if box.currentText() not in ("", _NONE)}
        store, kind = self._library.store, self._kind
        jobs.run(self, lambda: _import(kind, folder, store, labels, columns, progress), self._finished, self._failed)

    def reject(self) -> None:
        """Stop the import if one is running; else close."""
        if self._progress is not None:
            self._progress.cancel()
            self._close.setEnabled(False)
        else:
            super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Not while films are being imported: stopping comes first."""
        if self.running:
            self.reject()
            event.ignore()
        else:
            super().closeEvent(event)

    def _show_progress(self, done: int, total: int, _what: str) -> None:
        self._bar.setRange(0, total)
        self._bar.setValue(done)

    def _finished(self, report: ImportReport) -> None:
        self._stop()
        there = f", {report.already_there} were there already" if report.already_there else ""
        refused = f", {len(report.refused)} refused" if report.refused else ""
        unmatched = len(report.rows_without_film)
        remedy = f"The table names {unmatched} pictures that were not found." if unmatched else ""
        self.banner.show_message(Message(f"{report.imported} films imported{there}{refused}.", remedy), kind="good")
        self._refused.setPlainText("\n".join(f"{refusal.file}: {refusal.reason}" for refusal in report.refused))
        self._refused.setVisible(bool(report.refused))

    def _failed(self, error: BaseException) -> None:
        self._stop()
        if isinstance(error, jobs.Cancelled):
            self.banner.show_message(Message("Stopped. The films imported so far are kept.", "Import again to go on."))
        else:
            self.banner.show_error(error)

    def _stop(self) -> None:
        self._progress = None
        self._bar.hide()
        self._library.announce(_CHANGED)
        self._judge()

    def _judge(self) -> None:
        """Allow what is possible now."""
        complete = bool(self.folder.text().strip()) and (self._kind == "dicom" or bool(self.labels.text().strip()))
        self._start.setEnabled(complete and not self.running)
        self._close.setEnabled(True)
        self._close.setText("Stop" if self.running else "Close")
        for widget in (self.folder, self.labels, *self.columns.values()):
            widget.setEnabled(not self.running)

    def _read_header(self) -> None:
        """Offer the table's own columns, with a guess at which is which."""
        theirs = _header(Path(self.labels.text().strip()))
        for ours, box in self.columns.items():
            box.clear()
            box.addItems([_NONE, *theirs])
            box.setCurrentText(_guess(ours, theirs))
        self._table.setVisible(bool(theirs))
        self._judge()
        self.adjustSize()

    def _lay_out(self) -> None:
        about = QLabel(_ABOUT[self._kind])
        about.setWordWrap(True)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Folder", self._with_browse(self.folder, folder=True))
        form.addRow("Labels (CSV)" if self._kind == "images" else "Labels (CSV, if any)", self._with_browse(self.labels, folder=False))
        self._table = QWidget()
        self._table.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        columns = QFormLayout(self._table)
        columns.setContentsMargins(0, 0, 0, 0)
        for ours, box in self.columns.items():
            columns.addRow(ours.replace("_", " ").capitalize(), box)
        form.addRow("Its columns", self._table)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._close)
        row.addWidget(self._start)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        column.addWidget(about)
        column.addLayout(form)
        for widget in (self._bar, self.banner, self._refused):
            widget.hide()
            column.addWidget(widget)
        column.addLayout(row)

    def _with_browse(self, line: QLineEdit, *, folder: bool) -> QWidget:
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        browse = QPushButton("Browse…")
        browse.setAutoDefault(False)

        def choose() -> None:
            if folder:
                path = QFileDialog.getExistingDirectory(self, "Folder of films", line.text())
            else:
                path, _ = QFileDialog.getOpenFileName(self, "Table of labels", line.text() or self.folder.text(), "Tables (*.csv);;All (*)")
            if path:
                line.setText(path)

        browse.clicked.connect(choose)
        row.addWidget(line, 1)
        row.addWidget(browse)
        return whole


def _import(kind: Kind, folder: str, store: Store, labels: str, columns: dict[str, str], progress: jobs.Progress) -> ImportReport:
    # The decoders load here, beside the window.
    if kind == "dicom":
        from egma_core.interchange.dicom import import_dicom

        return import_dicom(folder, store, labels=labels or None, columns=columns, progress=progress.report)
    from egma_core.interchange.images import import_images

    return import_images(folder, store, labels=labels, columns=columns, progress=progress.report)


def _header(table: Path) -> list[str]:
    """The column names of a CSV; none where it cannot be read, which the import then says in words."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
    except (OSError, UnicodeDecodeError):
        return []
    delimiter = max((",", ";", "\t"), key=first.count)
    return [name.strip() for name in next(csv.reader([first], delimiter=delimiter), []) if name.strip()]


def _guess(ours: str, theirs: list[str]) -> str:
    """Their column that is called like ours, or the only one with our word in its name (`finding_labels` for `labels`)."""
    if ours in theirs:
        return ours
    for word in (ours, ours.rstrip("s")):
        holding = [name for name in theirs if word in name.lower().replace(" ", "_").split("_")]
        if len(holding) == 1:
            return holding[0]
    return _NONE
