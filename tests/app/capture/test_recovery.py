from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from egma_app.capture.recovery import Recovery, RecoveryDialog, saved_text
from egma_app.workspace import Library
from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.recording.lock import RecordingLock
from egma_core.recording.recovery import Recovered
from egma_core.store.store import Store
from egma_core.store.values import CaptureSessionRecord, RawBatch
from egma_core.trackers.tracker import TrackerDescription

UTC = datetime(2026, 3, 9, 10, 0, tzinfo=timezone.utc)


def leave_unfinished(store: Store, n: int) -> list[int]:
    """Readings of 2 s each as a process leaves them that dies."""
    reader = store.add_reader("Ada").id
    assert reader is not None
    tracker = TrackerDescription("simulated", "simulated", "Test", "", 120.0)
    screen = Screen(1920, 1080, 531.0, 299.0, 650.0)
    session = store.begin_session(CaptureSessionRecord(reader, screen, tracker, 0, UTC, "test")).id
    assert session is not None
    found: list[int] = []
    for number, study in enumerate(store.studies()[:n]):
        start = 10**9 * (1 + 10 * number)
        reading = store.begin_reading(session, study.id, start, UTC).id
        assert reading is not None
        gaze = GazeSamples.blank(240, "simulated")
        gaze.rows["host_ns"] = start + np.arange(240) * 10**9 // 120
        store.append(reading, RawBatch(gaze))
        found.append(reading)
    return found


@pytest.fixture
def recovery(qtbot: QtBot) -> Recovery:
    widget = QWidget()
    qtbot.addWidget(widget)
    made = Recovery(widget)
    qtbot.addWidget(made.banner)
    return made


def shown(recovery: Recovery) -> RecoveryDialog:
    recovery.banner.action_chosen.emit()
    parent = recovery.parent()
    assert parent is not None
    dialog = parent.findChild(RecoveryDialog)
    assert dialog is not None
    return dialog


def test_a_library_without_interruptions_says_nothing(recovery: Recovery, library: Library, qtbot: QtBot) -> None:
    with qtbot.waitSignal(recovery.listed):
        recovery.set_library(library)
    assert recovery.found == () and recovery.banner.text == ""


def test_every_interrupted_reading_is_offered_and_decided_on_by_itself(recovery: Recovery, library: Library, qtbot: QtBot) -> None:
    one, two, three = leave_unfinished(library.store, 3)
    recovery.set_library(library)
    qtbot.waitUntil(lambda: len(recovery.found) == 3)
    assert "3 interrupted readings were recovered." in recovery.banner.text
    dialog = shown(recovery)
    entry = dialog.entries[one]
    assert entry.saved.text() == "Saved: 2 s of gaze, nothing missing in between."
    qtbot.mouseClick(entry.keep, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: one not in dialog.entries)
    entry = dialog.entries[two]
    qtbot.mouseClick(entry.discard, Qt.MouseButton.LeftButton)
    qtbot.keyClick(entry.reason, Qt.Key.Key_Return)
    assert library.store.reading(two).state == "recovered", "nothing is discarded without a reason"
    qtbot.keyClicks(entry.reason, "power cut")
    qtbot.keyClick(entry.reason, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: two not in dialog.entries)
    assert library.store.reading(one).state == "recovered" and library.store.reading(two).state == "discarded"
    (decided,) = library.store.decisions(two)
    assert (decided.decision, decided.reason) == ("discarded", "power cut")
    assert "An interrupted reading was recovered." in recovery.banner.text and three in dialog.entries
    dialog.reject()
    assert [found.reading_id for found in recovery.found] == [three], "it is offered again"


def test_a_reading_can_be_inspected_before_it_is_decided_on(recovery: Recovery, library: Library, qtbot: QtBot) -> None:
    (one,) = leave_unfinished(library.store, 1)
    recovery.set_library(library)
    qtbot.waitUntil(lambda: bool(recovery.found))
    dialog = shown(recovery)
    with qtbot.waitSignal(recovery.inspect_wanted) as wanted:
        qtbot.mouseClick(dialog.entries[one].inspect, Qt.MouseButton.LeftButton)
    assert wanted.args == [one] and library.store.decisions(one) == ()


def test_a_reading_that_is_being_recorded_elsewhere_is_left_alone(recovery: Recovery, library: Library, qtbot: QtBot) -> None:
    (one,) = leave_unfinished(library.store, 1)
    lock = RecordingLock(library.store.files)
    with qtbot.waitSignal(recovery.listed):
        recovery.set_library(library)
    assert library.store.reading(one).state == "recording" and recovery.found == ()
    lock.release()


@pytest.mark.parametrize(
    ("audio_s", "n_gaps", "words"),
    [(0.0, 0, "1 min 15 s of gaze, nothing missing in between"), (70.2, 2, "1 min 15 s of gaze, 1 min 10 s of voice, 2 gaps")],
)
def test_what_was_saved_is_said(audio_s: float, n_gaps: int, words: str) -> None:
    assert saved_text(Recovered(1, "Ada", "P-1", UTC, 75.0, audio_s, 9000, n_gaps)) == words
