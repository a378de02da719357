"""The run as it goes: how far, how fast, how the loss falls, and how long still."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from egma_app.widgets.plots import LiveCurves
from egma_app.widgets.words import count_text, duration_text

TERMS = {"loss": "total", "fine_grained": "fine-grained", "gaze": "gaze", "mapping": "mapping", "global": "global"}
"""The loss terms of a `step` event, and what the curves call them."""

FIGURES = {
    "retrieval_mrr": "report finds its film (MRR)",
    "pointing": "points where the reader looked",
    "pointing_chance": "… by chance",
}
"""The shares of an `evaluation` event that are drawn, and what the curves call them."""

_NUMBERS = {
    "step": ("Step", "Optimiser steps done, of all"),
    "eta_s": ("Time left", "At the present speed"),
    "examples_per_s": ("Examples/s", "Films that went through the model in a second"),
    "learning_rate": ("Learning rate", "Warms up, then falls along a cosine"),
    "temperature": ("Temperature", "Learned: the loss sees each cosine divided by it"),
}


class RunMonitor(QWidget):
    """Shows the events of one run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start with nothing to show."""
        super().__init__(parent)
        self._state = QLabel(self)
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.2)
        self._state.setFont(font)
        self._state.setWordWrap(True)
        self._setting = QLabel(self)
        self._setting.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._progress = QProgressBar(self)
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(8)
        self._progress.setAccessibleName("Progress of the run")
        self._values: dict[str, QLabel] = {}
        figures = QGridLayout()
        figures.setHorizontalSpacing(24)
        figures.setVerticalSpacing(0)
        for column, (key, (title, tip)) in enumerate(_NUMBERS.items()):
            caption = QLabel(title, self)
            caption.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            caption.setToolTip(tip)
            value = QLabel("–", self)
            value.setToolTip(tip)
            value.setAccessibleName(title)
            self._values[key] = value
            figures.addWidget(caption, 0, column)
            figures.addWidget(value, 1, column)
            figures.setColumnStretch(column, 1)
        self._losses = LiveCurves("Loss, term by term", "step", "loss", parent=self)
        self._validation = LiveCurves("On the validation patients", "step", "share", parent=self)
        self._validation.hide()
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(self._state)
        layout.addWidget(self._setting)
        layout.addWidget(self._progress)
        layout.addLayout(figures)
        layout.addWidget(self._losses, 3)
        layout.addWidget(self._validation, 2)

    @property
    def losses(self) -> LiveCurves:
        """The loss curves."""
        return self._losses

    @property
    def state(self) -> str:
        """What the heading says."""
        return self._state.text()

    def value(self, key: str) -> str:
        """What is shown for one figure of the `step` event."""
        return self._values[key].text()

    def clear(self, state: str) -> None:
        """Forget the last run's curves and say what is going on now."""
        self._losses.clear()
        self._validation.clear()
        self._validation.hide()
        for label in self._values.values():
            label.setText("–")
        self._progress.setRange(0, 0)
        self._setting.clear()
        self.say(state)

    def say(self, state: str) -> None:
        """Say where the run stands."""
        self._state.setText(state)

    def rest(self) -> None:
        """The run is over: the bar stays where it is."""
        if self._progress.maximum() == 0:
            self._progress.setRange(0, 1)
            self._progress.setValue(0)

    def start(self, event: Mapping[str, Any]) -> None:
        """Show the `start` event: what is trained, on what."""
        machine = f"{event['device']}, {count_text(int(event['threads']), 'thread')}"
        model = f"{int(event['weights']) / 1e6:.2f} million weights"
        examples = f"{count_text(int(event['examples']), 'example')} to train on, {int(event['validation_examples']):,} for validation"
        self._setting.setText("  ·  ".join((machine, model, examples)))
        self.say(f"Training {event['run']}")

    def step(self, event: Mapping[str, Any]) -> None:
        """Show one `step` event."""
        step, steps = int(event["step"]), int(event["steps"])
        self._progress.setRange(0, steps)
        self._progress.setValue(step)
        for key, name in TERMS.items():
            if key in event:
                self._losses.add(name, step, _number(event[key]))
        self._values["step"].setText(f"{step:,} of {steps:,}")
        self._values["eta_s"].setText(duration_text(float(event["eta_s"])))
        self._values["examples_per_s"].setText(f"{float(event['examples_per_s']):.1f}")
        self._values["learning_rate"].setText(f"{float(event['learning_rate']):.2e}")
        self._values["temperature"].setText(f"{float(event['temperature']):.4f}")

    def evaluation(self, event: Mapping[str, Any]) -> None:
        """Show one `evaluation` event; without validation patients it holds no figures."""
        for key, name in FIGURES.items():
            if key in event:
                self._validation.add(name, int(event["step"]), _number(event[key]))
                self._validation.show()


def _number(value: Any) -> float:
    """A JSON number; a term that did not apply (null) or overflowed leaves a gap."""
    return float(value) if isinstance(value, int | float) else math.nan
