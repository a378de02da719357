"""A library with a reading whose audio comes as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.store.store import Store
from egma_core.store.values import AudioChunk, CaptureSessionRecord, FilmRecord, RawBatch, SpokenSentence
from egma_core.trackers.tracker import TrackerDescription

RATE = 16_000
STARTED = 5_000_000_000
UTC = datetime(2026, 3, 1, 9, 30, tzinfo=timezone.utc)
FILM = FilmRecord("P001", "1.2.3", "1.2.3.1", "1.2.3.1.1", "1.2", "CR", "PA", 64, 64, 1, "films/1.dcm", "0" * 64, "phantom")


@dataclass
class Reading:
    """A reading in progress, into which audio and sentences are put."""

    store: Store
    id: int
    started_ns: int = STARTED
    heard: int = 0

    def hear(self, samples: np.ndarray, *, lost: int = 0) -> None:
        """Commit audio in chunks of 100 ms; `lost` samples are missing before it."""
        self.heard += lost
        for at in range(0, len(samples), RATE // 10):
            piece = samples[at : at + RATE // 10].astype(np.int16)
            t0_ns = self.started_ns + self.heard * 1_000_000_000 // RATE
            t1_ns = t0_ns + len(piece) * 1_000_000_000 // RATE
            self._append(RawBatch(GazeSamples.blank(0, "simulated"), audio=(AudioChunk(t0_ns, t1_ns, self.heard, RATE, piece),)))
            self.heard += len(piece)

    def say(self, text: str, onset_s: float, offset_s: float, origin: str = "dictation") -> None:
        times = (self.started_ns + round(time_s * 1e9) for time_s in (onset_s, offset_s))
        self._append(RawBatch(GazeSamples.blank(0, "simulated"), sentences=(SpokenSentence(text, *times, origin),)))

    def _append(self, batch: RawBatch) -> None:
        self.store.append(self.id, batch)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library.sqlite"


@pytest.fixture
def store(library: Path) -> Iterator[Store]:
    with Store.open(library, create=True) as store:
        store.add_film(FILM)
        yield store


@pytest.fixture
def begin(store: Store) -> Callable[..., Reading]:
    """Begin a reading of the library's study."""

    def make(started_ns: int = STARTED) -> Reading:
        reader = store.add_reader("Dr A").id
        tracker = TrackerDescription("simulated", "simulated", "Simulated", "", 120.0)
        screen = Screen(1920, 1080, 531.0, 299.0, 650.0)
        session = store.begin_session(CaptureSessionRecord(reader, screen, tracker, started_ns, UTC, "0.1")).id
        reading_id = store.begin_reading(session, 1, started_ns, UTC).id
        assert reading_id is not None
        return Reading(store, reading_id, started_ns)

    return make
