"""Interrupted readings: what was saved of each, to be kept, discarded or inspected, whenever there is time for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from time import perf_counter_ns

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from egma_app import jobs
from egma_app.messages import Banner, Message
from egma_app.widgets.labels import quiet_label
from egma_app.widgets.words import count_text, date_text, duration_text
from egma_app.workspace import Library
from egma_core.errors import RecordingError
from egma_core.recording.lock import RecordingLock
from egma_core.recording.recovery import Recovered, recover, waiting
from egma_core.store.store import Store
from egma_core.store.values import Changes, Decision, ReadingDecision

_KEPT = "kept after an interruption"


def saved_text(found: Recovered) -> str:
    """What is safe of an interrupted reading: `12 s of gaze, 10 s of voice, nothing missing in between`."""
    parts = [f"{duration_text(found.gaze_s)} of gaze"]
    if found.audio_s > 0:
        parts.append(f"{duration_text(found.audio_s)} of voice")
    parts.append(count_text(found.n_gaps, "gap") if found.n_gaps else "nothing missing in between")
    return ", ".join(parts)


class Recovery(QObject):
    """Looks for interrupted readings when a library is opened, and offers what was saved of them in a quiet banner.

    Attributes:
        banner: Where it is offered; hidden while there is nothing.
        inspect_wanted: Emitted with the id of a reading that somebody wants to look at.
        failed: Emitted with the error when the library cannot be read or written.
        listed: Emitted when the interrupted readings have been listed.
        found: The interrupted readings that nobody has judged yet.
    """

    inspect_wanted = Signal(int)
    failed = Signal(object)
    listed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Ask over `parent`; there is no library yet."""
        super().__init__(parent)
        self._widget = parent
        self._library: Library | None = None
        self._dialog: RecoveryDialog | None = None
        self._busy = False
        self.found: tuple[Recovered, ...] = ()
        self.banner = Banner()
        self.banner.action_chosen.connect(self.show)

    def set_library(self, library: Library | None) -> None:
        """Look through another library; what a dead process left in its journals is brought back first."""
        self._library = library
        self._take(())
        if library is not None:
            self.bring_back()

    def set_busy(self, busy: bool) -> None:
        """Say nothing while somebody reads."""
        self._busy = busy
        self.banner.setVisible(bool(self.banner.text) and not busy)

    def bring_back(self) -> None:
        """Bring back what dead processes left, unless somebody records into the library just now, then list it."""
        library = self._library
        if library is not None:
            library.write(self, _bring_back, lambda _changes: self.look(), self.failed.emit)

    def look(self) -> None:
        """List the interrupted readings again."""
        library = self._library
        if library is not None:
            jobs.run(self, lambda: waiting(library.store), lambda found: self._listed(library, found), self.failed.emit)

    def show(self) -> None:
        """Show what was saved of each, to be decided on one by one."""
        dialog = self._dialog = RecoveryDialog(self.found, self._widget)
        dialog.decided.connect(self._decide)
        dialog.inspect_wanted.connect(self.inspect_wanted)
        dialog.finished.connect(self._closed)
        dialog.open()

    def _closed(self) -> None:
        self._dialog = None

    def _listed(self, library: Library, found: tuple[Recovered, ...]) -> None:
        if library is self._library:
            self._take(found)
            self.listed.emit()

    def _take(self, found: tuple[Recovered, ...]) -> None:
        self.found = found
        if not found:
            self.banner.clear()
            if self._dialog is not None:
                self._dialog.accept()
            return
        if self._dialog is not None:
            self._dialog.show_readings(found)
        one = len(found) == 1
        what = "An interrupted reading was recovered." if one else f"{len(found)} interrupted readings were recovered."
        saved = f"Saved: {saved_text(found[0])}." if one else "Keep or discard them when there is time."
        self.banner.show_message(Message(what, saved), button="Look at it…" if one else "Look at them…")
        self.set_busy(self._busy)

    def _decide(self, reading_id: int, decision: Decision, reason: str) -> None:
        library = self._library
        if library is None:
            return
        figures = next(({"saved": saved_text(found)} for found in self.found if found.reading_id == reading_id), {})
        made = ReadingDecision(host_ns=perf_counter_ns(), utc=datetime.now(timezone.utc), decision=decision, reason=reason, figures=figures)
        library.write(self, lambda store: store.decide(reading_id, made), lambda _changes: self.look(), self.failed.emit)


def _bring_back(store: Store) -> Changes:
    """Recover, under the library's lock; changes nothing where another process holds it."""
    if not store.readings(states=("recording",)):
        return Changes(frozenset())
    try:
        lock = RecordingLock(store.files)
    except RecordingError:
        return Changes(frozenset())
    try:
        return Changes(frozenset({"reading"}) if recover(store) else frozenset())
    finally:
        lock.release()


class RecoveryDialog(QDialog):
    """Lists interrupted readings with what can be done about each.

    Attributes:
        decided: Emitted with (reading id, `kept` or `discarded`, reason).
        inspect_wanted: Emitted with the id of the reading to look at.
    """

    decided = Signal(int, str, str)
    inspect_wanted = Signal(int)

    def __init__(self, found: Sequence[Recovered], parent: QWidget | None = None) -> None:
        """List them."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Interrupted readings")
        self.resize(680, 420)
        self.entries: dict[int, RecoveredEntry] = {}
        self._rows = QVBoxLayout()
        self._rows.setSpacing(14)
        self._rows.addStretch(1)
        inside = QWidget()
        inside.setLayout(self._rows)
        self._rows.setContentsMargins(0, 0, 8, 0)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inside)
        later = QDialogButtonBox()
        later.addButton("Decide later", QDialogButtonBox.ButtonRole.RejectRole).setAutoDefault(False)
        later.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(14)
        column.addWidget(quiet_label("Recording stopped before these were signed off. Nothing is thrown away unless you say so."))
        column.addWidget(area, 1)
        column.addWidget(later)
        self.show_readings(found)

    def show_readings(self, found: Sequence[Recovered]) -> None:
        """List these; entries of readings that are listed already stay as they are."""
        ids = {one.reading_id for one in found}
        for reading_id in [known for known in self.entries if known not in ids]:
            entry = self.entries.pop(reading_id)
            self._rows.removeWidget(entry)
            entry.deleteLater()
        for one in found:
            if one.reading_id not in self.entries:
                entry = self.entries[one.reading_id] = RecoveredEntry(one)
                entry.decided.connect(self.decided)
                entry.inspect.clicked.connect(lambda _checked=False, reading_id=one.reading_id: self._inspect(reading_id))
                self._rows.insertWidget(self._rows.count() - 1, entry)

    def _inspect(self, reading_id: int) -> None:
        self.accept()
        self.inspect_wanted.emit(reading_id)


class RecoveredEntry(QWidget):
    """One interrupted reading.

    Attributes:
        decided: Emitted with (reading id, decision, reason).
    """

    decided = Signal(int, str, str)

    def __init__(self, found: Recovered, parent: QWidget | None = None) -> None:
        """Say what was saved."""
        super().__init__(parent)
        self._id = found.reading_id
        title = QLabel(f"{found.patient}   ·   {found.reader}   ·   {date_text(found.started_utc)}")
        self.saved = quiet_label(f"Saved: {saved_text(found)}.")
        self.keep, self.discard, self.inspect = QPushButton("Keep"), QPushButton("Discard…"), QPushButton("Inspect in Review")
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Why is it discarded? Return discards it")
        self.reason.setMaxLength(500)
        self.reason.setAccessibleName("Reason to discard")
        self.reason.hide()
        self.keep.clicked.connect(lambda: self.decided.emit(self._id, "kept", _KEPT))
        self.discard.clicked.connect(self._ask_why)
        self.reason.returnPressed.connect(self._discard)
        for button in (self.keep, self.discard, self.inspect):
            button.setAutoDefault(False)
        row = QHBoxLayout()
        for button in (self.keep, self.discard, self.inspect):
            row.addWidget(button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(title)
        column.addWidget(self.saved)
        column.addLayout(row)
        column.addWidget(self.reason)

    def _ask_why(self) -> None:
        self.reason.show()
        self.reason.setFocus()

    def _discard(self) -> None:
        reason = self.reason.text().strip()
        if reason:
            self.decided.emit(self._id, "discarded", reason)
