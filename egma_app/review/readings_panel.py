"""The list of readings: who read what when, where gaze and words came from, and how good the gaze is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from egma_app.widgets.tables import Column, RecordTable
from egma_app.widgets.words import count_text, date_text, duration_text, gaze_words, short_gaze_words, state_words, text_words
from egma_core.store.values import ReadingEntry

NS_PER_S = 1e9


@dataclass(frozen=True)
class ReadingRow:
    """One line of the list.

    Attributes:
        entry: The reading.
        data_loss: Share of its time without gaze, or None while it has not been measured.
    """

    entry: ReadingEntry
    data_loss: float | None = None

    @property
    def duration_s(self) -> float:
        """Seconds from its start to its end; 0 while it is being recorded."""
        entry = self.entry
        return 0.0 if entry.ended_ns is None else (entry.ended_ns - entry.started_ns) / NS_PER_S


def _gaze(row: ReadingRow) -> str:
    return gaze_words(row.entry.gaze_origin, row.entry.tracker)


def _loss(row: ReadingRow) -> str:
    return "…" if row.data_loss is None else f"{row.data_loss:.0%}"


COLUMNS: tuple[Column[ReadingRow], ...] = (
    Column("Study", lambda r: r.entry.study.patient, help="Pseudonym of the patient"),
    Column("Date", lambda r: date_text(r.entry.started_utc), help="Start of the reading, in this computer's time zone"),
    Column("Gaze", lambda r: short_gaze_words(r.entry.gaze_origin), help="Where the gaze came from", mark=_gaze),
    Column("Loss", _loss, key=lambda r: -1.0 if r.data_loss is None else r.data_loss, help="Share of the time without gaze", number=True),
    Column(
        "Sentences",
        lambda r: f"{r.entry.n_sentences}",
        key=lambda r: r.entry.n_sentences,
        number=True,
        mark=lambda r: ", ".join(text_words(o) for o in r.entry.text_origins) or "no sentences",
    ),
    Column("Duration", lambda r: duration_text(r.duration_s), key=lambda r: r.duration_s, number=True),
    Column("Reader", lambda r: r.entry.reader),
    Column("Samples", lambda r: f"{r.entry.n_samples:,}", key=lambda r: r.entry.n_samples, help="Gaze samples stored", number=True),
    Column("State", lambda r: state_words(r.entry.state), mark=lambda r: r.entry.note or state_words(r.entry.state)),
)


class ReadingsPanel(QWidget):
    """The list and its filter.

    Attributes:
        opened: Emitted with the `ReadingEntry` that a person opened, or came to with the cursor.
    """

    opened = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._rows: tuple[ReadingRow, ...] = ()
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText("Filter: pseudonym, reader, date, gaze, state")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Filter the readings")
        self.table: RecordTable[ReadingRow] = RecordTable("Readings", COLUMNS, self)
        self.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        self._count = QLabel(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._count)
        self.filter.textChanged.connect(self._filter)
        self.table.chosen.connect(lambda row: self.opened.emit(row.entry))
        self.table.opened.connect(lambda row: self.opened.emit(row.entry))

    @property
    def rows(self) -> tuple[ReadingRow, ...]:
        """All readings, shown or filtered away."""
        return self._rows

    def show_readings(self, entries: Sequence[ReadingEntry], losses: Mapping[int, float]) -> None:
        """List readings, with the data losses known so far by reading id."""
        first = not self._rows
        self._rows = tuple(ReadingRow(entry, losses.get(entry.id)) for entry in entries)
        self.table.show_records(self._rows, same=lambda row: row.entry.id)
        if first:
            self.table.fit_columns()
        self._filter(self.filter.text())

    def choose(self, reading_id: int) -> bool:
        """Put the cursor on a reading, which opens it; whether it is in the list."""
        return self.table.choose(lambda row: row.entry.id == reading_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down goes from the filter into the list."""
        if event.key() == Qt.Key.Key_Down and self.filter.hasFocus():
            self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            super().keyPressEvent(event)

    def _filter(self, text: str) -> None:
        self.table.filter(text)
        shown, all_rows = len(self.table.shown()), count_text(len(self._rows), "reading")
        self._count.setText(all_rows if shown == len(self._rows) else f"{shown:,} of {all_rows}")
