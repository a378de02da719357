from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from egma_core.dictation.listener import Listener
from egma_core.dictation.sound import ReadingSound
from egma_core.errors import ConfigError, SpeechError, StoreError
from egma_core.speech.alignment import spread_words
from egma_core.speech.transcript import Transcript
from egma_core.store.store import Store

RATE = 16_000


class Scripted:
    """Hears what it was told to, one text an utterance, over the loud part of what it is given."""

    engine = "scripted"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.lengths_s: list[float] = []

    def transcribe(self, samples: np.ndarray, rate_hz: int) -> Transcript:
        self.lengths_s.append(len(samples) / rate_hz)
        text = self.texts.pop(0)
        if text == "!":
            raise SpeechError("The engine failed.", "Say it again.")
        loud = np.flatnonzero(np.abs(samples) > 500)
        begin, end = (loud[0], loud[-1]) if len(loud) else (0, len(samples))
        return Transcript(spread_words(text, begin / rate_hz, end / rate_hz), text, self.engine)

    def close(self) -> None:
        return


class Desk:
    """A listener with a clock in the test's hand."""

    def __init__(self, store: Store, *texts: str) -> None:
        self.now_ns = 0
        self.told: list[dict[str, Any]] = []
        self.engine = Scripted(*texts)
        self.listener = Listener(store, self.engine, self._tell, lambda: self.now_ns)

    def _tell(self, event: str, /, **fields: Any) -> None:
        self.told.append({"event": event, **fields})

    def steps(self, n: int = 4) -> list[dict[str, Any]]:
        for _ in range(n):
            self.listener.step()
        told, self.told = self.told, []
        return told


def voice(seconds: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 3000, round(seconds * RATE))


def quiet(seconds: float) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 10, round(seconds * RATE))


def test_what_is_said_is_told_sentence_by_sentence_on_the_host_clock(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    desk = Desk(store, "no effusion full stop heart normal full stop")
    desk.listener.listen(reading.id, "continuous")
    reading.hear(quiet(2))
    assert desk.steps() == []
    reading.hear(voice(1))
    assert [(e["event"], e["on"]) for e in desk.steps()] == [("speaking", True)]
    reading.hear(voice(1))
    assert desk.steps() == []
    reading.hear(quiet(1))
    told = desk.steps()
    assert [e["event"] for e in told] == ["speaking", "heard", "heard"]
    assert told[0]["on"] is False
    first, second = told[1:]
    assert (first["text"], second["text"]) == ("No effusion.", "Heart normal.")
    assert [word[0] for word in first["words"]] == ["no", "effusion", "full", "stop"]
    assert first["onset_ns"] == pytest.approx(reading.started_ns + 2e9, abs=2e7)
    assert second["offset_ns"] == pytest.approx(reading.started_ns + 4e9, abs=2e7)
    assert first["words"][0][1] == first["onset_ns"]
    assert first["offset_ns"] <= second["onset_ns"]


def test_a_lost_stretch_does_not_shift_what_is_said_behind_it(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    desk = Desk(store, "clear")
    desk.listener.listen(reading.id, "continuous")
    reading.hear(quiet(1))
    reading.hear(quiet(1), lost=RATE * 3)
    reading.hear(voice(1))
    reading.hear(quiet(1))
    (heard,) = [e for e in desk.steps() if e["event"] == "heard"]
    assert heard["onset_ns"] == pytest.approx(reading.started_ns + 5e9, abs=2e7)


def test_a_stretch_that_is_asked_for_waits_until_it_is_committed(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    desk = Desk(store, "no effusion", "")
    desk.listener.listen(reading.id, "push")
    reading.hear(quiet(1))
    reading.hear(voice(1))
    desk.listener.utterance(reading.id, reading.started_ns + 900_000_000, reading.started_ns + 2_000_000_000)
    assert desk.steps() == []
    reading.hear(quiet(1))
    (heard,) = desk.steps()
    assert heard["text"] == "No effusion."
    assert desk.engine.lengths_s == [pytest.approx(1.4, abs=0.01)]
    desk.listener.utterance(reading.id, reading.started_ns, reading.started_ns + 500_000_000)
    (heard,) = desk.steps()  # nothing was understood: told all the same, so that nobody waits
    assert (heard["event"], heard["text"], heard["words"]) == ("heard", "", [])


def test_audio_that_never_comes_is_not_waited_for_for_ever(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    desk = Desk(store)
    desk.listener.utterance(reading.id, reading.started_ns, reading.started_ns + 1_000_000_000)
    assert desk.steps() == []
    desk.now_ns = 4_000_000_000
    (error,) = desk.steps()
    assert error["event"] == "error"
    assert "Nothing was recorded" in error["what"]


def test_a_long_stretch_is_heard_in_pieces(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    desk = Desk(store, "one", "two", "three")
    for _ in range(3):
        reading.hear(quiet(3))
        reading.hear(voice(7))
    desk.listener.utterance(reading.id, reading.started_ns, reading.started_ns + 29_500_000_000)
    assert [e["text"] for e in desk.steps(6)] == ["One.", "Two.", "Three."]
    assert max(desk.engine.lengths_s) < 10


def test_stopped_listening_hears_what_was_said_before_and_nothing_of_the_pause(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    desk = Desk(store, "before", "after")
    desk.listener.listen(reading.id, "continuous")
    reading.hear(quiet(1))
    reading.hear(voice(1))
    desk.steps()
    desk.now_ns = reading.started_ns + 2_000_000_000
    desk.listener.stop()
    assert [e["event"] for e in desk.steps()] == ["speaking", "heard", "stopped"]
    reading.hear(voice(2))
    assert desk.steps() == []
    desk.now_ns = reading.started_ns + 4_000_000_000
    reading.hear(quiet(1))
    desk.listener.listen(reading.id, "continuous")
    reading.hear(voice(1))
    reading.hear(quiet(1))
    assert [e["text"] for e in desk.steps() if e["event"] == "heard"] == ["After."]


def test_an_engine_that_fails_costs_one_utterance(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    desk = Desk(store, "!", "fine")
    desk.listener.listen(reading.id, "continuous")
    for _ in range(2):
        reading.hear(quiet(1))
        reading.hear(voice(1))
        reading.hear(quiet(1))
    told = [(e["event"], e.get("text", "")) for e in desk.steps() if e["event"] != "speaking"]
    assert told == [("error", ""), ("heard", "Fine.")]


def test_another_reading_is_heard_from_its_beginning(store: Store, begin: Callable[..., Any]) -> None:
    one, other = begin(), begin(90_000_000_000)
    desk = Desk(store, "one", "other")
    for reading in (one, other):
        reading.hear(quiet(1))
        reading.hear(voice(1))
        reading.hear(quiet(1))
    for reading, text in ((one, "One."), (other, "Other.")):
        desk.listener.listen(reading.id, "continuous")
        (heard,) = [e for e in desk.steps() if e["event"] == "heard"]
        assert (heard["reading_id"], heard["text"]) == (reading.id, text)
        assert heard["onset_ns"] == pytest.approx(reading.started_ns + 1e9, abs=2e7)


def test_what_makes_no_sense_is_refused(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    desk = Desk(store)
    with pytest.raises(ConfigError, match="before it begins"):
        desk.listener.utterance(reading.id, 5, 4)
    with pytest.raises(StoreError):
        desk.listener.listen(reading.id + 1, "continuous")


def test_samples_and_times_of_a_reading_are_found_both_ways(store: Store, begin: Callable[..., Any]) -> None:
    reading = begin()
    sound = ReadingSound(store, reading.id)
    assert (sound.end, sound.durable_ns, sound.sample_at(reading.started_ns + 5)) == (0, reading.started_ns, 0)
    reading.hear(voice(0.5))
    assert len(sound.update()) == RATE // 2
    reading.hear(voice(0.5), lost=RATE)
    assert len(sound.update()) == RATE + RATE // 2
    assert not sound.samples(RATE // 2, RATE + RATE // 2).any()
    assert len(sound.update()) == 0
    for sample in (0, 100, RATE // 2, RATE, 2 * RATE - 1):
        host_ns = sound.host_ns(sample)
        assert host_ns == pytest.approx(reading.started_ns + sample / RATE * 1e9, abs=1)
        assert sound.sample_at(host_ns) == pytest.approx(sample, abs=RATE // 2 + 1 if RATE // 2 < sample < 3 * RATE // 2 else 1)
    assert sound.sample_at(reading.started_ns + 10**12) == sound.end == 2 * RATE
    assert sound.durable_ns == reading.started_ns + 2_000_000_000
