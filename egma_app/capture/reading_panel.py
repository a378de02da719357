"""What stands beside the film while somebody reads: the buttons, the recording's quality, the sentences, the session."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QPalette
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from egma_app.capture.quality_bar import QualityBar
from egma_app.capture.session import CaptureSession, clock_text
from egma_app.capture.setup import TRACKERS

_BUTTONS = ("capture.start", "capture.sign_off", "capture.next", "capture.discard")


class ReadingPanel(QWidget):
    """Follows a capture session; `refresh` after each of its changes."""

    def __init__(self, session: CaptureSession, actions_by_id: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        """Show a session, with buttons for the workspace's actions."""
        super().__init__(parent)
        self._session = session
        self.quality = QualityBar(session)
        self.sentences = QListWidget()
        self.sentences.setWordWrap(True)
        self.sentences.setSpacing(2)
        self.sentences.setAccessibleName("Sentences of this reading")
        self.sentences.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._heading = QLabel("Sentences")
        self._about = QLabel()
        self._about.setWordWrap(True)
        self._about.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._buttons = {name: _button(actions_by_id[name]) for name in _BUTTONS}
        for button in self._buttons.values():
            column.addWidget(button)
        column.addSpacing(6)
        column.addWidget(self.quality)
        column.addSpacing(6)
        column.addWidget(self._heading)
        column.addWidget(self.sentences, 1)
        column.addWidget(self._about)
        column.addWidget(_button(actions_by_id["capture.session"]))
        self.refresh()

    def refresh(self, *, finished: bool = False) -> None:
        """Show the session as it is now; `finished` if the chosen study's reading has just ended."""
        session = self._session
        main = "capture.sign_off" if session.state in ("reading", "ending") else "capture.next" if finished else "capture.start"
        for name, button in self._buttons.items():
            role = "main" if name == main else ""
            if button.property("role") != role:
                button.setProperty("role", role)
                button.style().unpolish(button)
                button.style().polish(button)
        reading = session.state in ("beginning", "reading", "ending")
        for name, shown in (("start", not reading), ("next", not reading), ("sign_off", reading), ("discard", reading)):
            self._buttons[f"capture.{name}"].setVisible(shown)
        if self.sentences.count() > len(session.sentences):
            self.sentences.clear()
        for said in session.sentences[self.sentences.count() :]:
            item = QListWidgetItem(f"{clock_text((said.onset_ns - session.started_ns) / 1e9)}   {said.text}")
            self.sentences.addItem(item)
            self.sentences.scrollToItem(item)
        self._heading.setText(f"Sentences ({len(session.sentences)})" if session.sentences else "Sentences")
        if session.setup is not None:
            screen = session.setup.screen
            self._about.setText(
                f"{session.setup.reader}, {TRACKERS[session.setup.tracker][0].lower()}, "
                f"{screen.width_mm:g} × {screen.height_mm:g} mm at {screen.distance_mm:g} mm"
            )
        self.quality.refresh()


def _button(action: QAction) -> QPushButton:
    """A wide button for an action, with its shortcut in the tip."""
    button = QPushButton(action.icon(), action.text())
    button.setToolTip(action.toolTip())
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setEnabled(action.isEnabled())
    button.clicked.connect(action.trigger)
    action.enabledChanged.connect(button.setEnabled)
    return button
