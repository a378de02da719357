"""The report of a set-up: how well gaze is known, by eye and by target, attempt by attempt, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QHeaderView, QLabel, QPushButton, QTableView, QVBoxLayout, QWidget

from egma_app.capture.calibration.advice import degrees, grade, place_words, share, verdict
from egma_app.capture.calibration.attempt import Attempt, Attempts
from egma_app.capture.calibration.picture import LookPicture
from egma_app.widgets.labels import quiet_label
from egma_app.widgets.tables import Column, RecordTable
from egma_app.widgets.tints import WARNING, tint
from egma_core.geometry import Screen

_MOST_ROWS = 6
_EYES = {"left": "Left eye", "right": "Right eye", "average": "Both together"}
_MEASURES: dict[str, tuple[str, Callable[[Any], str], str]] = {
    "accuracy_deg": ("Accuracy", degrees, "Angle between the target and the mean direction of gaze."),
    "rms_s2s_deg": ("RMS-S2S", degrees, "Precision: root mean square of the distances from sample to sample."),
    "std_deg": ("STD", degrees, "Precision: standard deviation of gaze about its mean."),
    "bcea_deg2": ("BCEA", lambda value: degrees(value) + ("²" if value is not None else ""), "Precision: area that holds 68 % of gaze."),
    "loss": ("Lost", share, "Share of the samples in which the eye was not seen."),
}


@dataclass(frozen=True)
class _Row:
    """One line of the list of targets; `index` is None for all of them together."""

    index: int | None
    name: str
    figures: Mapping[str, Any]


class Measures(QWidget):
    """All measures of both eyes, at one target or overall."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Show dashes."""
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(6)
        self._caption = QLabel()
        grid.addWidget(self._caption, 0, 0)
        for column, (title, _, meaning) in enumerate(_MEASURES.values(), start=1):
            label = quiet_label(title)
            label.setWordWrap(False)
            label.setToolTip(meaning)
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(label, 0, column)
        self._cells: dict[tuple[str, str], QLabel] = {}
        for row, (eye, title) in enumerate(_EYES.items(), start=1):
            grid.addWidget(QLabel(title), row, 0)
            for column, measure in enumerate(_MEASURES, start=1):
                cell = QLabel("–")
                cell.setAlignment(Qt.AlignmentFlag.AlignRight)
                grid.addWidget(cell, row, column)
                self._cells[eye, measure] = cell
        grid.setColumnStretch(0, 1)

    def show_figures(self, caption: str, figures: Mapping[str, Any]) -> None:
        """Show the figures of each eye under a caption."""
        self._caption.setText(caption)
        for (eye, measure), cell in self._cells.items():
            cell.setText(_MEASURES[measure][1](figures[eye][measure]))

    def text(self, eye: str, measure: str) -> str:
        """What a cell says."""
        return self._cells[eye, measure].text()


class ReportPage(QWidget):
    """Shows attempts and asks what to do.

    Attributes:
        accepted: Emitted with the `Attempt` to work with.
        chosen: Emitted with an earlier `Attempt` to go back to, without being done.
        again: Emitted with the target to look at again.
        all_again: Emitted to look at all targets again.
        calibrate_again: Emitted to begin anew.
        left: Emitted to leave without a choice.
    """

    accepted = Signal(object)
    chosen = Signal(object)
    again = Signal(object)
    all_again = Signal()
    calibrate_again = Signal()
    left = Signal()

    def __init__(self, screen: Screen, parent: QWidget | None = None) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self._in_force: Attempt | None = None
        self._may_look_again = self._calibrates = self._goes_back = False
        self.picture = LookPicture(screen)
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        font = QFont(self.verdict.font())
        font.setPointSizeF(font.pointSizeF() * 1.3)
        self.verdict.setFont(font)
        self.note = quiet_label()
        self.measures = Measures()
        self.targets: RecordTable[_Row] = RecordTable("Targets", _target_columns())
        self.attempts: RecordTable[Attempt] = RecordTable("Attempts", self._attempt_columns())
        self.keep = _button("Keep this calibration   Space", main=True)
        self.redo = _button("")
        self.calibrate = _button("Calibrate again   C")
        self.leave = _button("Back   Esc")
        self._lay_out()
        self._connect()

    # -- what is shown

    def show_attempts(self, attempts: Attempts, note: str, *, calibrates: bool, goes_back: bool) -> None:
        """Show all attempts, the best that can be had chosen.

        Args:
            attempts: What came out.
            note: What else there is to say, or "".
            calibrates: Whether the tracker is calibrated here.
            goes_back: Whether the tracker can go back to an earlier calibration.
        """
        self._in_force, self._may_look_again = attempts.in_force, attempts.may_look_again
        self._calibrates, self._goes_back = calibrates, goes_back
        best = attempts.best if goes_back else None
        if best is not None and attempts.in_force is not None and best is not attempts.in_force:
            note = f"{note} Attempt {best.number} was better: Space goes back to it.".strip()
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.attempts.show_records(attempts.all)
        self.attempts.setVisible(len(attempts.all) > 1)
        _fit_rows(self.attempts, min(len(attempts.all), _MOST_ROWS))
        wanted = best or attempts.in_force or (attempts.all[-1] if attempts.all else None)
        self.attempts.choose(lambda attempt: attempt is wanted)
        self._show(wanted)

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that is shown."""
        return self.attempts.current()

    @property
    def target(self) -> int | None:
        """The index of the chosen target, or None for all."""
        row = self.targets.current()
        return None if row is None else row.index

    def choose_target(self, index: int) -> None:
        """Choose a target."""
        self.targets.choose(lambda row: row.index == index)

    def _show(self, attempt: Attempt | None) -> None:
        if attempt is None:
            return
        figures = attempt.figures
        self.verdict.setText(verdict(figures))
        self.verdict.setPalette(QPalette())
        if grade(figures) != "good":
            tint(self.verdict, WARNING)
        rows = [_Row(None, "All targets", figures)]
        rows += [_Row(n, place_words(_pair(p["point"])).capitalize(), p) for n, p in enumerate(figures["points"])]
        self.targets.show_records(rows)
        self.targets.choose(lambda row: row.index is None)
        _fit_rows(self.targets, len(rows))
        self._show_target(rows[0])

    def _show_target(self, row: _Row) -> None:
        attempt = self.attempt
        if attempt is None:
            return
        self.measures.show_figures("On average" if row.index is None else row.name, row.figures)
        self.picture.show_looks(attempt.looks, row.index)
        current = attempt is self._in_force
        self.keep.setEnabled(current or self._goes_back)
        which = "all targets" if row.index is None else "this target"
        self.redo.setText(f"Look again at {which}   R")
        self.redo.setToolTip("Choose one target in the list or in the picture to look at that one alone.")
        self.redo.setEnabled(current and (row.index is None or self._may_look_again))
        self.calibrate.setVisible(self._calibrates)

    # -- what a person does

    def press_keep(self) -> None:
        """Work with the attempt shown."""
        if self.keep.isEnabled() and self.attempt is not None:
            self.accepted.emit(self.attempt)

    def press_redo(self) -> None:
        """Look again at the chosen target; without one, at all of them."""
        attempt, index = self.attempt, self.target
        if attempt is None or not self.redo.isEnabled():
            return
        if index is None:
            self.all_again.emit()
        else:
            self.again.emit(_pair(attempt.figures["points"][index]["point"]))

    def _connect(self) -> None:
        self.targets.chosen.connect(self._show_target)
        self.attempts.chosen.connect(self._show)
        self.attempts.setToolTip("A double click goes back to an attempt.")
        self.attempts.opened.connect(lambda attempt: self.chosen.emit(attempt) if self._goes_back else None)
        self.picture.chosen.connect(self.choose_target)
        self.keep.clicked.connect(self.press_keep)
        self.redo.clicked.connect(self.press_redo)
        self.calibrate.clicked.connect(self.calibrate_again)
        self.leave.clicked.connect(self.left)

    # -- building

    def _attempt_columns(self) -> tuple[Column[Attempt], ...]:
        return (
            Column("Attempt", lambda a: f"{a.number}, in force" if a is self._in_force else str(a.number), key=lambda a: a.number),
            Column("Both", lambda a: degrees(a.figures["average"]["accuracy_deg"]), key=lambda a: a.accuracy_deg, number=True),
            Column("Worst", lambda a: degrees(a.figures["average"]["worst_deg"]), number=True),
            Column("Lost", lambda a: share(a.figures["average"]["loss"]), number=True),
        )

    def _lay_out(self) -> None:
        side = QVBoxLayout()
        side.setSpacing(12)
        for widget in (self.verdict, self.note, self.measures, self.targets, self.attempts):
            side.addWidget(widget)
        side.addStretch(1)
        for table in (self.targets, self.attempts):
            table.horizontalHeader().setStretchLastSection(False)
            table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        buttons = QGridLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.keep, 0, 0, 1, 2)
        buttons.addWidget(self.redo, 1, 0, 1, 2)
        buttons.addWidget(self.calibrate, 2, 0)
        buttons.addWidget(self.leave, 2, 1)
        side.addLayout(buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(36, 36, 36, 36)
        row.setSpacing(32)
        row.addWidget(self.picture, 5)
        row.addLayout(side, 3)


def _target_columns() -> tuple[Column[_Row], ...]:
    def accuracy(eye: str) -> Callable[[_Row], str]:
        return lambda row: degrees(row.figures[eye]["accuracy_deg"])

    return (
        Column("Target", lambda row: row.name, key=lambda row: -1 if row.index is None else row.index),
        Column("Left", accuracy("left"), help="Accuracy of the left eye.", number=True),
        Column("Right", accuracy("right"), help="Accuracy of the right eye.", number=True),
        Column("Both", accuracy("average"), help="Accuracy of both eyes together.", number=True),
        Column("Lost", lambda row: share(row.figures["average"]["loss"]), help="Share of the samples without an eye.", number=True),
    )


def _button(text: str, *, main: bool = False) -> QPushButton:
    button = QPushButton(text)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if main:
        button.setProperty("role", "main")
    return button


def _fit_rows(table: QTableView, n: int) -> None:
    """As high as its rows."""
    rows = n * table.verticalHeader().defaultSectionSize()
    table.setFixedHeight(table.horizontalHeader().sizeHint().height() + rows + 2 * table.frameWidth() + 2)


def _pair(point: Any) -> tuple[float, float]:
    return float(point[0]), float(point[1])
