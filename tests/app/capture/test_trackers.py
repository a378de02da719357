from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from PySide6.QtWidgets import QFormLayout, QWidget
from pytestqt.qtbot import QtBot

from egma_app.capture.device_search import DeviceSearch
from egma_app.capture.trackers import TrackerChoice
from egma_app.capture.voice import VoiceChoice
from egma_app.settings import Settings

SPECTRUM = {"driver": "tobii", "model": "Tobii Pro Spectrum", "serial": "TPSP1-0123", "address": "tet-tcp://169.254.5.224"}
TOLD = {"model": "Tobii Pro Spectrum", "serial": "TPSP1-0123", "rate_hz": 1200.0, "rates_hz": [600.0, 1200.0], "display_mm": [527.0, 296.0]}


class Heard(DeviceSearch):
    """A search whose process is the test: commands are kept, and events are what `tell` says."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.sent: list[dict[str, Any]] = []

    def _send(self, command: Mapping[str, Any]) -> None:
        self.sent.append(dict(command))

    def tell(self, event: str, **fields: Any) -> None:
        self._take({"event": event, **fields})


@pytest.fixture
def widget(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def search(widget: QWidget) -> Heard:
    return Heard(widget)


@pytest.fixture
def choice(widget: QWidget, search: Heard) -> TrackerChoice:
    made = TrackerChoice(Settings(), search, widget)
    made.add_rows(QFormLayout(widget))
    return made


def choose(choice: TrackerChoice, name: str) -> None:
    choice.name.setCurrentIndex(choice.name.findData(name))


def test_every_driver_can_be_chosen_and_none_is_looked_for_before(choice: TrackerChoice, search: Heard) -> None:
    names = {choice.name.itemData(row) for row in range(choice.name.count())}
    assert names >= {"simulated", "mouse", "replay", "tobii", "gazepoint", "lsl"}
    assert choice.driver == "simulated" and search.sent == []
    choose(choice, "mouse")
    assert search.sent == []


def test_a_tracker_that_is_found_is_asked_and_tells_its_rates_and_its_screen(choice: TrackerChoice, search: Heard, qtbot: QtBot) -> None:
    choose(choice, "tobii")
    assert search.sent == [{"do": "find"}] and "Looking for trackers" in choice.about.text()
    search.tell("driver", name="tobii", title="Tobii eye tracker")
    search.tell("found", trackers=[SPECTRUM], troubles={}, done=True)
    assert choice.which.itemText(0) == "Tobii Pro Spectrum TPSP1-0123" and choice.address == ""
    choice.which.setCurrentIndex(0)
    choice.which.activated.emit(0)
    assert search.sent[-1] == {"do": "ask", "driver": "tobii", "address": SPECTRUM["address"]}
    with qtbot.waitSignal(choice.display_told) as display:
        search.tell("asked", driver="tobii", tracker=TOLD)
    assert display.args == [527.0, 296.0]
    assert choice.address == SPECTRUM["address"] and choice.rate_hz is None
    choice.rate.setCurrentIndex(choice.rate.findData(600.0))
    assert choice.rate_hz == 600.0 and "1200 samples per second" in choice.about.text()
    choice.remember()
    values = Settings().values
    assert (values.tracker, values.tracker_address, values.tracker_rate_hz) == ("tobii", SPECTRUM["address"], 600.0)


def test_what_is_in_the_way_is_said_in_words(choice: TrackerChoice, search: Heard) -> None:
    choose(choice, "tobii")
    search.tell("driver", name="tobii", title="Tobii eye tracker")
    search.tell("found", trackers=[], troubles={"tobii": "A Tobii eye tracker needs packages that are not installed."}, done=True)
    assert "not installed" in choice.about.text() and choice.find.isEnabled()
    choose(choice, "gazepoint")
    assert "None was found" in choice.about.text()
    choice.which.setEditText(" 10.0.0.7:4242 ")
    assert choice.address == "10.0.0.7:4242"
    search.tell("asked", driver="gazepoint", trouble="Nobody answers at 10.0.0.7.")
    assert choice.about.text() == "Nobody answers at 10.0.0.7."


def test_a_search_that_dies_says_so(choice: TrackerChoice, search: Heard) -> None:
    choose(choice, "lsl")
    search._gone("The search for devices has stopped.", False)  # pyright: ignore[reportPrivateUsage] - what its process would call
    assert choice.about.text() == "The search for devices has stopped." and choice.find.isEnabled()


class TestVoice:
    @pytest.fixture
    def voice(self, widget: QWidget, search: Heard) -> VoiceChoice:
        made = VoiceChoice(Settings(), search, widget)
        made.add_rows(QFormLayout(widget))
        return made

    def test_without_a_microphone_there_is_no_engine(self, voice: VoiceChoice, search: Heard) -> None:
        voice.engine.setCurrentIndex(voice.engine.findData("moonshine"))
        assert (voice.microphone_name, voice.engine_name) == ("", "") and search.sent[-1:] in ([], [{"do": "hush"}])

    def test_the_chosen_microphone_is_listened_to(self, voice: VoiceChoice, search: Heard) -> None:
        voice.microphone.setCurrentIndex(voice.microphone.findData("default"))
        assert {"do": "listen", "microphone": "default", "options": {}} in search.sent
        search.tell("level", db=-18.0)
        assert voice.meter.accessibleDescription() == "-18 dB"
        search.tell("microphones", found=["Headset"])
        assert voice.microphone.findData("Headset") > 0 and voice.microphone_name == "default", "the choice stays"
        voice.microphone.setCurrentIndex(0)
        assert voice.meter.accessibleDescription() == "silent"

    def test_an_engine_that_is_missing_or_lacks_its_model_is_said(self, voice: VoiceChoice, search: Heard) -> None:
        voice.microphone.setCurrentIndex(voice.microphone.findData("default"))
        search.tell("engine", name="moonshine", trouble="It is not installed: pip install 'egma[voice]'")
        search.tell("engine", name="whisper", trouble="")
        voice.engine.setCurrentIndex(voice.engine.findData("moonshine"))
        assert "egma[voice]" in voice.about.text()
        voice.engine.setCurrentIndex(voice.engine.findData("whisper"))
        assert "folder" in voice.trouble


def test_the_real_search_asks_a_tracker_beside_the_window(widget: QWidget, qtbot: QtBot, closing: list[DeviceSearch]) -> None:
    search = DeviceSearch(widget)
    closing.append(search)
    with qtbot.waitSignal(search.asked, timeout=20000) as asked:
        search.ask("simulated", "")
    assert asked.args is not None and asked.args[0]["tracker"]["rate_hz"] == 120.0


@pytest.fixture
def closing() -> Iterator[list[DeviceSearch]]:
    searches: list[DeviceSearch] = []
    yield searches
    for search in searches:
        search.close()
