"""Capture with the real capture process, driven by keys and mouse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from egma_app.capture.dialogs import DiscardDialog
from egma_app.capture.gate_dialog import GateDialog
from egma_app.capture.sitting import GateAnswer
from egma_app.capture.workspace import CaptureWorkspace
from egma_app.settings import Settings
from egma_app.workspace import Library
from egma_core.gaze.viewport import Viewport
from egma_core.store.store import Store

WAIT_MS = 15000
CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier


def reach(capture: CaptureWorkspace, qtbot: QtBot, state: str) -> None:
    qtbot.waitUntil(lambda: capture.session.state == state, timeout=WAIT_MS)


def open_session(capture: CaptureWorkspace, qtbot: QtBot, tracker: str = "mouse") -> None:
    form = capture.setup_form
    form.reader.setFocus()
    form.reader.clear()
    qtbot.keyClicks(form.reader, "Ada")
    form.tracker.setCurrentIndex(form.tracker.findData(tracker))
    for box, text in ((form.width_mm, "340"), (form.height_mm, "340"), (form.distance_mm, "600")):
        box.selectAll()
        qtbot.keyClicks(box, text)
        qtbot.keyClick(box, Qt.Key.Key_Tab)
    form.confirmed.click()
    qtbot.mouseClick(form.open_button, Qt.MouseButton.LeftButton)
    reach(capture, qtbot, "ready")


def begin(capture: CaptureWorkspace, qtbot: QtBot) -> None:
    qtbot.keyClick(capture.view, Qt.Key.Key_Return)
    reach(capture, qtbot, "reading")


def safe(capture: CaptureWorkspace, qtbot: QtBot) -> None:
    """Wait until something of the reading is known to be on the disk."""
    quality = capture.session.quality
    before = quality.safe_up_to_ns if quality else 0
    qtbot.waitUntil(lambda: (q := capture.session.quality) is not None and q.safe_up_to_ns > before, timeout=WAIT_MS)


def answer(button: str) -> list[str]:
    """Press a button of the next message box, and remember what it asked."""
    asked: list[str] = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        next(b for b in box.buttons() if b.text() == button).click()

    QTimer.singleShot(100, press)
    return asked


def test_a_film_can_be_looked_at_before_anything_is_recorded(capture: CaptureWorkspace) -> None:
    assert capture.view.image is not None and not capture.view.curtain
    assert not capture.line.isEnabled()
    assert not capture.actions_by_id["capture.sign_off"].isEnabled()


def test_a_reading_by_keys_and_mouse(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    changes = []
    library.changed.connect(changes.append)
    open_session(capture, qtbot)
    assert capture.view.curtain, "the first glance belongs to the recording"
    begin(capture, qtbot)
    assert not capture.view.curtain and capture.view.hasFocus()
    for step in range(30):
        qtbot.mouseMove(capture.view, QPoint(40 + 4 * step, 60 + 3 * step))
        QTest.qWait(4)
    qtbot.keyClick(capture.view, Qt.Key.Key_I)
    qtbot.keyClick(capture.view, Qt.Key.Key_Return)
    assert capture.line.hasFocus()
    qtbot.keyClicks(capture.line, "The heart is large.")
    qtbot.keyClick(capture.line, Qt.Key.Key_Return)
    qtbot.keyClick(capture.line, Qt.Key.Key_Escape)
    assert capture.view.hasFocus()
    assert [said.text for said in capture.session.sentences] == ["The heart is large."]
    assert capture.panel.sentences.texts == ["The heart is large."]
    safe(capture, qtbot)
    assert "Safe up to" in capture.panel.quality.text
    qtbot.keyClick(capture.view, Qt.Key.Key_Return)
    qtbot.keyClicks(capture.line, "No effusion.")
    qtbot.keyClick(capture.line, Qt.Key.Key_Return, CTRL)
    reach(capture, qtbot, "ready")
    (reading,) = library.store.readings()
    assert (reading.state, reading.reader, reading.gaze_origin, reading.text_origins) == ("complete", "Ada", "mouse", ("typed",))
    said = library.store.sentences(reading.id)
    assert [s.text for s in said] == ["The heart is large.", "No effusion."]
    assert all(0 < s.onset_s < s.offset_s for s in said)
    gaze = library.store.gaze(reading.id)
    assert len(gaze) > 40 and np.all(np.diff(gaze.host_ns) >= 0)
    log = library.store.viewports(reading.id)
    assert log[0].instance_uid == "" and log[-1].instance_uid == capture.films.instances[0].instance_uid
    assert log[-1].inverted and log[-1].image_to_screen == capture.view.image_to_screen
    assert {"reading"} in [set(change.tables) for change in changes]
    qtbot.waitUntil(lambda: capture.worklist.study is not None and capture.worklist.study.status == "read")


def test_a_study_of_several_films(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    several = next(s for s in library.store.studies() if len(s.instances) == 2)
    assert capture.worklist.choose(several.id)
    qtbot.waitUntil(lambda: capture.films.is_ready)
    frontal, lateral = capture.films.instances
    assert (frontal.view_position, lateral.view_position) == ("PA", "LL")
    open_session(capture, qtbot)
    begin(capture, qtbot)
    for key, uid in ((Qt.Key.Key_Right, lateral), (Qt.Key.Key_Left, frontal), (Qt.Key.Key_2, lateral), (Qt.Key.Key_2, lateral)):
        qtbot.keyClick(capture.view, key, ALT)
        qtbot.waitUntil(lambda uid=uid: capture.view.image is not None and capture.view.image.instance_uid == uid.instance_uid)
        QTest.qWait(30)
    safe(capture, qtbot)
    qtbot.keyClick(capture.view, Qt.Key.Key_Return, CTRL)
    reach(capture, qtbot, "ready")
    log = library.store.viewports(library.store.readings()[0].id)
    shown = [v.instance_uid for v in log if v.instance_uid]
    order = [uid for n, uid in enumerate(shown) if n == 0 or shown[n - 1] != uid]
    assert order == [f.instance_uid for f in (frontal, lateral, frontal, lateral)]


def test_discarding(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    open_session(capture, qtbot)
    begin(capture, qtbot)
    safe(capture, qtbot)
    qtbot.keyClick(capture.view, Qt.Key.Key_D, CTRL)
    dialog = capture.findChild(DiscardDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.reason.hasFocus())
    qtbot.keyClicks(dialog.reason, "wrong study")
    qtbot.keyClick(dialog.reason, Qt.Key.Key_Return)
    reach(capture, qtbot, "ready")
    (reading,) = library.store.readings(states=["discarded"])
    assert reading.note == "wrong study"
    uids = [v.instance_uid for v in library.store.viewports(reading.id)]
    assert uids[-1] == "", "while the dialog was open, no film was seen"


def test_a_reading_that_does_not_pass_the_gate_is_read_again(
    capture: CaptureWorkspace, library: Library, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_session(capture, qtbot, "simulated")
    begin(capture, qtbot)
    safe(capture, qtbot)
    monkeypatch.setattr(capture.session, "gate", lambda: None)
    qtbot.keyClick(capture.view, Qt.Key.Key_Return, CTRL)
    capture.recording.judged.emit(GateAnswer(0.4, 5.0, "red", ("Gaze was lost 40% of the time.",)))
    dialog = capture.findChild(GateDialog)
    assert dialog is not None and capture.session.state == "reading", "the recording goes on"
    qtbot.mouseClick(dialog.redo, Qt.MouseButton.LeftButton)
    reach(capture, qtbot, "ready")
    (reading,) = library.store.readings(states=["discarded"])
    (decided,) = library.store.decisions(reading.id)
    assert (decided.decision, decided.reason) == ("redone", "Gaze was lost 40% of the time.")
    assert "Return: start" in capture.view.caption, "the same film once more"
    qtbot.waitUntil(lambda: capture.worklist.study is not None and capture.worklist.study.status == "unread")


def test_a_window_that_leaves_its_monitor_shows_no_film(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    open_session(capture, qtbot, "simulated")
    home = capture.pos()
    capture.move(4000, 4000)
    qtbot.waitUntil(lambda: "has left the monitor" in capture.view.caption)
    qtbot.keyClick(capture.view, Qt.Key.Key_Return)
    assert capture.session.state == "ready" and "has left the monitor" in capture.banner.text
    capture.move(home)
    qtbot.waitUntil(lambda: "Return: start" in capture.view.caption)
    begin(capture, qtbot)
    painted: list[Viewport] = []
    capture.view.painted.connect(painted.append)
    capture.move(4000, 4000)
    qtbot.waitUntil(lambda: bool(painted) and painted[-1].instance_uid == "")
    assert "has left the monitor" in capture.view.caption
    capture.move(home)
    qtbot.waitUntil(lambda: not capture.view.curtain)
    safe(capture, qtbot)
    capture.session.sign_off()
    reach(capture, qtbot, "ready")
    (reading,) = library.store.readings()
    noted = [n.text for n in library.store.notifications(reading.id) if n.kind == "monitor"]
    assert len(noted) == 2 and "has left" in noted[0] and "is back" in noted[1]
    shown = [bool(v.instance_uid) for v in library.store.viewports(reading.id)]
    assert shown[-1] and shown.count(False) >= 2, "while it was away, no film was seen"


def test_a_study_protocol_is_kept_to(capture: CaptureWorkspace, library: Library, qtbot: QtBot, tmp_path: Path) -> None:
    studies = library.store.studies()
    wanted = [studies[2].patient, studies[0].patient]
    path = tmp_path / "pilot.toml"
    path.write_text(
        f'name = "Pilot"\ncases = ["{wanted[0]}", "{wanted[1]}", "P-NOBODY"]\norder = "listed"\n'
        '[calibration]\naccuracy_deg = 2.0\n[display]\nwindowing = false\n[keys]\n"capture.sign_off" = "F9"\n',
        encoding="utf-8",
    )
    capture.setup_form.protocol.load(str(path))
    open_session(capture, qtbot, "simulated")
    qtbot.waitUntil(lambda: capture.worklist.count == 2)
    model = capture.worklist.table.model()
    assert [model.index(row, 0).data() for row in range(2)] == wanted
    assert "1 case that this library lacks" in capture.banner.text and "hides the labels" in capture.confines()
    assert capture.actions_by_id["capture.sign_off"].shortcut().toString() == "F9"
    assert not capture.view.actions_by_id["view.invert"].isEnabled() and capture.view.actions_by_id["view.zoom_in"].isEnabled()
    qtbot.waitUntil(lambda: capture.films.is_ready)
    qtbot.keyClick(capture.view, Qt.Key.Key_Return)
    assert "asks for a validated calibration" in capture.banner.text and capture.session.state == "ready"
    figures = {"average": {"accuracy_deg": 0.6}}
    capture.recording.told.emit({"event": "judged", "kind": "validation", "attempt_id": 1, "figures": figures})
    begin(capture, qtbot)
    safe(capture, qtbot)
    qtbot.keyClick(capture.view, Qt.Key.Key_F9)
    reach(capture, qtbot, "ready")
    capture.actions_by_id["capture.end_session"].trigger()
    assert (
        capture.session.state == "closed"
        and capture.confines() == ""
        and capture.actions_by_id["capture.sign_off"].shortcut().toString() == "Ctrl+Return"
    )
    qtbot.waitUntil(lambda: capture.worklist.count == 3)
    assert capture.view.actions_by_id["view.invert"].isEnabled()


def test_the_size_that_the_tracker_knows_can_be_taken(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    open_session(capture, qtbot, "simulated")
    station = capture.session.station
    assert station is not None
    capture.session.station = dataclasses.replace(station, display_mm=(531.0, 299.0))
    capture.recording.opened.emit()
    assert "531 × 299 mm" in capture.banner.text
    capture.banner.action_chosen.emit()
    reach(capture, qtbot, "ready")
    assert capture.session.setup is not None and capture.session.setup.screen.width_mm == 531.0


def test_closing_asks_while_a_reading_is_recorded(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    open_session(capture, qtbot)
    begin(capture, qtbot)
    safe(capture, qtbot)
    asked = answer("Go on reading")
    assert not capture.may_close() and asked == ["A reading is being recorded."]
    assert capture.session.state == "reading"
    answer("Stop and close")
    assert capture.may_close()
    assert capture.session.state == "closed" and capture.recording.pid == 0
    assert library.store.readings()[0].state == "aborted"
    assert capture.may_close(), "nothing to ask any more"


def test_two_windows_do_not_record_into_one_library(
    capture: CaptureWorkspace, library_path: Path, qtbot: QtBot, other: CaptureWorkspace
) -> None:
    open_session(capture, qtbot)
    form = other.setup_form
    for widget, value in ((form.width_mm, 340), (form.height_mm, 340), (form.distance_mm, 600)):
        widget.setValue(value)
    form.reader.setText("Bob")
    form.confirmed.click()
    form.open_button.click()
    qtbot.waitUntil(lambda: "recording into this library" in other.banner.text, timeout=WAIT_MS)
    assert other.session.state == "closed" and capture.session.state == "ready"


@pytest.fixture
def other(library_path: Path, qtbot: QtBot) -> Iterator[CaptureWorkspace]:
    library = Library.open(library_path)
    workspace = CaptureWorkspace(library, Settings())
    qtbot.addWidget(workspace, before_close_func=lambda w: w.recording.close())
    workspace.show()
    yield workspace
    workspace.recording.close()
    workspace.set_library(None)
    library.close()


def test_a_library_without_films_says_what_to_do(qtbot: QtBot, tmp_path: Path) -> None:
    Store.open(tmp_path / "empty.sqlite", create=True).close()
    library = Library.open(tmp_path / "empty.sqlite")
    workspace = CaptureWorkspace(library, Settings())
    qtbot.addWidget(workspace)
    workspace.show()
    qtbot.waitUntil(lambda: "no films yet" in workspace.view.caption)
    assert not workspace.actions_by_id["capture.start"].isEnabled()
    workspace.set_library(None)
    assert "No library is open" in workspace.view.caption
    library.close()


def test_a_film_that_is_gone_is_said_in_words(library: Library, qtbot: QtBot) -> None:
    for study in library.store.studies():
        for film in study.instances:
            film.path.unlink()
    workspace = CaptureWorkspace(library, Settings())
    qtbot.addWidget(workspace)
    workspace.show()
    qtbot.waitUntil(lambda: bool(workspace.banner.text))
    assert not workspace.actions_by_id["capture.start"].isEnabled()
