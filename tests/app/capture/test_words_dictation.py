"""Dictation against a process that speaks its protocol and hears what it is told to hear."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from egma_app import actions
from egma_app.capture import speech_process
from egma_app.capture.dictation import Dictation
from egma_app.capture.dictation_mode import DictationMode
from egma_app.capture.film_panel import FilmPanel
from egma_app.capture.recording import Recording
from egma_app.capture.sitting import SaidSentence, Setup
from egma_app.capture.spotlight_radius import SpotlightRadius
from egma_app.capture.talk_key import HOLD_MS
from egma_app.settings import Settings
from egma_app.viewer.image_view import ImageView
from egma_core.geometry import Screen

WAIT_MS = 15000
MS = 1_000_000
SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)

PROCESS = '''
"""Hears "heard N." in the N-th utterance, nothing in one that begins at 0, and dies of one that begins at 13."""
import os
from egma_core.child import Channel, serve
from egma_core.errors import MissingExtraError

channel = Channel.standard()
said = []
reading_id = [0]


def handle(command):
    values = dict(command.values)
    if command.do == "open" and values["engine"] == "absent":
        raise MissingExtraError("The speech engine 'absent'", "voice")
    if command.do == "open":
        channel.emit("ready", engine=values["engine"])
    elif command.do == "utterance" and values["onset_ns"] == 13:
        os._exit(3)
    elif command.do == "utterance":
        said.append(values)
        onset, offset = values["onset_ns"], values["offset_ns"]
        word = f"heard {len(said)}."
        words = [] if onset == 0 else [[part, onset, offset, 0.5] for part in word.split()]
        about = {"reading_id": values["reading_id"], "engine": "fake-1", "onset_ns": onset, "offset_ns": offset}
        channel.emit("heard", text=word if words else "", words=words, **about)
    elif command.do == "align":
        channel.emit("aligned", reading_id=values["reading_id"], revision_id=1)
    else:
        channel.emit("told", do=command.do, **values)
        reading_id[0] = values.get("reading_id", reading_id[0])
        if command.do == "stop":
            channel.emit("stopped", reading_id=reading_id[0])


serve(channel, handle)
'''


class Station(Recording):
    """A recording without a capture process: its session is set by hand, what it would send is kept."""

    def __init__(self, view: ImageView) -> None:
        self.sent: list[Mapping[str, Any]] = []
        super().__init__(view)

    def send(self, command: Mapping[str, Any]) -> None:
        self.sent.append(command)

    def stand(self, state: str, engine: str = "fake", reading_id: int | None = None) -> None:
        session = self.session
        session.setup = Setup("Ada", "simulated", SCREEN, microphone="default" if engine else "", engine=engine)
        session.state, session.reading_id = state, reading_id  # pyright: ignore[reportAttributeAccessIssue]
        self.changed.emit()


@pytest.fixture
def station(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    (tmp_path / "fake_dictation.py").write_text(PROCESS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(speech_process, "PROCESS", "fake_dictation")
    view = ImageView()
    qtbot.addWidget(view)
    return Station(view)


@pytest.fixture
def dictation(station: Station) -> Iterator[Dictation]:
    now = itertools.count(1000 * MS, MS)
    made = Dictation(station, now_ns=lambda: next(now))
    yield made
    made.close()


def reach(dictation: Dictation, qtbot: QtBot, state: str) -> None:
    qtbot.waitUntil(lambda: dictation.state == state, timeout=WAIT_MS)


def read(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    station.stand("ready")
    reach(dictation, qtbot, "idle")
    station.stand("reading", reading_id=7)


def test_without_an_engine_there_is_nothing_to_say(station: Station, dictation: Dictation) -> None:
    station.stand("ready", engine="")
    station.stand("reading", engine="", reading_id=7)
    dictation.talk()
    assert (dictation.state, dictation.status, dictation.busy) == ("off", "", False)


def test_push_to_talk_writes_what_was_heard_beside_what_was_typed(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    station.stand("opening")
    assert dictation.state == "off"
    station.stand("ready")
    assert dictation.status == "Dictation is getting ready…"
    reach(dictation, qtbot, "idle")
    assert dictation.status == "Dictation is ready"
    station.stand("reading", reading_id=7)
    assert dictation.status == "Hold Ctrl+Space to dictate"
    station.session.say(SaidSentence("Typed.", 5, 6))
    dictation.talk()
    assert dictation.status == "Listening" and dictation.busy
    dictation.talk()
    assert dictation.status == "Writing…"
    qtbot.waitUntil(lambda: not dictation.busy, timeout=WAIT_MS)
    heard = station.session.sentences[1]
    assert station.session.sentences == [SaidSentence("Typed.", 5, 6), heard]
    assert (heard.text, heard.origin) == ("heard 1.", "dictation") and 1000 * MS <= heard.onset_ns < heard.offset_ns
    words = [["heard", heard.onset_ns, heard.offset_ns, 0.5], ["1.", heard.onset_ns, heard.offset_ns, 0.5]]
    assert {"do": "heard", "engine": "fake-1", "words": words} in station.sent
    assert station.sent[-1]["do"] == "sentence" and station.sent[-1]["origin"] == "dictation"
    assert dictation.state == "idle" and not dictation.busy


def test_nothing_heard_writes_nothing(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    read(station, dictation, qtbot)
    dictation._now_ns = itertools.count(0, 10).__next__  # pyright: ignore[reportPrivateUsage]
    dictation.talk()
    dictation.talk()
    reach(dictation, qtbot, "idle")
    assert station.session.sentences == []


def test_an_engine_that_is_not_there_is_a_calm_sentence(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    station.stand("ready", engine="absent")
    reach(dictation, qtbot, "unable")
    assert dictation.status == (
        "Dictation is off. The speech engine 'absent' needs packages that are not installed. Install them with: pip install 'egma[voice]'"
    )
    station.stand("reading", engine="absent", reading_id=7)
    dictation.talk()
    assert dictation.state == "unable" and not dictation.busy
    done: list[str] = []
    dictation.finish(lambda: done.append("at once"))
    assert done == ["at once"]


def test_a_process_that_dies_is_said_and_can_be_started_again(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    read(station, dictation, qtbot)
    dictation._now_ns = iter([13, 13, 14, 15, 16, 17]).__next__  # pyright: ignore[reportPrivateUsage]
    dictation.talk()
    done: list[str] = []
    dictation.finish(lambda: done.append("gone on"))
    assert done == []
    reach(dictation, qtbot, "unable")
    assert done == ["gone on"]
    assert dictation.status == "Dictation has stopped; typing goes on. Ctrl+Space starts it again."
    dictation.talk()
    reach(dictation, qtbot, "idle")
    assert dictation.status == "Hold Ctrl+Space to dictate"


def test_finishing_waits_for_what_was_said(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    read(station, dictation, qtbot)
    dictation.talk()
    texts: list[str] = []
    dictation.finish(lambda: texts.extend(said.text for said in station.session.sentences))
    qtbot.waitUntil(lambda: texts == ["heard 1."], timeout=WAIT_MS)


def test_what_is_heard_after_the_end_is_let_go(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    read(station, dictation, qtbot)
    dictation.talk()
    dictation.talk()
    station.stand("ready")
    assert not dictation.busy
    station.stand("reading", reading_id=8)
    dictation.talk()
    dictation.talk()
    reach(dictation, qtbot, "idle")
    qtbot.waitUntil(lambda: len(station.session.sentences) == 1, timeout=WAIT_MS)
    assert station.session.sentences[0].text == "heard 2."


def test_continuous_listening_can_be_paused(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    dictation.mode = "continuous"
    told: list[Mapping[str, Any]] = []
    read(station, dictation, qtbot)
    told_by_process = dictation._process.told  # pyright: ignore[reportPrivateUsage]
    assert dictation.status == "Listening"
    told_by_process.connect(told.append)
    told_by_process.emit({"event": "speaking", "on": True})
    assert dictation.status == "Hearing you"
    told_by_process.emit({"event": "speaking", "on": False})
    assert dictation.status == "Writing…" and dictation.busy
    told_by_process.emit(
        {"event": "heard", "reading_id": 7, "engine": "fake-1", "text": "No  effusion.", "onset_ns": 5, "offset_ns": 9, "words": []}
    )
    assert dictation.status == "Listening" and not dictation.busy
    assert station.session.sentences == [SaidSentence("No effusion.", 5, 9, "dictation")]
    dictation.talk()
    assert dictation.status == "Dictation is paused"
    dictation.talk()
    assert dictation.status == "Listening"
    station.stand("ready")
    listen = ("listen", 7, "continuous")
    expected = [listen, ("stop", None, None), listen, ("stop", None, None)]

    def commands() -> list[tuple[str, int | None, str | None]]:
        return [(event["do"], event.get("reading_id"), event.get("mode")) for event in told if event["event"] == "told"]

    qtbot.waitUntil(lambda: commands() == expected, timeout=WAIT_MS)


def test_nothing_waits_for_a_process_that_is_gone(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    dictation.mode = "continuous"
    read(station, dictation, qtbot)
    dictation._process.told.emit({"event": "speaking", "on": True})  # pyright: ignore[reportPrivateUsage]
    done: list[str] = []
    dictation.finish(lambda: done.append("gone on"))
    assert dictation.busy and done == []
    dictation._process.lost.emit()  # pyright: ignore[reportPrivateUsage]
    assert done == ["gone on"] and dictation.state == "unable"


def heard(text: str) -> dict[str, Any]:
    return {"event": "heard", "reading_id": 7, "engine": "fake-1", "text": text, "onset_ns": 1, "offset_ns": 2, "words": []}


def test_finishing_waits_for_every_sentence_and_listening_goes_on(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    """Until the process says that it has told everything; the reader may still decide not to sign off."""
    dictation.mode = "continuous"
    read(station, dictation, qtbot)
    tell = dictation._process.told.emit  # pyright: ignore[reportPrivateUsage]
    texts: list[str] = []
    dictation.finish(lambda: texts.extend(said.text for said in station.session.sentences))
    for text in ("One.", "Two."):
        tell(heard(text))
    assert texts == []
    qtbot.waitUntil(lambda: texts == ["One.", "Two."], timeout=WAIT_MS)
    assert dictation.status == "Listening"
    dictation.talk()
    dictation.finish(lambda: texts.append("at once: nobody listens"))
    assert len(texts) == 3 and dictation.status == "Dictation is paused"


def test_nothing_is_done_for_a_reading_that_is_over(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    read(station, dictation, qtbot)
    dictation.talk()
    done: list[str] = []
    dictation.finish(lambda: done.append("signed off"))
    station.stand("ready")
    qtbot.wait(100)
    assert done == [] and dictation.status == "Dictation is ready"


def test_trouble_with_one_utterance_costs_no_more_than_that(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    read(station, dictation, qtbot)
    dictation.talk()
    dictation._begin_writing()  # pyright: ignore[reportPrivateUsage]
    dictation._process.told.emit(  # pyright: ignore[reportPrivateUsage]
        {"event": "error", "what": "The sound is damaged.", "remedy": ""}
    )
    assert dictation.state == "listening"
    dictation.talk()
    qtbot.waitUntil(lambda: len(station.session.sentences) == 1, timeout=WAIT_MS)
    assert dictation.status == "The sound is damaged."
    dictation.talk()
    assert dictation.status == "Listening"


def test_words_get_their_times_on_request(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    dictation.align(3)
    station.stand("ready")
    reach(dictation, qtbot, "idle")
    with qtbot.waitSignal(dictation.aligned, timeout=WAIT_MS) as aligned:
        dictation.align(7)
    assert aligned.args == [7]


# -- the key


class Key:
    """Ctrl+Space, bound as the workspace binds it, pressed and let go by hand."""

    def __init__(self, dictation: Dictation, qtbot: QtBot) -> None:
        self.widget = QWidget()
        qtbot.addWidget(self.widget)
        actions.bind(self.widget, {"capture.talk": dictation.talk})
        self.widget.show()
        qtbot.waitExposed(self.widget)
        self.widget.activateWindow()
        self.widget.setFocus()
        qtbot.waitUntil(self.widget.hasFocus)

    def send(self, kind: QEvent.Type, *, repeated: bool = False) -> None:
        modifiers = Qt.KeyboardModifier.ControlModifier
        QApplication.sendEvent(self.widget, QKeyEvent(kind, Qt.Key.Key_Space, modifiers, " ", repeated))


def test_a_key_that_is_held_dictates_while_it_is_held(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    read(station, dictation, qtbot)
    now = [1000 * MS]
    dictation._now_ns = dictation._key._now_ns = lambda: now[0]  # pyright: ignore[reportPrivateUsage]
    key = Key(dictation, qtbot)
    qtbot.keyPress(key.widget, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert dictation.status == "Listening"
    key.send(QEvent.Type.ShortcutOverride, repeated=True)
    dictation.talk()
    assert dictation.status == "Listening", "a key that repeats itself says nothing new"
    now[0] += (HOLD_MS + 1) * MS
    key.send(QEvent.Type.KeyRelease, repeated=True)
    assert dictation.status == "Listening"
    key.send(QEvent.Type.KeyRelease)
    assert dictation.status == "Writing…"
    reach(dictation, qtbot, "idle")


def test_a_key_pressed_briefly_dictates_until_it_is_pressed_again(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    read(station, dictation, qtbot)
    now = [1000 * MS]
    dictation._now_ns = dictation._key._now_ns = lambda: now[0]  # pyright: ignore[reportPrivateUsage]
    key = Key(dictation, qtbot)
    for expected in ("Listening", "Writing…"):
        qtbot.keyPress(key.widget, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
        now[0] += (HOLD_MS - 1) * MS
        key.send(QEvent.Type.KeyRelease)
        assert dictation.status == expected
        now[0] += 5000 * MS
    reach(dictation, qtbot, "idle")
    assert station.session.sentences[0].offset_ns - station.session.sentences[0].onset_ns == (HOLD_MS - 1 + 5000) * MS


# -- around the film


def test_the_film_says_how_dictation_stands(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    panel = FilmPanel(Settings().values)
    qtbot.addWidget(panel)
    panel.follow(station, Settings(), dictation)
    assert panel.voice == ""
    read(station, dictation, qtbot)
    assert panel.voice == "Hold Ctrl+Space to dictate"
    dictation.talk()
    assert panel.voice == "●  Listening"


def test_the_mouse_has_a_spotlight_while_a_reading_runs(station: Station, dictation: Dictation, qtbot: QtBot) -> None:
    settings = Settings()
    panel = FilmPanel(settings.values)
    qtbot.addWidget(panel)
    panel.follow(station, settings, dictation)
    mouse = Setup("Ada", "mouse", SCREEN)

    def stand(state: str, setup: Setup) -> None:
        station.session.setup = setup
        station.session.state = state  # pyright: ignore[reportAttributeAccessIssue]
        station.changed.emit()

    stand("reading", mouse)
    assert panel.view.spotlight is None, "off unless it is wanted"
    settings.update(spotlight_deg=3.0)
    stand("ready", mouse)
    assert panel.view.spotlight is None
    stand("reading", mouse)
    assert panel.view.spotlight is not None
    assert panel.view.spotlight.radius_px == pytest.approx(3.0 * SCREEN.px_per_deg())
    notes = [command["text"] for command in station.sent if command["do"] == "note" and command["kind"] == "spotlight"]
    assert notes == ["The film is blurred (0.4 deg) but for 3 deg around the pointer."]
    stand("ready", mouse)
    assert panel.view.spotlight is None
    stand("reading", Setup("Ada", "simulated", SCREEN))
    assert panel.view.spotlight is None, "eyes need no spotlight"


def test_what_is_chosen_is_kept_at_once(qtbot: QtBot) -> None:
    settings = Settings()
    mode, radius = DictationMode(settings), SpotlightRadius(settings)
    for widget in (mode, radius):
        qtbot.addWidget(widget)
    assert (mode.currentData(), radius.text()) == ("push", "off, the whole film is sharp")
    mode.setCurrentIndex(1)
    radius.setValue(3.0)
    kept = Settings().values
    assert (kept.dictation_mode, kept.spotlight_deg) == ("continuous", 3.0)
    again = SpotlightRadius(Settings())
    qtbot.addWidget(again)
    assert again.text() == "3.0° around the pointer"
