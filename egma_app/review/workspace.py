"""The Review workspace: a list of readings, and the one that is opened, sentence by sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from egma_app import actions, jobs
from egma_app.messages import Banner, Message, words
from egma_app.review.reading_panel import HEAT, PATH, ReadingPanel
from egma_app.review.readings_panel import ReadingsPanel
from egma_app.settings import Settings
from egma_app.viewer.reading_gaze import ReadingGaze, open_reading
from egma_app.widgets.empty import EmptyState
from egma_app.workspace import Library, Workspace
from egma_core.errors import EgmaError
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.measures import gaze_quality
from egma_core.processing import place_reading
from egma_core.store.store import Store
from egma_core.store.values import Changes, ReadingEntry

_SHOWN_TABLES = frozenset({"reading", "sentence", "revision", "capture_session", "reader", "gaze_chunk"})
_MEASURED_AT_ONCE = 8
_SETTLE_MS = 180


class ReviewWorkspace(Workspace):
    """Lists the library's readings and opens one.

    Attributes:
        banner: Where it says what went wrong or well.
        readings: The list.
        reading: The opened reading.
    """

    name = "review"
    title = "Review"

    def __init__(self, library: Library | None, settings: Settings, parent: QWidget | None = None) -> None:
        """Build the workspace on a library, or on none."""
        super().__init__(settings, parent)
        self._losses: dict[int, float] = {}
        self._entries: tuple[ReadingEntry, ...] = ()
        self._wanted: ReadingEntry | None = None
        self._asked_id: int | None = None
        self.banner = Banner(self)
        self.readings = ReadingsPanel(self)
        self.reading = ReadingPanel(settings.values, self)
        self._empty = EmptyState(parent=self)
        self._unopened = EmptyState("No reading is open", "Choose one in the list: click it, or go there with the arrow keys.", parent=self)
        self._right = QStackedWidget(self)
        for page in (self._unopened, self.reading):
            self._right.addWidget(page)
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self._split.addWidget(self.readings)
        self._split.addWidget(self._right)
        self._split.setSizes([460, 1100])
        self._split.setStretchFactor(1, 1)
        self._split.setChildrenCollapsible(False)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._split)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.addWidget(self.banner)
        layout.addWidget(self._stack, 1)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._open_wanted)
        self._refresh = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._refresh.timeout.connect(self._list)
        self.readings.opened.connect(self._want)
        self.reading.failed.connect(self.banner.show_error)
        self.reading.saved.connect(self._said_saved)
        self.actions_by_id = actions.bind(
            self,
            {
                "review.find": self.readings.filter.setFocus,
                "review.next": lambda: self.reading.step_sentence(1),
                "review.previous": lambda: self.reading.step_sentence(-1),
                "review.heat": lambda: self._toggle(HEAT),
                "review.path": lambda: self._toggle(PATH),
                "review.save": self.reading.save_picture,
            },
        )
        self.set_library(library)

    def set_library(self, library: Library | None) -> None:
        """Show another library's readings."""
        super().set_library(library)
        self._losses.clear()
        self._entries = ()
        self._wanted = None
        self._settle.stop()
        self.banner.clear()
        self._right.setCurrentWidget(self._unopened)
        self.readings.show_readings((), {})
        self._list()

    def library_changed(self, changes: Changes) -> None:
        """List the readings again when one was added or went on; show the open one again when a text was revised."""
        if changes.tables & _SHOWN_TABLES and not self._refresh.isActive():
            self._refresh.start()
        if "revision" in changes.tables and self._wanted is not None:
            self._settle.start()

    def open(self, reading_id: int) -> None:
        """Open a reading of the list, as soon as it is listed."""
        self._asked_id = None if self.readings.choose(reading_id) else reading_id

    def _list(self) -> None:
        library = self.library
        if library is None:
            self._empty.say("No library is open", "Open a library, or make a new one (Library menu).")
            self._stack.setCurrentWidget(self._empty)
            return
        jobs.run(self, library.store.readings, lambda entries: self._listed(library, entries), self.banner.show_error)

    def _listed(self, library: Library, entries: list[ReadingEntry]) -> None:
        if library is not self.library:
            return
        self._entries = tuple(entries)
        self.readings.show_readings(self._entries, self._losses)
        asked_id, self._asked_id = self._asked_id, None
        if asked_id is not None:
            self.readings.choose(asked_id)
        if not entries:
            self._empty.say("There are no readings yet", "Go to Capture (Ctrl+1) and record one; it appears here when it is signed off.")
        self._stack.setCurrentWidget(self._split if entries else self._empty)
        self._measure(library)

    def _measure(self, library: Library) -> None:
        """Measure the data loss of some readings that are over, show it, and go on with the next ones."""
        missing = [e for e in self._entries if e.id not in self._losses and e.ended_ns is not None][:_MEASURED_AT_ONCE]
        if not missing or library is not self.library:
            return

        def measured(losses: dict[int, float]) -> None:
            if library is self.library:
                self._losses.update(losses)
                self.readings.show_readings(self._entries, self._losses)
                self._measure(library)

        jobs.run(self, lambda: {e.id: _data_loss(library.store, e.id) for e in missing}, measured, self.banner.show_error)

    def _want(self, entry: ReadingEntry) -> None:
        self._wanted = entry
        self._settle.start()

    def _open_wanted(self) -> None:
        entry, library = self._wanted, self.library
        if entry is None or library is None:
            return
        if entry.state == "recording":
            self._unopened.say("This reading is being recorded", "It can be opened as soon as it is signed off.")
            self._right.setCurrentWidget(self._unopened)
            return
        self._unopened.say("Opening the reading", "Fixations and gaze maps are worked out the first time.")
        if self.reading.gaze is None:
            self._right.setCurrentWidget(self._unopened)
        open_reading(self, library, entry.id, lambda gaze: self._opened(entry, gaze), lambda error: self._not_opened(entry, error))

    def _opened(self, entry: ReadingEntry, gaze: ReadingGaze) -> None:
        if self._wanted is entry:
            self.banner.clear()
            self.reading.show_reading(gaze)
            self._right.setCurrentWidget(self.reading)

    def _not_opened(self, entry: ReadingEntry, error: BaseException) -> None:
        if self._wanted is entry:
            said = words(error)
            self._unopened.say("This reading cannot be opened", f"{said.what} {said.remedy}")
            self._right.setCurrentWidget(self._unopened)

    def _toggle(self, name: str) -> None:
        self.reading.controls.show_layer(name, not self.reading.controls.shown(name))

    def _said_saved(self, path: Path) -> None:
        self.banner.show_message(Message(f"The picture was saved as {path}."), kind="good")


def _data_loss(store: Store, reading_id: int) -> float:
    """Share of a reading's time without gaze; 1 where its rows are damaged, which opening it explains."""
    try:
        return gaze_quality(place_reading(store, reading_id), _no_fixations()).data_loss
    except EgmaError:
        return 1.0


def _no_fixations() -> Fixations:
    none = np.zeros(0)
    return Fixations(none, none, none, none, none, none, none, none, np.zeros(0, np.int64))
