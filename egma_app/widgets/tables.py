"""A read-only table of thousands of records that sorts by its headers and filters by words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

T = TypeVar("T")
Index = QModelIndex | QPersistentModelIndex


_CELL_PADDING = 10
_TITLE_PADDING = 26  # with room for the mark of sorting
_WIDEST = 260
_ROW_PADDING = 6


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a table of records.

    Attributes:
        title: The header.
        text: The words shown for a record.
        key: What the column sorts by (a number or a text), or None to sort by the words.
        help: The header's tooltip.
        number: Whether it is set flush right, as numbers are.
        mark: The tooltip of a record's cell, where there is more to say, or None.
    """

    title: str
    text: Callable[[T], str]
    key: Callable[[T], float | str] | None = None
    help: str = ""
    number: bool = False
    mark: Callable[[T], str] | None = None


class RecordModel(QAbstractTableModel, Generic[T]):
    """Records as rows, sorted and filtered here: Python sorts ten thousand records in the time that a proxy takes for a hundred.

    A record is turned into words once, when it is set.
    """

    def __init__(self, columns: Sequence[Column[T]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.records: tuple[T, ...] = ()
        self._words: list[tuple[str, ...]] = []
        self._lines: list[str] = []
        self._wanted: tuple[str, ...] = ()
        self._sorting: tuple[int, Qt.SortOrder] = (-1, Qt.SortOrder.AscendingOrder)
        self._shown: list[int] = []

    def replace(self, records: Sequence[T]) -> None:
        """Show these records."""
        self.beginResetModel()
        self.records = tuple(records)
        self._words = [tuple(column.text(record) for column in self.columns) for record in self.records]
        self._lines = [" ".join(words).casefold() for words in self._words]
        self._arrange()
        self.endResetModel()

    def filter(self, text: str) -> None:
        """Show only the records that contain every word of `text`, in any column and any case."""
        self.beginResetModel()
        self._wanted = tuple(text.casefold().split())
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 keeps the order in which the records came."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        moved = [self._shown[index.row()] for index in before]
        self._sorting = (column, order)
        self._arrange()
        place = {record: row for row, record in enumerate(self._shown)}
        after = [self.index(place[record], index.column()) for record, index in zip(moved, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def record(self, row: int) -> T:
        """The record shown in a row."""
        return self.records[self._shown[row]]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature; an invalid index is a constant
        """How many records are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - as above
        """How many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's words, alignment or tooltip."""
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._words[self._shown[index.row()]][index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _flush(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.mark(self.record(index.row())) if column.mark else self._words[self._shown[index.row()]][index.column()]
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A column's title, help and alignment."""
        if orientation == Qt.Orientation.Vertical:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.help or None
        return _flush(column) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def _arrange(self) -> None:
        shown = [i for i, line in enumerate(self._lines) if all(word in line for word in self._wanted)]
        place, order = self._sorting
        if place >= 0:
            key = self.columns[place].key
            sort_key = (lambda i: key(self.records[i])) if key else (lambda i: self._words[i][place].casefold())
            shown.sort(key=sort_key, reverse=order == Qt.SortOrder.DescendingOrder)
        self._shown = shown


class RoomyDelegate(QStyledItemDelegate):
    """Rows with some air between them."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """The usual size, and a little more height."""
        return super().sizeHint(option, index) + QSize(0, _ROW_PADDING)


class RecordTable(QTableView, Generic[T]):
    """A table of records: sorted by clicking headers, filtered by words, opened by double click or Enter.

    Args:
        name: What the table lists, for screen readers.
        columns: The columns.
        parent: The parent widget.
    """

    opened = Signal(object)
    chosen = Signal(object)

    def __init__(self, name: str, columns: Sequence[Column[T]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._records: RecordModel[T] = RecordModel(columns, self)
        self.setModel(self._records)
        self.setItemDelegate(RoomyDelegate(self))
        self.setAccessibleName(name)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.doubleClicked.connect(self._open)

    def show_records(self, records: Sequence[T], *, same: Callable[[T], Any] | None = None) -> None:
        """Show these records where the list was scrolled to; with `same` (an identity), the chosen record stays. Reports no choice."""
        before, scrolled = self.current(), self.verticalScrollBar().value()
        with QSignalBlocker(self):
            self._records.replace(records)
            if same is not None and before is not None:
                self.choose(lambda record: same(record) == same(before))
        self.verticalScrollBar().setValue(scrolled)

    def fit_columns(self) -> None:
        """Make the columns as wide as their words, within reason."""
        for number, column in enumerate(self._records.columns):
            title = self.fontMetrics().horizontalAdvance(column.title) + _TITLE_PADDING
            self.setColumnWidth(number, min(max(self.sizeHintForColumn(number) + _CELL_PADDING, title), _WIDEST))

    def filter(self, text: str) -> None:
        """Keep only the records that contain all the words of `text`; the chosen one is forgotten where it goes. Reports no choice."""
        before = self.current()
        with QSignalBlocker(self):
            self._records.filter(text)
            self.choose(lambda record: record is before)

    def shown(self) -> tuple[T, ...]:
        """The records now shown, in their order on screen."""
        return tuple(self._records.record(row) for row in range(self._records.rowCount()))

    def records(self) -> tuple[T, ...]:
        """All records, filtered or not."""
        return self._records.records

    def current(self) -> T | None:
        """The chosen record."""
        index = self.currentIndex()
        return self._records.record(index.row()) if index.isValid() else None

    def choose(self, wanted: Callable[[T], bool]) -> bool:
        """Choose the first shown record that is wanted; whether there is one."""
        for row in range(self._records.rowCount()):
            if wanted(self._records.record(row)):
                self.setCurrentIndex(self._records.index(row, 0))
                return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the chosen record; the other keys do what they do in any table."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._open(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Say which record was chosen."""
        super().currentChanged(current, previous)
        if current.isValid() and current.row() != previous.row():
            self.chosen.emit(self._records.record(current.row()))

    def _open(self, index: Index) -> None:
        self.opened.emit(self._records.record(index.row()))


def _flush(column: Column[Any]) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
