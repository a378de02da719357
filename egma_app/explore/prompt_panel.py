"""The editable list of prompts: classes, and below each the sentences that stand for it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from egma_app import actions
from egma_app.widgets.tables import RoomyDelegate
from egma_app.widgets.tints import WARNING, tint
from egma_core.inference.prompts import PromptSet

_NEW_CLASS = "new class"
_NEW_SENTENCE = "a sentence that stands for it"


class PromptPanel(QWidget):
    """A tree of classes and sentences, edited in place.

    Attributes:
        changed: Emitted after every edit; `prompts` then gives what can be used of it.
        chosen: Emitted with the sentence whose row the cursor came to; a class's row stands for its first sentence.
    """

    changed = Signal()
    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start without prompts."""
        super().__init__(parent)
        self._name = ""
        self._tree = QTreeWidget(self)
        self._tree.setColumnCount(2)
        self._tree.setHeaderLabels(["Class and its sentences", "Score"])
        self._tree.headerItem().setToolTip(
            1, "How well the whole film answers to the sentence: cosine similarity times the learned temperature"
        )
        self._tree.headerItem().setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._tree.header().setStretchLastSection(False)
        self._tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self._tree.setAccessibleName("Prompts: classes and their sentences")
        self._tree.setItemDelegate(RoomyDelegate(self._tree))
        self._tree.setUniformRowHeights(True)
        self._tree.setIndentation(14)
        self._tree.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.SelectedClicked
        )
        self._tree.setToolTip("F2 or a double click edits a row")
        self._problem = QLabel(self)
        self._problem.setWordWrap(True)
        tint(self._problem, WARNING)
        self._problem.hide()
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for text, tip, slot in (
            ("+ Class", "Add a class with one sentence", self.add_class),
            ("+ Sentence", "Add a sentence to the chosen class", self.add_sentence),
            ("Remove", "Remove the chosen class or sentence", self.remove),
        ):
            button = QToolButton(self)
            button.setText(text)
            button.setToolTip(tip)
            button.clicked.connect(slot)
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._tree, 1)
        layout.addWidget(self._problem)
        layout.addLayout(buttons)
        actions.bind(self._tree, {"explore.remove": self.remove})
        self._tree.itemChanged.connect(self._edited)
        self._tree.currentItemChanged.connect(self._moved)

    @property
    def tree(self) -> QTreeWidget:
        """The tree itself, for focus."""
        return self._tree

    @property
    def problem(self) -> str:
        """What keeps a part of the prompts from being used, in words, or ""."""
        return self._problem.text()

    def prompts(self) -> PromptSet:
        """The usable prompts: classes with a name of their own and at least one sentence that is not empty."""
        usable: dict[str, tuple[str, ...]] = {}
        for item in self._classes():
            name = item.text(0).strip()
            sentences = tuple(dict.fromkeys(s for s in (row.text(0).strip() for row in _children(item)) if s))
            if name and sentences and name not in usable:
                usable[name] = sentences
        return PromptSet(self._name, usable)

    def set_prompts(self, prompts: PromptSet) -> None:
        """Show a set of prompts, and report it as one edit."""
        self._name = prompts.name
        with QSignalBlocker(self._tree):
            self._tree.clear()
            for name, sentences in prompts.prompts.items():
                self._make_class(name, sentences)
            self._tree.expandAll()
        self._edited()

    def choose(self, sentence: str) -> None:
        """Move the cursor to a sentence without reporting it."""
        for item in self._classes():
            for row in _children(item):
                if row.text(0).strip() == sentence:
                    with QSignalBlocker(self._tree):
                        self._tree.setCurrentItem(row)
                    return

    def forget_choice(self) -> None:
        """No row is chosen any more."""
        with QSignalBlocker(self._tree):
            self._tree.clearSelection()
            self._tree.setCurrentIndex(QModelIndex())

    def sentence(self) -> str:
        """The sentence under the cursor; a class's row stands for its first sentence; "" where there is none."""
        item = self._tree.currentItem()
        if item is None:
            return ""
        if item.parent() is None:
            return next((row.text(0).strip() for row in _children(item) if row.text(0).strip()), "")
        return item.text(0).strip()

    def class_of(self, sentence: str) -> str:
        """The class that a sentence stands for, or ""."""
        return next((name for name, sentences in self.prompts().prompts.items() if sentence in sentences), "")

    def first_sentence_of(self, name: str) -> str:
        """A class's first sentence, or ""."""
        return next(iter(self.prompts().prompts.get(name, ())), "")

    def show_scores(self, scores: Mapping[str, float]) -> None:
        """Write each sentence's score beside it; sentences that are not in `scores` get none."""
        with QSignalBlocker(self._tree):
            for item in self._classes():
                for row in _children(item):
                    score = scores.get(row.text(0).strip())
                    row.setText(1, "" if score is None else f"{score:+.2f}")

    def add_class(self) -> None:
        """Add a class with one sentence, and begin to edit its name."""
        with QSignalBlocker(self._tree):
            item = self._make_class(_NEW_CLASS, (_NEW_SENTENCE,))
            item.setExpanded(True)
        self._begin(item)

    def add_sentence(self) -> None:
        """Add a sentence to the chosen class, and begin to edit it."""
        item = self._tree.currentItem()
        if item is None:
            self.add_class()
            return
        with QSignalBlocker(self._tree):
            row = self._make_row(item.parent() or item, _NEW_SENTENCE)
        self._begin(row)

    def remove(self) -> None:
        """Remove the chosen class or sentence."""
        item = self._tree.currentItem()
        if item is None:
            return
        parent = item.parent()
        if parent is None:
            self._tree.takeTopLevelItem(self._tree.indexOfTopLevelItem(item))
        else:
            parent.removeChild(item)
        self._edited()

    def _begin(self, item: QTreeWidgetItem) -> None:
        self._edited()
        self._tree.setCurrentItem(item)
        self._tree.setFocus(Qt.FocusReason.OtherFocusReason)
        self._tree.editItem(item, 0)

    def _make_class(self, name: str, sentences: tuple[str, ...]) -> QTreeWidgetItem:
        item = QTreeWidgetItem(self._tree, [name])
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        font = QFont(self._tree.font())
        font.setBold(True)
        item.setFont(0, font)
        for sentence in sentences:
            self._make_row(item, sentence)
        return item

    def _make_row(self, item: QTreeWidgetItem, sentence: str) -> QTreeWidgetItem:
        row = QTreeWidgetItem(item, [sentence])
        row.setFlags(row.flags() | Qt.ItemFlag.ItemIsEditable)
        row.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.setForeground(1, self.palette().brush(QPalette.ColorRole.PlaceholderText))
        return row

    def _classes(self) -> list[QTreeWidgetItem]:
        items = (self._tree.topLevelItem(i) for i in range(self._tree.topLevelItemCount()))
        return [item for item in items if item is not None]

    def _edited(self) -> None:
        with QSignalBlocker(self._tree):
            for item in self._classes():
                for row in _children(item):
                    row.setToolTip(0, row.text(0))
        names = [item.text(0).strip() for item in self._classes()]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        said = ""
        if twice:
            said = f"There are two classes called “{twice[0]}”; only the first one counts."
        elif "" in names:
            said = "A class without a name does not count."
        elif any(not any(row.text(0).strip() for row in _children(item)) for item in self._classes()):
            said = "A class without a sentence does not count."
        elif len(names) < 2:
            said = "Scores compare classes: two at least are needed."
        self._problem.setText(said)
        self._problem.setVisible(bool(said))
        self.changed.emit()

    def _moved(self, current: QTreeWidgetItem | None, _previous: QTreeWidgetItem | None) -> None:
        if current is not None and self.sentence():
            self.chosen.emit(self.sentence())


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    rows = (item.child(i) for i in range(item.childCount()))
    return [row for row in rows if row is not None]
