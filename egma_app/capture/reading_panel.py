"""What stands beside the film while somebody reads: the buttons, the recording's quality, the sentences, the session."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from egma_app.capture.conduct import Conduct
from egma_app.capture.preview_panel import PreviewPanel
from egma_app.capture.quality_bar import QualityBar
from egma_app.capture.sentence_panel import SentencePanel
from egma_app.capture.trackers import tracker_title
from egma_app.widgets.labels import quiet_label

_BUTTONS = ("capture.start", "capture.sign_off", "capture.next", "capture.discard")
_CALIBRATION = ("capture.calibrate", "capture.drift")


class ReadingPanel(QWidget):
    """Follows a sitting; `refresh` after each of its changes.

    Attributes:
        quality: How the recording does.
        sentences: What was said.
        preview: What was said last and, on wish, where the eyes were; hidden by default.
    """

    def __init__(
        self, conduct: Conduct, preview: PreviewPanel, actions_by_id: Mapping[str, QAction], parent: QWidget | None = None
    ) -> None:
        """Show a sitting, with buttons for the workspace's actions."""
        super().__init__(parent)
        self._conduct = conduct
        self._session = conduct.session
        self.quality = QualityBar(self._session)
        self.sentences = SentencePanel(self._session)
        self.preview = preview
        self._heading = QLabel("Sentences")
        self._advice, self._about = quiet_label(), quiet_label()
        self._buttons = {name: _button(actions_by_id[name]) for name in (*_BUTTONS, *_CALIBRATION)}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for name in _BUTTONS:
            column.addWidget(self._buttons[name])
        row = QHBoxLayout()
        row.setSpacing(8)
        for name in _CALIBRATION:
            row.addWidget(self._buttons[name])
        column.addLayout(row)
        column.addWidget(self._advice)
        column.addSpacing(6)
        column.addWidget(self.quality)
        column.addSpacing(6)
        heading = QHBoxLayout()
        heading.addWidget(self._heading, 1)
        heading.addWidget(_link(actions_by_id["capture.preview"]))
        column.addLayout(heading)
        column.addWidget(self.sentences, 1)
        column.addWidget(preview, 1)
        column.addWidget(self._about)
        session = QHBoxLayout()
        session.setSpacing(8)
        for name in ("capture.session", "capture.end_session"):
            session.addWidget(_button(actions_by_id[name]))
        column.addLayout(session)
        self.refresh()

    @property
    def about(self) -> str:
        """What it says of the sitting."""
        return self._about.text()

    def refresh(self) -> None:
        """Show the sitting as it is now."""
        session = self._session
        reading = session.state in ("beginning", "reading", "ending")
        finished = bool(self._conduct.finished)
        main = "capture.sign_off" if reading else "capture.next" if finished else "capture.start"
        for name in _BUTTONS:
            _set_main(self._buttons[name], name == main)
        for name, shown in (("start", not reading), ("next", not reading), ("sign_off", reading), ("discard", reading)):
            self._buttons[f"capture.{name}"].setVisible(shown)
        gaze = session.setup is not None and session.setup.is_gaze
        for name in _CALIBRATION:
            self._buttons[name].setVisible(not reading and gaze)
        advice = "" if reading or not gaze else self._conduct.standing.advice
        self._advice.setText(advice)
        self._advice.setVisible(bool(advice))
        self.sentences.refresh()
        n = len(self.sentences.texts)
        self._heading.setText(f"Sentences ({n})" if n else "Sentences")
        self._about.setText(self._words())
        self.quality.refresh()

    def _words(self) -> str:
        """Who reads, with what, where, how well set up."""
        setup, station = self._session.setup, self._session.station
        if setup is None:
            return ""
        screen = setup.screen
        rate = f" at {station.rate_hz:g} per second" if station is not None and station.rate_hz and setup.is_gaze else ""
        parts = [
            setup.reader,
            f"{tracker_title(setup.tracker)}{rate}",
            f"{screen.width_mm:g} × {screen.height_mm:g} mm at {screen.distance_mm:g} mm",
        ]
        if setup.is_gaze:
            parts.append(self._conduct.standing.words or "not calibrated here")
        if station is not None and station.microphone:
            parts.append(f"voice from {station.microphone}")
        if setup.protocol_name:
            parts.append(f"study protocol “{setup.protocol_name}”")
        return "\n".join(parts)


def _set_main(button: QPushButton, main: bool) -> None:
    role = "main" if main else ""
    if button.property("role") != role:
        button.setProperty("role", role)
        button.style().unpolish(button)
        button.style().polish(button)


def _button(action: QAction) -> QPushButton:
    """A wide button for an action, with its shortcut in the tip."""
    button = QPushButton(action.icon(), action.text())
    button.setToolTip(action.toolTip())
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setEnabled(action.isEnabled())
    button.clicked.connect(action.trigger)
    action.enabledChanged.connect(button.setEnabled)
    action.changed.connect(lambda: button.setToolTip(action.toolTip()))
    return button


def _link(action: QAction) -> QToolButton:
    """A quiet button for an action."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
