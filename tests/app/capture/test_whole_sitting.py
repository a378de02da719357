"""One sitting from the empty form to the last reading, with a simulated subject, a crash in the middle, and hands on the window."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from egma_app.capture.calibration.drift import DriftCheck
from egma_app.capture.calibration.flow import CalibrationFlow
from egma_app.capture.calibration.stage import Pace
from egma_app.capture.consent import ConsentDialog
from egma_app.capture.gate_dialog import GateDialog
from egma_app.capture.recovery import RecoveryDialog
from egma_app.capture.workspace import CaptureWorkspace
from egma_app.main_window import MainWindow
from egma_app.review.workspace import ReviewWorkspace
from egma_app.settings import Settings

WAIT_MS = 20000
CTRL = Qt.KeyboardModifier.ControlModifier
W = TypeVar("W", bound=QWidget)


class Hands:
    """A person at the capture workspace."""

    def __init__(self, capture: CaptureWorkspace, qtbot: QtBot) -> None:
        self.capture, self.qtbot = capture, qtbot
        capture.setting_up.pace = Pace(0, 0)

    def reach(self, state: str) -> None:
        self.qtbot.waitUntil(lambda: self.capture.session.state == state, timeout=WAIT_MS)

    def shown(self, kind: type[W]) -> W:
        """The dialog or full-screen window of that kind, once it is in front."""
        found: list[W] = []

        def there() -> bool:
            found[:] = [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isActiveWindow()]
            return bool(found)

        self.qtbot.waitUntil(there, timeout=WAIT_MS)
        return found[0]

    def to_the_film(self) -> None:
        self.capture.activateWindow()
        self.capture.view.setFocus()
        self.qtbot.waitUntil(self.capture.view.hasFocus)

    def fill_the_form(self) -> None:
        form = self.capture.setup_form
        form.reader.clear()
        self.qtbot.keyClicks(form.reader, "Dia")
        form.tracker.setCurrentIndex(form.tracker.findData("simulated"))
        for box, text in ((form.width_mm, "340"), (form.height_mm, "340"), (form.distance_mm, "600")):
            box.selectAll()
            self.qtbot.keyClicks(box, text)
            self.qtbot.keyClick(box, Qt.Key.Key_Tab)
        form.confirmed.setChecked(True)
        self.qtbot.mouseClick(form.open_button, Qt.MouseButton.LeftButton)

    def begin(self) -> None:
        self.to_the_film()
        self.qtbot.waitUntil(lambda: self.capture.films.is_ready)
        self.qtbot.keyClick(self.capture.view, Qt.Key.Key_Return)
        self.reach("reading")
        self.qtbot.waitUntil(lambda: self.capture.session.quality is not None, timeout=WAIT_MS)

    def say(self, words: str) -> None:
        self.qtbot.keyClick(self.capture.view, Qt.Key.Key_Return)
        self.qtbot.keyClicks(self.capture.line, words)
        self.qtbot.keyClick(self.capture.line, Qt.Key.Key_Return)
        self.qtbot.keyClick(self.capture.line, Qt.Key.Key_Escape)

    def sign_off(self) -> None:
        """Through the gate; a simulated subject that blinked too long is kept with a reason."""
        session = self.capture.session
        self.qtbot.keyClick(self.capture.view, Qt.Key.Key_Return, CTRL)
        self.qtbot.waitUntil(lambda: session.answer is not None, timeout=WAIT_MS)
        if session.answer is not None and session.answer.verdict != "green":
            dialog = self.shown(GateDialog)
            self.qtbot.keyClicks(dialog.reason, "simulated")
            self.qtbot.keyClick(dialog.reason, Qt.Key.Key_Return)
        self.reach("ready")

    def next_study(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        before = self.capture.films.study
        self.to_the_film()
        self.qtbot.waitUntil(lambda: self.capture.worklist.study is not None and self.capture.worklist.study.status == "read")
        self.qtbot.keyClick(self.capture.view, key, modifier)
        self.qtbot.waitUntil(lambda: self.capture.films.study is not before and self.capture.films.is_ready)


@pytest.fixture
def window(library_path: Path, qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(Settings())
    qtbot.addWidget(made, before_close_func=lambda w: w.workspace().may_close())
    made.resize(1400, 900)
    made.show()
    qtbot.waitExposed(made)
    made.open_library(library_path, workspace="capture")

    def there() -> bool:
        shown = made.workspace()
        return isinstance(shown, CaptureWorkspace) and shown.films.is_ready

    qtbot.waitUntil(there, timeout=WAIT_MS)
    yield made
    made.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_sitting_with_a_crash_in_the_middle(window: MainWindow, qtbot: QtBot) -> None:
    capture, library = window.workspace(), window.library
    assert isinstance(capture, CaptureWorkspace)
    assert library is not None
    hands = Hands(capture, qtbot)
    store, session = library.store, capture.session

    hands.fill_the_form()
    qtbot.mouseClick(hands.shown(ConsentDialog).agree, Qt.MouseButton.LeftButton)
    hands.reach("ready")
    hands.to_the_film()
    qtbot.keyClick(capture.view, Qt.Key.Key_K, CTRL)
    flow = hands.shown(CalibrationFlow)
    qtbot.keyClick(flow, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: flow.procedure.state == "report", timeout=WAIT_MS)
    qtbot.keyClick(flow, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not shiboken6.isValid(flow), timeout=WAIT_MS)
    standing = capture.conduct.standing
    assert standing.accuracy_deg is not None and standing.accuracy_deg < 2.0 and "off on average" in capture.panel.about
    assert session.station is not None
    attempts = store.attempts(session.station.session_id)
    assert {attempt.kind for attempt in attempts} == {"calibration", "validation"}

    hands.begin()
    hands.say("The heart is large.")
    hands.sign_off()
    hands.next_study(Qt.Key.Key_Return)

    qtbot.keyClick(capture.view, Qt.Key.Key_J, CTRL)
    check = hands.shown(DriftCheck)
    qtbot.waitUntil(lambda: bool(check.words.text()), timeout=WAIT_MS)
    qtbot.keyClick(check, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not shiboken6.isValid(check), timeout=WAIT_MS)

    hands.begin()
    hands.say("There is air.")
    safe_ns = session.quality.safe_up_to_ns if session.quality else 0
    qtbot.waitUntil(lambda: session.quality is not None and session.quality.safe_up_to_ns > safe_ns, timeout=WAIT_MS)
    os.kill(capture.recording.pid, signal.SIGKILL)
    hands.reach("closed")
    assert "crashed or was ended from outside" in capture.banner.text and "is safe up to 00:0" in capture.banner.text
    qtbot.waitUntil(lambda: bool(capture.recovery.found), timeout=WAIT_MS)
    (found,) = capture.recovery.found
    assert found.gaze_s > 0 and found.n_gaps == 0 and "An interrupted reading was recovered." in capture.recovery.banner.text

    hands.fill_the_form()
    hands.reach("ready")
    assert not standing.calibrated, "another sitting is another set-up"
    assert capture.recovery.found, "nobody is made to decide before going on"
    capture.recovery.banner.action_chosen.emit()
    qtbot.mouseClick(hands.shown(RecoveryDialog).entries[found.reading_id].inspect, Qt.MouseButton.LeftButton)
    review = window.workspace()
    assert isinstance(review, ReviewWorkspace)
    qtbot.waitUntil(lambda: review.reading.gaze is not None and review.reading.gaze.entry.id == found.reading_id, timeout=WAIT_MS)
    window.go("capture")
    capture.actions_by_id["capture.recovered"].trigger()
    qtbot.mouseClick(hands.shown(RecoveryDialog).entries[found.reading_id].keep, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not capture.recovery.found)
    hands.next_study(Qt.Key.Key_PageDown, CTRL)
    hands.begin()
    hands.say("No effusion.")
    hands.sign_off()

    readings = store.readings()
    assert sorted(r.state for r in readings) == ["complete", "complete", "recovered"]
    assert len({r.study.study_id for r in readings}) == 3
    assert sorted(s.text for r in readings for s in store.sentences(r.id)) == ["No effusion.", "The heart is large.", "There is air."]
    assert all(len(store.decisions(r.id)) == 1 for r in readings)
    assert all(h.n_gaps == 0 for h in store.check().readings)
    consent = store.consent("Dia")
    assert consent is not None and consent.given
