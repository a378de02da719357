"""The preview beside the film: hidden until it is asked for, and honest about what it knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from egma_app.capture.preview_panel import PreviewPanel
from egma_app.capture.recording import Recording
from egma_app.capture.sitting import Quality, SaidSentence
from egma_app.viewer.image_view import ImageView
from egma_app.workspace import Library

S = 1_000_000_000
START = S
MARK = SaidSentence("There is a mark in the upper left corner.", START + 1_200_000_000, START + 1_900_000_000)
MIDDLE = SaidSentence("There is nothing in the middle.", START + 3_200_000_000, START + 3_900_000_000)


class Station(Recording):
    """A recording without a capture process; what it would send is kept."""

    def __init__(self, view: ImageView) -> None:
        self.sent: list[Mapping[str, Any]] = []
        super().__init__(view)
        self.session.state, self.session.reading_id, self.session.started_ns = "reading", 1, START

    def send(self, command: Mapping[str, Any]) -> None:
        self.sent.append(command)

    @property
    def notes(self) -> list[str]:
        return [command["text"] for command in self.sent if command["do"] == "note"]

    def store_until(self, safe_ns: int) -> None:
        self.session.quality = Quality(safe_ns, safe_ns, 1, 120.0, 0.0)
        self.measured.emit()

    def say(self, said: SaidSentence) -> None:
        self.session.sentences.append(said)
        self.changed.emit()


@pytest.fixture
def station(qtbot: QtBot) -> Station:
    view = ImageView()
    qtbot.addWidget(view)
    return Station(view)


@pytest.fixture
def readings(make_library: Any, qtbot: QtBot) -> Any:
    path: Path = make_library(1)
    opened = Library.open(path)
    yield opened
    opened.close()


@pytest.fixture
def panel(station: Station, readings: Library, qtbot: QtBot) -> PreviewPanel:
    made = PreviewPanel(station, readings)
    qtbot.addWidget(made)
    made.resize(300, 400)
    return made


def test_it_is_hidden_until_it_is_asked_for(panel: PreviewPanel, station: Station) -> None:
    station.say(MARK)
    assert panel.isHidden() and MARK.text not in panel.text and station.notes == ["The preview is hidden."]
    panel.toggle()
    assert not panel.isHidden() and panel.text == f"00:01   {MARK.text}"
    assert not panel.eyes.isChecked() and panel.film.isHidden(), "gaze is the researcher's wish"
    panel.toggle()
    assert panel.isHidden()
    assert station.notes[1:] == ["The preview is shown without gaze.", "The preview is hidden."]


def test_every_reading_notes_what_was_seen_in_it(panel: PreviewPanel, station: Station) -> None:
    panel.toggle()
    station.sent.clear()
    station.changed.emit()
    assert station.notes == []
    station.session.reading_id = 2
    station.changed.emit()
    station.measured.emit()
    assert station.notes == ["The preview is shown without gaze."]


def test_it_says_that_nothing_was_said(panel: PreviewPanel) -> None:
    panel.toggle()
    assert panel.text == "Nothing has been said yet."


def test_where_the_eyes_were_comes_once_it_is_stored(panel: PreviewPanel, station: Station, qtbot: QtBot) -> None:
    panel.toggle()
    panel.eyes.setChecked(True)
    assert station.notes[-1] == "The preview is shown with gaze."
    station.store_until(START)
    station.say(MARK)
    assert "Waiting until its gaze is stored" in panel.text and panel.film.image is None
    station.store_until(MARK.offset_ns)
    qtbot.waitUntil(lambda: panel.film.image is not None, timeout=15000)
    assert panel.film.image is not None and panel.film.image.instance_uid == "1.2.0.1.1"
    assert panel.text.endswith("s on this film, between 0.0 s and 1.9 s")
    station.store_until(START + 4 * S)
    station.say(MIDDLE)
    qtbot.waitUntil(lambda: panel.text.endswith("between 1.9 s and 3.9 s"), timeout=15000)
    assert MIDDLE.text in panel.text


def test_no_gaze_and_damage_are_said(panel: PreviewPanel, station: Station, qtbot: QtBot) -> None:
    panel.toggle()
    panel.eyes.setChecked(True)
    station.store_until(START + 100 * S)
    station.say(SaidSentence("Much later.", START + 80 * S, START + 81 * S))
    qtbot.waitUntil(lambda: "No gaze on a film belongs to this sentence." in panel.text, timeout=15000)
    station.session.reading_id = 99
    with qtbot.waitSignal(panel.failed, timeout=15000):
        station.say(SaidSentence("Elsewhere.", START + 80 * S, START + 81 * S))
    assert "Its gaze cannot be shown." in panel.text


def test_the_end_of_the_reading_empties_it(panel: PreviewPanel, station: Station) -> None:
    panel.toggle()
    station.say(MARK)
    station.session.sentences = []
    station.changed.emit()
    assert panel.text == "Nothing has been said yet."
