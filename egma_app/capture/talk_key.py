"""The key that dictates: held, for as long as it is held; pressed briefly, until it is pressed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent

HOLD_MS = 400
"""A key let go later than this was held."""

_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Control, Qt.Key.Key_Meta)


class TalkKey(QObject):
    """Watches the keys from `down` on, since a shortcut tells when it is pressed and never when it is let go.

    Attributes:
        let_go: Emitted when the key is let go after it was held.
        repeats: Whether the key is down and repeats itself, so that a shortcut that fires again means nothing.
    """

    let_go = Signal()

    def __init__(self, now_ns: Callable[[], int], parent: QObject) -> None:
        """Watch nothing yet.

        Args:
            now_ns: The host clock.
            parent: The owner.
        """
        super().__init__(parent)
        self._now_ns = now_ns
        self._since_ns = 0
        self.repeats = False

    def down(self) -> None:
        """The shortcut has fired: watch until `up`."""
        self._since_ns = self._now_ns()
        application = QCoreApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def up(self) -> None:
        """Watch no longer."""
        self.repeats = False
        application = QCoreApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See repetitions, and the key being let go."""
        kind = event.type()
        if kind in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            self.repeats = self.repeats or cast(QKeyEvent, event).isAutoRepeat()
        elif kind == QEvent.Type.KeyRelease:
            key = cast(QKeyEvent, event)
            if key.key() in _KEYS and not key.isAutoRepeat():
                self.repeats = False
                if self._now_ns() - self._since_ns > HOLD_MS * 1_000_000:
                    self.let_go.emit()
        return super().eventFilter(watched, event)
