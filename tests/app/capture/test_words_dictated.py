"""Words from voice to library: the real capture process, the real dictation process, and a recording of real speech."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from egma_app.capture.sitting import Setup
from egma_app.capture.workspace import CaptureWorkspace
from egma_app.workspace import Library
from egma_core.geometry import Screen

WAIT_MS = 60000


@pytest.mark.needs_data
def test_typed_and_dictated_make_one_report(capture: CaptureWorkspace, library: Library, shared_data: Path, qtbot: QtBot) -> None:
    pytest.importorskip("moonshine_voice", reason="dictation needs the extra voice")
    pytest.importorskip("pocketsphinx", reason="the times of words need the extra voice")
    session, dictation = capture.session, capture.conduct.dictation
    voice = {"path": str(shared_data / "speech" / "cards" / "001.wav")}
    screen = Screen(800, 800, 340.0, 340.0, 600.0)
    capture.recording.open(library.location, Setup("Ada", "mouse", screen, microphone="file", microphone_options=voice, engine="moonshine"))
    qtbot.waitUntil(lambda: dictation.status == "Dictation is ready", timeout=WAIT_MS)
    capture.start()
    qtbot.waitUntil(lambda: session.state == "reading", timeout=WAIT_MS)
    reading = session.reading_id
    assert reading is not None
    dictation.talk()
    capture.line.setFocus()
    qtbot.keyClicks(capture.line, "Heart large.")
    qtbot.keyClick(capture.line, Qt.Key.Key_Return)
    qtbot.wait(2500)
    with qtbot.waitSignal(dictation.aligned, timeout=WAIT_MS) as aligned:
        capture.conduct.sign_off()  # while the reader still talks: what was said is waited for
    assert aligned.args == [reading]

    store = library.store
    recorded = {sentence.origin: sentence for sentence in store.recorded_sentences(reading)}
    assert recorded["typed"].text == "Heart large."
    assert "clubs" in recorded["dictation"].text.lower()
    heard = store.words(reading)
    assert [word.engine for word in heard] == ["moonshine"] * len(heard) and len(heard) >= 2
    by_origin = {sentence.origin: sentence for sentence in store.sentences(reading)}
    words = by_origin["dictation"].words
    assert len(words) == len(by_origin["dictation"].text.split())
    assert all(0.0 <= word.onset_s < word.offset_s < 4.0 for word in words)
