"""Signing a reading off: the gate is asked first, and a person only where it is not green."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from egma_app.capture.dialogs import DiscardDialog
from egma_app.capture.gate_dialog import GateDialog
from egma_app.capture.recording import Recording
from egma_app.capture.sitting import GateAnswer
from egma_core.errors import EgmaError
from egma_core.recording.gate import GateLimits
from egma_core.store.values import Decision


class SignOff(QObject):
    """Leads a reading to its end.

    Attributes:
        failed: Emitted with the error when the reading cannot be ended now.
        changed: Emitted after the session has been asked for something.
    """

    failed = Signal(object)
    changed = Signal()

    def __init__(self, recording: Recording, parent: QWidget) -> None:
        """Ask over `parent`."""
        super().__init__(parent)
        self._widget = parent
        self._recording = recording
        self._asked = False
        self._dialog: GateDialog | None = None
        self.limits = GateLimits()
        recording.judged.connect(self._judged)
        recording.changed.connect(self._follow)

    def begin(self) -> None:
        """Ask the gate; without anything to answer for, the reading is signed off."""
        if not self._asked:
            self._asked = self._try(self._recording.session.gate)

    def discard(self) -> None:
        """Ask why, and end the reading as discarded."""
        dialog = DiscardDialog(self._widget)
        dialog.decided.connect(lambda reason: self._try(lambda: self._recording.session.discard(reason)))
        dialog.open()

    def _judged(self, answer: GateAnswer) -> None:
        if not self._asked:
            return
        self._asked = False
        if answer.verdict == "green":
            self._try(self._recording.session.sign_off)
            return
        self._dialog = GateDialog(answer, self.limits, self._widget)
        self._dialog.decided.connect(self._decided)
        self._dialog.finished.connect(self._closed)
        self._dialog.open()

    def _decided(self, decision: str, reason: str) -> None:
        self._try(lambda: self._recording.session.sign_off(cast(Decision, decision), reason))

    def _closed(self) -> None:
        self._dialog = None

    def _follow(self) -> None:
        """The reading may have ended by itself: nothing is left to be decided."""
        if self._recording.session.state != "reading":
            self._asked = False
            if self._dialog is not None:
                self._dialog.reject()

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except EgmaError as error:
            self.failed.emit(error)
            return False
        finally:
            self.changed.emit()
        return True
