"""The film with its edges: what it is above, how it is shown and the line for sentences below; nothing lies over it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from egma_app.capture.dictation import Dictation
from egma_app.capture.recording import Recording
from egma_app.capture.sentence_line import SentenceLine
from egma_app.settings import Preferences, Settings
from egma_app.viewer.image_view import ImageView
from egma_app.viewer.spotlight import Spotlight
from egma_app.widgets.elided import ElidedLabel
from egma_app.widgets.tints import ACCENT, tint

BLUR_DEG = 0.4
"""Standard deviation of the blur around a spotlight: the lungs can still be told from the heart, a finding cannot be made out."""


class FilmPanel(QWidget):
    """A view and the words around it.

    Attributes:
        view: The film.
        line: The line for sentences.
    """

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        """Start without a film."""
        super().__init__(parent)
        self.view = ImageView(preferences)
        self.line = SentenceLine()
        self._title, self._shown_as, self._voice = QLabel(), QLabel(), ElidedLabel()
        for label in (self._title, self._shown_as, self._voice):
            label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._voice.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._voice.setAccessibleName("Dictation")
        below = QHBoxLayout()
        below.setSpacing(24)
        below.addWidget(self._shown_as)
        below.addWidget(self._voice, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._title)
        column.addWidget(self.view, 1)
        column.addLayout(below)
        column.addWidget(self.line)

    @property
    def voice(self) -> str:
        """What it says about dictation now."""
        return self._voice.text()

    def follow(self, recording: Recording, settings: Settings, dictation: Dictation) -> None:
        """Keep the spotlight and the words about dictation as the recording and the settings say."""
        recording.changed.connect(lambda: self._light(recording, settings))
        dictation.changed.connect(lambda: self._say_voice(dictation))
        self._say_voice(dictation)

    def say(self, title: str, remark: str) -> None:
        """Say what the film is, and beside how it is shown something else, if there is a film to say it of."""
        shown_as = self.view.description()
        self._title.setText(title)
        self._shown_as.setText("   ·   ".join(part for part in (shown_as, remark if shown_as else "") if part))

    def _light(self, recording: Recording, settings: Settings) -> None:
        """Put the spotlight on while a reading with the mouse runs, if it is wanted, and note that."""
        session, degrees = recording.session, settings.values.spotlight_deg
        setup = session.setup
        wanted = session.state == "reading" and setup is not None and setup.tracker == "mouse" and degrees > 0.0
        if wanted == (self.view.spotlight is not None):
            return
        if wanted and setup is not None:
            px_per_deg = setup.screen.px_per_deg()
            self.view.set_spotlight(Spotlight(degrees * px_per_deg, BLUR_DEG * px_per_deg))
            session.note("spotlight", f"The film is blurred ({BLUR_DEG:g} deg) but for {degrees:g} deg around the pointer.")
        else:
            self.view.set_spotlight(None)

    def _say_voice(self, dictation: Dictation) -> None:
        hears = dictation.state in ("listening", "hearing")
        self._voice.setText(f"●  {dictation.status}" if hears else dictation.status)
        self._voice.setForegroundRole(QPalette.ColorRole.WindowText if hears else QPalette.ColorRole.PlaceholderText)
        if hears:
            tint(self._voice, ACCENT)
        else:
            self._voice.setPalette(QPalette())
