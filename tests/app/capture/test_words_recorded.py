"""Words from key to library, through the real workspace and the real capture process."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from egma_app.capture.sentence_panel import REASON
from egma_app.capture.sitting import Setup
from egma_app.capture.workspace import CaptureWorkspace
from egma_app.workspace import Library
from egma_core.geometry import Screen

WAIT_MS = 15000


def begin(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> int:
    session = capture.session
    capture.recording.open(library.location, Setup("Ada", "mouse", Screen(800, 800, 340.0, 340.0, 600.0)))
    qtbot.waitUntil(lambda: session.state == "ready", timeout=WAIT_MS)
    capture.start()
    qtbot.waitUntil(lambda: session.state == "reading", timeout=WAIT_MS)
    assert session.reading_id is not None
    return session.reading_id


def write(capture: CaptureWorkspace, qtbot: QtBot, *texts: str) -> None:
    capture.line.setFocus()
    for text in texts:
        qtbot.keyClicks(capture.line, text)
        qtbot.keyClick(capture.line, Qt.Key.Key_Return)


def edit_first(capture: CaptureWorkspace, qtbot: QtBot, text: str) -> None:
    """Open the editor over the first sentence and type; leave it open."""
    sentences = capture.panel.sentences.list
    sentences.setCurrentIndex(sentences.sentences.index(0))
    sentences.edit_chosen()
    assert sentences.editor is not None
    sentences.editor.selectAll()
    qtbot.keyClicks(sentences.editor, text)


def test_typing_is_recorded_key_by_key_and_edited_beside_it(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    line, panel = capture.line, capture.panel.sentences
    capture.settings.update(spotlight_deg=2.0)
    reading = begin(capture, library, qtbot)
    assert capture.view.spotlight is not None
    for step in range(20):
        qtbot.mouseMove(capture.view, QPoint(60 + 3 * step, 80 + 2 * step))
        QTest.qWait(4)
    write(capture, qtbot, "No efusion.", "Heart large.")
    qtbot.keyClicks(line, "x")
    qtbot.keyClick(line, Qt.Key.Key_Backspace)
    edit_first(capture, qtbot, "No effusion.")
    with qtbot.waitSignal(panel.settled, timeout=WAIT_MS) as settled:
        capture.conduct.sign_off()
    assert settled.args == [reading]
    assert capture.view.spotlight is None

    store = library.store
    assert [sentence.text for sentence in store.recorded_sentences(reading)] == ["No efusion.", "Heart large."]
    assert [sentence.text for sentence in store.sentences(reading)] == ["No effusion.", "Heart large."]
    assert [revision.reason for revision in store.revisions(reading)] == [REASON]
    lines = ["", "", ""]
    edits = store.edits(reading)
    for edit in edits:
        text = lines[edit.line]
        assert text[edit.position : edit.position + len(edit.removed)] == edit.removed
        lines[edit.line] = text[: edit.position] + edit.inserted + text[edit.position + len(edit.removed) :]
    assert lines == ["No efusion.", "Heart large.", ""]
    first = store.recorded_sentences(reading)[0]
    started_ns = store.reading(reading).started_ns
    assert edits[0].host_ns == started_ns + round(first.onset_s * 1e9)
    assert [note.text for note in store.notifications(reading) if note.kind == "spotlight"] == [
        "The film is blurred (0.4 deg) but for 2 deg around the pointer."
    ]


def test_what_was_edited_survives_the_capture_process(capture: CaptureWorkspace, library: Library, qtbot: QtBot) -> None:
    reading = begin(capture, library, qtbot)
    write(capture, qtbot, "No efusion.")
    offset_ns = capture.session.sentences[0].offset_ns
    qtbot.waitUntil(lambda: (q := capture.session.quality) is not None and q.safe_up_to_ns > offset_ns, timeout=WAIT_MS)
    edit_first(capture, qtbot, "No effusion.")
    child = capture.recording._child  # pyright: ignore[reportPrivateUsage]
    assert child is not None
    with qtbot.waitSignal(capture.panel.sentences.settled, timeout=WAIT_MS) as settled:
        child._process.kill()  # pyright: ignore[reportPrivateUsage]
    assert settled.args == [reading]
    assert library.store.reading(reading).state == "recovered"
    assert [sentence.text for sentence in library.store.recorded_sentences(reading)] == ["No efusion."]
    assert [sentence.text for sentence in library.store.sentences(reading)] == ["No effusion."]
