"""The line in which a reader types what is seen: one sentence at a time, with the times of its first and last key."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from egma_app.capture.session import SaidSentence

_HINT = "Type what you see; Return keeps the sentence, Esc goes back to the film"


class SentenceLine(QLineEdit):
    """Keeps the onset (first key) and offset (last key) of what is being typed.

    Attributes:
        said: Emitted with a `SaidSentence` when Return is pressed on words.
    """

    said = Signal(object)

    def __init__(self, parent: QWidget | None = None, *, now_ns: Callable[[], int] = perf_counter_ns) -> None:
        """Start empty.

        Args:
            parent: Where it lies.
            now_ns: The host clock.
        """
        super().__init__(parent)
        self._now_ns = now_ns
        self._onset_ns: int | None = None
        self._offset_ns = 0
        self.setAccessibleName("Sentence")
        self.setMaxLength(2000)
        self.textEdited.connect(self._edited)
        self.returnPressed.connect(self.keep)

    def keep(self) -> None:
        """End the sentence, if there are words."""
        text = " ".join(self.text().split())
        onset_ns = self._onset_ns
        self.forget()
        if text and onset_ns is not None:
            self.said.emit(SaidSentence(text, onset_ns, self._offset_ns))

    def forget(self) -> None:
        """Throw away what is typed."""
        self.clear()
        self._onset_ns = None

    def changeEvent(self, event: QEvent) -> None:
        """Say how it is used only while it can be used."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.setPlaceholderText(_HINT if self.isEnabled() else "")

    def _edited(self, text: str) -> None:
        now_ns = self._now_ns()
        if not text.strip():
            self._onset_ns = None
        elif self._onset_ns is None:
            self._onset_ns = now_ns
        self._offset_ns = now_ns
