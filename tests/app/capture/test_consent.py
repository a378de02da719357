from __future__ import annotations

from datetime import datetime, timezone

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from egma_app.capture.consent import ConsentDialog, consent_text, consent_version, must_ask
from egma_app.capture.opening import SessionOpening
from egma_app.capture.sitting import Setup
from egma_app.messages import Message
from egma_app.workspace import Library
from egma_core.geometry import Screen
from egma_core.store.values import Consent

UTC = datetime(2026, 3, 9, tzinfo=timezone.utc)
SETUP = Setup("Cem", "simulated", Screen(1600, 1000, 340.0, 212.5, 600.0), microphone="default", engine="moonshine")


def consent(*scope: str, given: bool = True, version: str = "") -> Consent:
    return Consent(UTC, version or consent_version(), scope, given)


@pytest.mark.parametrize(
    ("known", "voice", "asked"),
    [
        (None, False, True),
        (consent("gaze"), False, False),
        (consent("gaze"), True, True),
        (consent("gaze", "voice"), True, False),
        (consent("gaze", version="0-old"), False, True),
        (consent(given=False), False, True),
    ],
)
def test_a_reader_is_asked_once_for_each_wording_and_scope(known: Consent | None, voice: bool, asked: bool) -> None:
    assert must_ask(known, voice=voice) is asked


def test_the_version_names_the_very_words() -> None:
    assert len(consent_text()) > 500 and consent_version().startswith("1-")


class Opened:
    """What came of opening a session."""

    def __init__(self, library: Library, qtbot: QtBot) -> None:
        self.widget = QWidget()
        qtbot.addWidget(self.widget)
        self.library, self.qtbot = library, qtbot
        self.opening = SessionOpening(self.widget)
        self.allowed: list[Setup] = []
        self.said: list[Message] = []
        self.opening.allowed.connect(self.allowed.append)
        self.opening.said.connect(self.said.append)
        self.opening.begin(library, SETUP)

    def dialog(self) -> ConsentDialog:
        self.qtbot.waitUntil(lambda: self.widget.findChild(ConsentDialog) is not None)
        dialog = self.widget.findChild(ConsentDialog)
        assert dialog is not None
        return dialog


@pytest.fixture
def opened(library: Library, qtbot: QtBot) -> Opened:
    return Opened(library, qtbot)


def test_agreeing_opens_and_is_kept(opened: Opened, library: Library, qtbot: QtBot) -> None:
    dialog = opened.dialog()
    dialog.voice.click()
    qtbot.mouseClick(dialog.agree, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.allowed == [SETUP])
    kept = library.store.consent("Cem")
    assert kept is not None and kept.given and kept.scope == ("gaze", "voice") and kept.text_version == consent_version()
    again = Opened(library, qtbot)
    qtbot.waitUntil(lambda: again.allowed == [SETUP])


def test_without_the_voice_the_session_opens_without_a_microphone(opened: Opened, qtbot: QtBot) -> None:
    qtbot.mouseClick(opened.dialog().agree, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(opened.allowed))
    assert (opened.allowed[0].microphone, opened.allowed[0].engine) == ("", "")
    assert "voice is not recorded" in opened.said[0].what


def test_refusing_records_nothing_and_is_kept(opened: Opened, library: Library, qtbot: QtBot) -> None:
    qtbot.mouseClick(opened.dialog().refuse, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(opened.said))
    assert opened.allowed == [] and "consent" in opened.said[0].what
    kept = library.store.consent("Cem")
    assert kept is not None and not kept.given


def test_closing_the_question_answers_nothing(opened: Opened, library: Library, qtbot: QtBot) -> None:
    opened.dialog().reject()
    qtbot.waitUntil(lambda: bool(opened.said))
    assert opened.allowed == [] and library.store.consent("Cem") is None
