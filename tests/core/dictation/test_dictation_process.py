"""Dictation as the window starts it: a child process with a real engine, on a reading with real speech."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.recording.clock import SimulatedClock
from egma_core.speech.audio import read_wav
from egma_core.store.store import Store
from egma_core.store.values import AudioChunk, CaptureSessionRecord, FilmRecord, RawBatch, SpokenSentence
from egma_core.trackers.simulated import SimulatedTracker

FILM = FilmRecord("P001", "1.2.3", "1.2.3.1", "1.2.3.1.1", "1.2", "CR", "PA", 64, 64, 1, "films/1.dcm", "0" * 64, "phantom")
SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
START_NS = 10**12


class Child:
    """The process, spoken to line by line."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "egma_core.dictation.process"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def send(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def hear(self, *kinds: str) -> dict[str, Any]:
        """The next event of these kinds."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in kinds:
                return event
        raise AssertionError("the process has ended")


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.process.kill()
    child.process.wait()
    for stream in (child.process.stdin, child.process.stdout):
        assert stream is not None
        stream.close()


@pytest.fixture
def spoken(tmp_path: Path, shared_data: Path) -> Callable[[], tuple[Path, int, int]]:
    """A library with a reading in which a sentence is said: its path, the reading's id and where the speech ends."""

    def make() -> tuple[Path, int, int]:
        samples, rate = read_wav(next((shared_data / "speech" / "librivox").glob("*0870.wav")))
        path = tmp_path / "library.sqlite"
        with Store.open(path, create=True) as store:
            store.add_film(FILM)
            clock = SimulatedClock(START_NS)
            tracker = SimulatedTracker(clock.now_ns, SCREEN, rate_hz=60.0).description
            session = store.begin_session(CaptureSessionRecord(store.add_reader("A").id, SCREEN, tracker, START_NS, clock.utc(), "1"))
            reading = store.begin_reading(session.id, 1, START_NS, clock.utc()).id
            end_ns = START_NS + round(len(samples) * 1e9 / rate)
            audio = (AudioChunk(START_NS, end_ns, 0, rate, samples),)
            store.append(reading, RawBatch(GazeSamples.blank(0, "simulated"), audio=audio))
        return path, reading, end_ns

    return make


@pytest.mark.needs_data
def test_what_is_said_is_heard_and_its_words_are_placed(child: Child, spoken: Callable[[], tuple[Path, int, int]]) -> None:
    for package in ("moonshine_voice", "pocketsphinx"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'egma[voice]'")
    path, reading, end_ns = spoken()
    child.send(do="listen", reading_id=reading, mode="push")
    assert child.hear("error")["what"] == "Dictation is not open."
    child.send(do="open", library=str(path), engine="moonshine")
    assert child.hear("ready", "error") == {"event": "ready", "engine": "moonshine"}
    child.send(do="listen", reading_id=reading, mode="push")
    child.send(do="utterance", reading_id=reading, onset_ns=START_NS, offset_ns=end_ns - 400_000_000)
    heard = child.hear("heard", "error")
    assert "to consider how much there might be prudently in his power" in heard["text"]
    assert [word[0].strip(".,").lower() for word in heard["words"]][-3:] == ["do", "for", "them"]
    assert START_NS < heard["onset_ns"] < heard["offset_ns"] <= end_ns
    with Store.open(path) as store:
        said = SpokenSentence(heard["text"], heard["onset_ns"], heard["offset_ns"], "dictation")
        store.append(reading, RawBatch(GazeSamples.blank(0, "simulated"), sentences=(said,)))
    child.send(do="align", reading_id=reading)
    aligned = child.hear("aligned", "error")
    child.send(do="quit")
    assert child.process.wait(30) == 0
    with Store.open(path, read_only=True) as store:
        (sentence,) = store.sentences(reading)
        assert store.revisions(reading)[-1].id == aligned["revision_id"]
    assert len(sentence.words) == len(heard["text"].split())


def test_wrong_commands_are_answered_in_words(child: Child, tmp_path: Path) -> None:
    for command, said in (
        ({"do": "sing"}, "no command 'sing'"),
        ({"do": "open", "library": str(tmp_path / "none.sqlite"), "engine": "parrot"}, "no engine 'parrot'"),
        ({"do": "open", "library": "x"}, "lacks the field 'engine'"),
    ):
        child.send(**command)
        assert said in child.hear("error")["what"]
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(30) == 0
