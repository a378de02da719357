"""A draft's sentences as rows of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from egma_app.capture.draft import DraftSentence
from egma_app.capture.sitting import clock_text
from egma_app.widgets.words import text_words

Index = QModelIndex | QPersistentModelIndex


class SentenceModel(QAbstractListModel):
    """The sentences as rows; what has not changed keeps its row, so that an open editor stays open."""

    def __init__(self, parent: QObject | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._rows: list[DraftSentence] = []
        self._started_ns = 0

    def show(self, sentences: Sequence[DraftSentence], started_ns: int) -> None:
        """Show these sentences, in this order, with times since `started_ns`; those that stay keep their order."""
        self._started_ns = started_ns
        wanted = {sentence.key for sentence in sentences}
        for row in reversed(range(len(self._rows))):
            if self._rows[row].key not in wanted:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._rows[row]
                self.endRemoveRows()
        for row, sentence in enumerate(sentences):
            if row == len(self._rows) or self._rows[row].key != sentence.key:
                self.beginInsertRows(QModelIndex(), row, row)
                self._rows.insert(row, sentence)
                self.endInsertRows()
            elif self._rows[row] != sentence:
                self._rows[row] = sentence
                self.dataChanged.emit(self.index(row), self.index(row))

    def sentence(self, index: Index) -> DraftSentence | None:
        """The sentence of a row."""
        return self._rows[index.row()] if index.isValid() else None

    def row(self, key: int) -> int:
        """The row of a sentence; -1 where it is not shown."""
        return next((row for row, sentence in enumerate(self._rows) if sentence.key == key), -1)

    def remarks(self, sentence: DraftSentence) -> list[str]:
        """What stands beside the words: the time, and what is worth knowing of them."""
        spoken = [text_words(sentence.origin)] if sentence.origin != "typed" else []
        return [clock_text((sentence.onset_ns - self._started_ns) / 1e9), *spoken, *(["edited"] if sentence.edited else [])]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature; an invalid index is a constant
        """How many sentences there are."""
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Every sentence can be chosen and edited."""
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable if index.isValid() else super().flags(index)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The words, or for screen readers the time and the words."""
        sentence = self.sentence(index)
        if sentence is None:
            return None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return " ".join([*self.remarks(sentence), sentence.text])
        return sentence.text if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole) else None
