"""Capture with the real capture process, driven by keys and mouse."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from egma_app.capture.dialogs import DiscardDialog
from egma_app.capture.workspace import CaptureWorkspace
from egma_app.settings import Settings
from egma_app.workspace import Library
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
    assert "The heart is large." in capture.panel.sentences.item(0).text()
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


def test_from_study_to_study_with_one_key(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    open_session(capture, qtbot, "simulated")
    for _ in range(2):
        begin(capture, qtbot)
        safe(capture, qtbot)
        qtbot.keyClick(capture.view, Qt.Key.Key_Return, CTRL)
        reach(capture, qtbot, "ready")
        read = capture.films.study
        qtbot.waitUntil(lambda: capture.worklist.study is not None and capture.worklist.study.status == "read")
        qtbot.keyClick(capture.view, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda read=read: capture.films.study is not read and capture.films.is_ready)
    assert [r.gaze_origin for r in library.store.readings()] == ["simulated", "simulated"]
    assert len({r.study.study_id for r in library.store.readings()}) == 2
    assert len(library.store.gaze(library.store.readings()[0].id)) > 20


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


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_crash_is_said_and_the_reading_recovered(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    open_session(capture, qtbot)
    begin(capture, qtbot)
    qtbot.keyClick(capture.view, Qt.Key.Key_Return)
    qtbot.keyClicks(capture.line, "There is air.")
    qtbot.keyClick(capture.line, Qt.Key.Key_Return)
    safe(capture, qtbot)
    os.kill(capture.recording.pid, signal.SIGKILL)
    reach(capture, qtbot, "closed")
    assert "crashed or was ended from outside" in capture.banner.text and "is safe up to 00:0" in capture.banner.text
    assert library.store.readings()[0].state == "recording"
    capture.setup_form.confirmed.setChecked(False)
    open_session(capture, qtbot)
    assert "An interrupted reading was recovered." in capture.banner.text
    (reading,) = library.store.readings()
    assert reading.state == "recovered" and reading.n_samples > 0
    assert [s.text for s in library.store.sentences(reading.id)] == ["There is air."]


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
