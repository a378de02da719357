"""A list of named shares drawn as bars, sorted, with their numbers: a list view, so that keys and screen readers work as in any list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from egma_app.widgets.tints import ACCENT

Index = QModelIndex | QPersistentModelIndex

_PADDING = 8


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        name: What it stands for.
        share: Its length, 0 to 1.
        detail: A further number in words, shown in the tooltip and read aloud.
    """

    name: str
    share: float
    detail: str = ""


class _BarsModel(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.bars: tuple[Bar, ...] = ()

    def replace(self, bars: tuple[Bar, ...]) -> None:
        self.beginResetModel()
        self.bars = bars
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature; an invalid index is a constant
        return 0 if parent.isValid() else len(self.bars)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        bar = self.bars[index.row()]
        said = f"{bar.name}: {bar.share:.0%}"
        if role == Qt.ItemDataRole.DisplayRole:
            return said
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return f"{said}. {bar.detail}" if bar.detail else said
        return bar if role == Qt.ItemDataRole.UserRole else None


class _BarDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(160, option.fontMetrics.height() + 18)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        bar: Bar = index.data(Qt.ItemDataRole.UserRole)
        palette, rect = option.palette, option.rect
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(rect, palette.color(QPalette.ColorRole.AlternateBase))
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), palette.color(QPalette.ColorRole.Highlight))
        inner = rect.adjusted(_PADDING, 3, -_PADDING, -3)
        number = f"{bar.share:.0%}"
        number_width = option.fontMetrics.horizontalAdvance("100%") + 2
        words = QRect(inner.left(), inner.top(), inner.width() - number_width, option.fontMetrics.height())
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        name = option.fontMetrics.elidedText(bar.name, Qt.TextElideMode.ElideRight, words.width() - 4)
        painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        words.setRight(inner.right())
        painter.drawText(words, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number)
        track = QRect(inner.left(), words.bottom() + 3, inner.width(), 6)
        painter.fillRect(track, palette.color(QPalette.ColorRole.Mid))
        filled = QRect(track.left(), track.top(), round(track.width() * min(max(bar.share, 0.0), 1.0)), track.height())
        painter.fillRect(filled, QColor(ACCENT))
        painter.restore()


class BarList(QListView):
    """Bars in falling order; choosing one says so."""

    chosen = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars = _BarsModel(self)
        self.setModel(self._bars)
        self.setItemDelegate(_BarDelegate(self))
        self.setAccessibleName(name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setUniformItemSizes(True)

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show these bars, longest first; the chosen one stays chosen."""
        before = self.current()
        self._bars.replace(tuple(sorted(bars, key=lambda bar: -bar.share)))
        self.choose(before)

    def bars(self) -> tuple[Bar, ...]:
        """The bars as shown."""
        return self._bars.bars

    def current(self) -> str:
        """The chosen bar's name, or ""."""
        row = self.currentIndex().row()
        return self._bars.bars[row].name if 0 <= row < len(self._bars.bars) else ""

    def choose(self, name: str) -> None:
        """Choose the bar of that name without saying so; no bar for a name that none has."""
        row = next((row for row, bar in enumerate(self._bars.bars) if bar.name == name), -1)
        with QSignalBlocker(self):
            self.setCurrentIndex(self._bars.index(row) if row >= 0 else QModelIndex())

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Say which bar was chosen, by click or key."""
        super().currentChanged(current, previous)
        if current.isValid():
            self.chosen.emit(self._bars.bars[current.row()].name)
