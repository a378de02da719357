"""A capture process in miniature: the real set-up of the core, a simulated subject and a clock that runs as fast as it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from egma_app.capture.monitor import native_size
from egma_app.capture.sitting import Setup, Station
from egma_core.child import Command
from egma_core.errors import EgmaError
from egma_core.geometry import Screen
from egma_core.recording.calibrating import Calibrating
from egma_core.recording.clock import SimulatedClock
from egma_core.store.store import Store
from egma_core.store.values import CaptureSessionRecord
from egma_core.trackers.simulated import SimulatedTracker

STEP_NS = 100_000_000


class MiniatureRecording(QObject):
    """What the screens know of a recording: `send` and the signals, served by the core's own set-up within this process."""

    told = Signal(object)
    complained = Signal(object)
    lost = Signal(str, str)

    def __init__(self, store: Any, screen: Screen, *, without: frozenset[str] = frozenset(), **subject: Any) -> None:
        super().__init__()
        self.clock = SimulatedClock(start_ns=10**12)
        choices = {"seed": 5, "offset_deg": 1.0, "blinks_per_min": 0.0, "losses_per_min": 0.0, **subject}
        self.tracker = SimulatedTracker(self.clock.now_ns, screen, **choices)
        self.store = store
        reader = store.add_reader("Dr A").id
        record = CaptureSessionRecord(reader, screen, self.tracker.description, self.clock.now_ns(), self.clock.utc(), "0.1")
        self.session_id = store.begin_session(record).id
        self.calibrating = Calibrating(store, self.clock, self.tracker, self.session_id, screen, self._emit)
        capabilities = self.tracker.description.capabilities - without
        self.session = SimpleNamespace(station=Station(self.session_id, capabilities=capabilities))
        self.sent: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._turn)
        self._timer.start(0)

    def send(self, command: Mapping[str, Any]) -> None:
        fields = dict(command)
        self.sent.append(dict(fields))
        do = fields.pop("do")
        try:
            self.calibrating.commands[do](Command(do, fields))
        except EgmaError as error:
            self._events.append({"event": "error", "error": error})

    def _emit(self, event: str, **fields: Any) -> None:
        self._events.append({"event": event, **fields})

    def _turn(self) -> None:
        self.clock.wait_until(self.clock.now_ns() + STEP_NS)
        self.calibrating.step()
        events, self._events = self._events, []
        for event in events:
            if event["event"] == "error":
                self.complained.emit(event["error"])
            else:
                self.told.emit(event)

    def finish(self) -> None:
        """Let what goes on end in this clock's time, and stop."""
        self._timer.stop()
        if self.tracker.calibration is not None:
            self.tracker.calibration.leave()
        for _ in range(100):
            if self.calibrating.busy:
                self._turn()
        self.calibrating.close()
        self.deleteLater()

    def attempts(self, kind: str) -> list[Any]:
        return [attempt for attempt in self.store.attempts(self.session_id) if attempt.kind == kind]


@pytest.fixture
def setup(qapp: QApplication) -> Setup:
    pixels = native_size(qapp.primaryScreen())
    return Setup("Dr A", "simulated", Screen(pixels.width(), pixels.height(), 531.0, 531.0 * pixels.height() / pixels.width(), 650.0))


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    """Whatever the screens are opened from."""
    made = QWidget()
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def recording(tmp_path: Path, setup: Setup, qtbot: QtBot) -> Iterator[Callable[..., MiniatureRecording]]:
    """Make one: `recording(without=..., drift_deg_per_min=..., ...)`."""
    made: list[MiniatureRecording] = []
    with Store.open(tmp_path / "library.sqlite", create=True) as store:

        def make(**choices: Any) -> MiniatureRecording:
            made.append(MiniatureRecording(store, setup.screen, **choices))
            return made[-1]

        yield make
        for one in made:
            one.finish()
