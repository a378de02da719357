"""A reader's consent to be recorded: asked once, kept in the library with the wording that was agreed to."""

from __future__ import annotations

import functools
import hashlib
from datetime import datetime, timezone

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from egma_core.assets import resource
from egma_core.store.values import Consent

_EDITION = "1"


@functools.cache
def consent_text() -> str:
    """What a reader is asked to agree to, as Markdown."""
    return resource("consent", "reader.md").read_text(encoding="utf-8")


def consent_version() -> str:
    """Which wording that is: its edition, and a digest that no change of a word escapes."""
    return f"{_EDITION}-{hashlib.sha256(consent_text().encode('utf-8')).hexdigest()[:12]}"


def must_ask(consent: Consent | None, *, voice: bool) -> bool:
    """Whether a reader has to be asked before a recording: never asked, refused, or asked for less, or for another wording."""
    if consent is None or consent.text_version != consent_version():
        return True
    return not consent.covers("gaze") or (voice and not consent.covers("voice"))


class ConsentDialog(QDialog):
    """Shows what is recorded and asks whether the reader agrees.

    Attributes:
        answered: Emitted with the `Consent`, given or not. Closing the dialog answers nothing.
    """

    answered = Signal(object)

    def __init__(self, reader: str, parent: QWidget | None = None, *, voice: bool) -> None:
        """Ask `reader`; the voice is asked for only where a microphone is chosen."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Consent of {reader}")
        self.resize(660, 400)
        text = QTextBrowser()
        text.setMarkdown(consent_text())
        text.document().setDocumentMargin(12)
        text.setAccessibleName("What is recorded")
        self.voice = QCheckBox("My voice may be recorded and turned into text")
        self.voice.setVisible(voice)
        self.sharing = QCheckBox("My recordings may be shared with other researchers, without my name")
        buttons = QDialogButtonBox()
        self.agree = buttons.addButton("I agree", QDialogButtonBox.ButtonRole.AcceptRole)
        self.agree.setProperty("role", "main")
        self.agree.setAutoDefault(False)
        self.refuse = buttons.addButton("I do not agree", QDialogButtonBox.ButtonRole.DestructiveRole)
        self.agree.clicked.connect(lambda: self._answer(given=True))
        self.refuse.clicked.connect(lambda: self._answer(given=False))
        column = QVBoxLayout(self)
        column.setSpacing(10)
        for widget in (text, self.voice, self.sharing, buttons):
            column.addWidget(widget)

    def _answer(self, *, given: bool) -> None:
        scope = ["gaze"] if given else []
        scope += ["voice"] if given and self.voice.isChecked() else []
        scope += ["sharing"] if given and self.sharing.isChecked() else []
        self.answered.emit(Consent(datetime.now(timezone.utc), consent_version(), tuple(scope), given))
        self.accept()
