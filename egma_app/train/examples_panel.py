"""The data set in the Train workspace: its numbers, and the choice of origins where a library holds several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from egma_app import jobs
from egma_app.messages import words as in_words
from egma_app.train.data_set import Origins, Summary, Survey, derive_missing, needs_choice, summarise, survey
from egma_app.widgets.tints import WARNING, tint
from egma_app.widgets.words import count_text, gaze_words, text_words
from egma_app.workspace import Library

_CHOICE_MS = 250


class _OriginChoice(QWidget):
    """A check box an origin; hidden while there is nothing to choose."""

    changed = Signal()

    def __init__(self, what: str, counted: tuple[str, str], words: Callable[[str], str], parent: QWidget) -> None:
        super().__init__(parent)
        self._words = words
        self._counted = counted
        self._boxes: dict[str, QCheckBox] = {}
        label = QLabel(f"The library holds {what} of several origins. Choose one, or several to mix them on purpose:", self)
        label.setWordWrap(True)
        tint(label, WARNING)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 4, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(label)
        self.hide()

    def offer(self, counts: Counter[str]) -> None:
        if set(counts) != set(self._boxes):
            for box in self._boxes.values():
                box.deleteLater()
            self._boxes.clear()
            for origin in sorted(counts):
                box = QCheckBox(self)
                box.toggled.connect(lambda _on: self.changed.emit())
                self._boxes[origin] = box
                self._column.addWidget(box)
        for origin, box in self._boxes.items():
            with QSignalBlocker(box):
                box.setText(f"{self._words(origin)} ({count_text(counts[origin], *self._counted)})")
        self.setVisible(len(counts) > 1)

    def chosen(self) -> tuple[str, ...]:
        return tuple(origin for origin, box in self._boxes.items() if box.isChecked())


class ExamplesPanel(QWidget):
    """Shows what a run would be trained on.

    Attributes:
        changed: Emitted when the numbers, or whether there are any, have changed.
        summary: The data set's numbers, or None while they are not known or there is no data set.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start without a library."""
        super().__init__(parent)
        self.summary: Summary | None = None
        self._library: Library | None = None
        self._round = 0
        self._counted: Survey | None = None
        self._said = QLabel(self)
        self._said.setWordWrap(True)
        self._said.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._gaze = _OriginChoice("gaze", ("reading", "readings"), gaze_words, self)
        self._text = _OriginChoice("words", ("reading or report", "readings or reports"), text_words, self)
        self._cells: dict[str, QLabel] = {}
        self._numbers = self._make_numbers()
        heading = QLabel("Examples", self)
        font = QFont(self.font())
        font.setBold(True)
        heading.setFont(font)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (heading, self._numbers, self._said, self._gaze, self._text):
            layout.addWidget(widget)
        self._settle = QTimer(self, singleShot=True, interval=_CHOICE_MS)
        self._settle.timeout.connect(self._summarise)
        for choice in (self._gaze, self._text):
            choice.changed.connect(self._settle.start)
        self._show(None, "")

    def _make_numbers(self) -> QWidget:
        numbers = QWidget(self)
        grid = QGridLayout(numbers)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        for row, name in enumerate(("Examples", "Splits", "Sentences", "Gaze", "Words", "Left out")):
            caption = QLabel(name, numbers)
            caption.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            value = QLabel(numbers)
            value.setWordWrap(True)
            value.setAccessibleName(name)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._cells[name] = value
            grid.addWidget(caption, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
        grid.setColumnStretch(1, 1)
        return numbers

    @property
    def text(self) -> str:
        """What it says now, numbers and words."""
        cells = [f"{name}: {label.text()}" for name, label in self._cells.items() if self._numbers.isVisibleTo(self)]
        return " ".join([*cells, self._said.text()]).strip()

    def origins(self) -> Origins:
        """The origins chosen; none stand for the only one there is."""
        return Origins(self._gaze.chosen(), self._text.chosen())

    def show_library(self, library: Library | None) -> None:
        """Count a library's examples in the background, working out missing gaze maps first."""
        self._library = library
        self._round += 1
        this_round = self._round
        if library is None:
            self._show(None, "")
            return
        self._show(self.summary, "Counting…")

        def moved(done: int, total: int, _what: str) -> None:
            self._say(this_round, f"Working out gaze maps: {done} of {total} readings…")

        progress = jobs.Progress(self, moved)

        def derived(_changes: object) -> None:
            jobs.run(self, lambda: survey(library.store), counted, self._failed)

        def counted(found: Survey) -> None:
            if this_round == self._round:
                self._counted = found
                self._gaze.offer(found.gaze)
                self._text.offer(found.words)
                self._summarise()

        library.write(self, lambda store: derive_missing(store, progress.report), derived, self._failed)

    def _summarise(self) -> None:
        library, found, this_round, chosen = self._library, self._counted, self._round, self.origins()
        if library is None or found is None:
            return
        if needs_choice(found.gaze, chosen.gaze) or needs_choice(found.words, chosen.words):
            self._show(None, "")
            return

        def done(summary: Summary) -> None:
            if this_round == self._round and chosen == self.origins():
                self._show(summary, "")

        jobs.run(self, lambda: summarise(library.store, chosen), done, self._failed)

    def _failed(self, error: BaseException) -> None:
        said = in_words(error)
        self._show(None, f"{said.what} {said.remedy}")

    def _say(self, this_round: int, text: str) -> None:
        if this_round == self._round:
            self._said.setText(text)

    def _show(self, summary: Summary | None, said: str) -> None:
        self.summary = summary
        self._said.setText(said)
        self._said.setVisible(bool(said))
        self._numbers.setVisible(summary is not None)
        if summary is not None:
            texts = {
                "Examples": f"{count_text(summary.examples, 'example')} of {count_text(summary.patients, 'patient')}",
                "Splits": ", ".join(f"{split} {n:,}" for split, n, _ in summary.splits) + " (no patient in two)",
                "Sentences": f"{summary.sentences:,}, {summary.with_gaze:,} of them with gaze",
                "Gaze": ", ".join(gaze_words(origin) for origin in sorted(summary.gaze)) or "none",
                "Words": ", ".join(text_words(origin) for origin in sorted(summary.words)),
                "Left out": f"{count_text(summary.films_without, 'film')} without sentences" if summary.films_without else "nothing",
            }
            for name, text in texts.items():
                self._cells[name].setText(text)
        self.changed.emit()
