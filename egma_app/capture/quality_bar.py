"""How the recording does, in one quiet line: for how long, how fast, how much is lost, and up to when it is safe."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from egma_app.capture.session import CaptureSession, clock_text
from egma_app.widgets.tints import WARNING, tint

SILENT_S = 2.0
"""Longer than this without a word from the capture process, and the line says so."""

HIGH_LOSS = 0.2
"""A larger share of recent samples without an eye is worth a look at how the reader sits."""


class QualityBar(QWidget):
    """Shows a capture session's recording; refreshes itself four times a second."""

    def __init__(self, session: CaptureSession, parent: QWidget | None = None, *, now_ns: Callable[[], int] = perf_counter_ns) -> None:
        """Follow a session.

        Args:
            session: What to follow.
            parent: Where it lies.
            now_ns: The host clock.
        """
        super().__init__(parent)
        self._session = session
        self._now_ns = now_ns
        self._heading = QLabel()
        self._figures = QLabel()
        self._safety = QLabel()
        self.setAccessibleName("Recording quality")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for label in (self._heading, self._figures, self._safety):
            label.setWordWrap(True)
            column.addWidget(label)
        self._timer = QTimer(self)
        self._timer.setInterval(250)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self.refresh()

    @property
    def text(self) -> str:
        """What it says now."""
        return " ".join(label.text() for label in (self._heading, self._figures, self._safety) if label.text())

    def refresh(self) -> None:
        """Say how the recording stands now."""
        session, quality = self._session, self._session.quality
        if session.state not in ("reading", "ending"):
            self._say("Not recording", "", "", warn=False)
            return
        now_ns = self._now_ns()
        heading = f"●  Recording  {clock_text((now_ns - session.started_ns) / 1e9)}"
        heard_ns = quality.now_ns if quality else session.started_ns
        silent_s = (now_ns - heard_ns) / 1e9
        if quality is None:
            figures, safety, warn = "", "Waiting for the first samples", silent_s > SILENT_S
        else:
            figures = f"{quality.rate_hz:.0f} samples/s,  {quality.loss:.0%} lost"
            safety = f"Safe up to {clock_text((quality.safe_up_to_ns - session.started_ns) / 1e9)}"
            warn = quality.loss > HIGH_LOSS
            figures += "  – check how the reader sits" if warn and session.setup and session.setup.tracker != "mouse" else ""
        if silent_s > SILENT_S:
            safety += f", but the recorder has been silent for {silent_s:.0f} s"
            warn = True
        self._say(heading, figures, safety, warn=warn)

    def _say(self, heading: str, figures: str, safety: str, *, warn: bool) -> None:
        self._heading.setText(heading)
        for label, text in ((self._figures, figures), (self._safety, safety)):
            label.setText(text)
            label.setVisible(bool(text))
            if warn:
                tint(label, WARNING)
            else:
                label.setPalette(QPalette())
