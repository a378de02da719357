"""Errors put into words for a person: a quiet banner in the window, a dialog, and the hook for what nobody caught."""

from __future__ import annotations

import logging
import logging.handlers
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMessageBox, QPushButton, QToolButton, QVBoxLayout, QWidget

from egma_app.settings import settings_path
from egma_core.errors import EgmaError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """What a person is told.

    Attributes:
        what: One sentence: what happened, to which thing.
        remedy: One sentence: what to do about it; may be empty.
    """

    what: str
    remedy: str = ""


def words(error: BaseException) -> Message:
    """Put an error into words. One outside the project's own tree is a defect of ours: it is logged, and said to be one."""
    if isinstance(error, EgmaError):
        return Message(error.what, error.remedy)
    if isinstance(error, MemoryError):
        return Message("The computer's memory is not enough for this.", "Close other programs, or choose something smaller.")
    if isinstance(error, OSError) and error.strerror:
        return Message(f"The operating system refused a file or folder: {error.strerror}.", "Check that it exists and that you may use it.")
    _log.error("unexpected %s", outline(error))
    return Message(
        "Something went wrong inside the program; nothing that was recorded is lost.",
        f"Please report it, with the file {log_path()}: it holds no patient data.",
    )


def outline(error: BaseException) -> str:
    """Where an error came from: its type and its places in the code, without its text, which could name a patient."""
    places = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    return f"{type(error).__name__} at {' > '.join(places) or 'an unknown place'}"


def show(parent: QWidget | None, error: BaseException) -> None:
    """Say what went wrong in a dialog: for the moments when nothing can go on before it is read."""
    message = words(error)
    box = QMessageBox(QMessageBox.Icon.Warning, "EGMA", message.what, QMessageBox.StandardButton.Ok, parent)
    box.setInformativeText(message.remedy)
    box.exec()


class Banner(QFrame):
    """A line at the top of a workspace that says one thing quietly and can be put away; hidden while it has nothing to say.

    Attributes:
        action_chosen: Emitted when the person presses the banner's button.
    """

    action_chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__(parent)
        self.setObjectName("banner")
        self._what = QLabel()
        self._remedy = QLabel()
        self._remedy.setObjectName("bannerRemedy")
        for label in (self._what, self._remedy):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button = QPushButton(self)
        self._button.clicked.connect(self.action_chosen)
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip("Put this message away")
        close.setAccessibleName("Put this message away")
        close.clicked.connect(self.clear)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(self._what)
        texts.addWidget(self._remedy)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.addLayout(texts, 1)
        row.addWidget(self._button)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.clear()

    def show_error(self, error: BaseException) -> None:
        """Say what went wrong, and what to do."""
        self.show_message(words(error), kind="error")

    def show_message(self, message: Message, *, kind: str = "note", button: str = "") -> None:
        """Say something; `kind` is `note`, `good` or `error`, and `button` the text of a button, if any."""
        self._what.setText(message.what)
        self._remedy.setText(message.remedy)
        self._remedy.setVisible(bool(message.remedy))
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()

    @property
    def text(self) -> str:
        """What it says now; "" while it says nothing."""
        return f"{self._what.text()} {self._remedy.text()}".strip() if self._what.text() else ""

    def clear(self) -> None:
        """Put the message away."""
        self._what.clear()
        self._remedy.clear()
        self.hide()


def log_path() -> Path:
    """The program's log, beside its settings."""
    return settings_path().with_name("egma.log")


def start_log() -> logging.Handler:
    """Write the program's own log records to `log_path()`, at most 1 MB, with one older file kept.

    Returns:
        The handler, for whoever ends the log.
    """
    log_path().parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(log_path(), maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for package in ("egma_app", "egma_core"):
        logging.getLogger(package).addHandler(handler)
    return handler


def stop_log(handler: logging.Handler) -> None:
    """End the log started by `start_log`."""
    for package in ("egma_app", "egma_core"):
        logging.getLogger(package).removeHandler(handler)
    handler.close()


Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def install_hook(tell: Callable[[BaseException], object]) -> Hook:
    """Send what nobody caught to `tell`, as an error to put into words, in place of a traceback.

    Returns:
        The hook that was there before, to be put back into `sys.excepthook`.
    """
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            before(kind, error, trace)
        else:
            tell(error.with_traceback(trace))

    sys.excepthook = hook
    return before
