from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from egma_app.capture.gate_dialog import GateDialog
from egma_app.capture.recording import Recording
from egma_app.capture.signing import SignOff
from egma_app.capture.sitting import Setup
from egma_app.viewer.image_view import ImageView
from egma_core.errors import RecordingError
from egma_core.geometry import Screen

GATE: dict[str, Any] = {"event": "gate", "reading_id": 3, "loss": 0.4, "longest_gap_s": 5.0, "verdict": "red", "reasons": ["Lost."]}


class Reading:
    """A reading in progress whose capture process is the test."""

    def __init__(self, qtbot: QtBot) -> None:
        self.widget, view = QWidget(), ImageView()
        qtbot.addWidget(self.widget)
        qtbot.addWidget(view)
        self.recording = Recording(view, self.widget)
        self.session = self.recording.session
        self.signing = SignOff(self.recording, self.widget)
        self.session.open("library.sqlite", Setup("Ada", "simulated", Screen(1, 1, 1.0, 1.0, 1.0)))
        self.tell({"event": "ready", "session_id": 1})
        self.session.begin(7)
        self.tell({"event": "begun", "reading_id": 3, "started_ns": 0})

    def tell(self, event: dict[str, Any]) -> None:
        self.session.handle(event)
        if event["event"] == "gate" and self.session.answer is not None:
            self.recording.judged.emit(self.session.answer)
        self.recording.changed.emit()

    @property
    def dialog(self) -> GateDialog | None:
        found = self.widget.findChild(GateDialog)
        return found if found is not None and found.isVisible() else None


@pytest.fixture
def reading(qtbot: QtBot) -> Reading:
    return Reading(qtbot)


def test_green_goes_through_without_a_question(reading: Reading) -> None:
    reading.signing.begin()
    reading.tell({**GATE, "verdict": "green"})
    assert reading.dialog is None and (reading.session.state, reading.session.decision) == ("ending", "signed_off")


def test_a_reading_that_ends_by_itself_leaves_no_question_behind(reading: Reading) -> None:
    reading.signing.begin()
    reading.tell(GATE)
    assert reading.dialog is not None and reading.session.state == "reading"
    reading.tell({"event": "ended", "reading_id": 3, "state": "aborted"})
    assert reading.dialog is None and reading.session.state == "ready"


def test_an_answer_that_nobody_asked_for_changes_nothing(reading: Reading) -> None:
    reading.tell(GATE)
    assert reading.dialog is None and reading.session.state == "reading"


def test_going_on_reading_can_be_signed_off_later(reading: Reading) -> None:
    reading.signing.begin()
    reading.tell(GATE)
    assert reading.dialog is not None
    reading.dialog.reject()
    assert reading.session.state == "reading"
    reading.signing.begin()
    reading.tell({**GATE, "verdict": "green"})
    assert reading.session.decision == "signed_off"


def test_without_a_reading_it_is_refused_in_words(reading: Reading) -> None:
    reading.tell({"event": "ended", "reading_id": 3, "state": "complete"})
    failed: list[object] = []
    reading.signing.failed.connect(failed.append)
    reading.signing.begin()
    assert len(failed) == 1 and isinstance(failed[0], RecordingError)
