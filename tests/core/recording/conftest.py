"""A library with one study in it, and a sitting at a simulated tracker on a simulated clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from egma_core.geometry import Screen
from egma_core.recording.clock import SimulatedClock
from egma_core.recording.recorder import Recorder
from egma_core.store.store import Store
from egma_core.store.values import CaptureSessionRecord, FilmRecord
from egma_core.trackers.simulated import SimulatedTracker

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
FILM = FilmRecord("P001", "1.2.3", "1.2.3.1", "1.2.3.1.1", "1.2", "CR", "PA", 64, 64, 1, "films/1.dcm", "0" * 64, "phantom")


@pytest.fixture(scope="session")
def _made_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library with one study, to be copied: making one takes longer than most tests."""
    folder = tmp_path_factory.mktemp("library")
    with Store.open(folder / "library.sqlite", create=True) as store:
        store.add_film(FILM)
    return folder


@pytest.fixture
def library(_made_library: Path, tmp_path: Path) -> Path:
    """A library with one study, closed."""
    shutil.copytree(_made_library, tmp_path, dirs_exist_ok=True)
    return tmp_path / "library.sqlite"


@pytest.fixture
def store(library: Path) -> Iterator[Store]:
    with Store.open(library) as store:
        yield store


@dataclass
class Sitting:
    """A recorder that can begin a reading of the library's study."""

    store: Store
    clock: SimulatedClock
    tracker: SimulatedTracker
    recorder: Recorder
    session_id: int

    def begin(self) -> int:
        return self.recorder.begin(self.session_id, 1)


@pytest.fixture
def sit(store: Store) -> Callable[..., Sitting]:
    """Sit down at a tracker of `rate_hz`, or at the one given."""

    def make(rate_hz: float = 120.0, tracker: object = None, chunk_ms: int = 100) -> Sitting:
        clock = SimulatedClock(start_ns=10**12)
        device = tracker or SimulatedTracker(clock.now_ns, SCREEN, rate_hz=rate_hz, seed=5)
        reader = store.add_reader("Dr A").id
        session = store.begin_session(CaptureSessionRecord(reader, SCREEN, device.description, clock.now_ns(), clock.utc(), "0.1"))
        return Sitting(store, clock, device, Recorder(store, clock, device, chunk_ms=chunk_ms), session.id)

    return make
