"""The drivers this program knows, its own and those of others, by name; opening and looking for trackers beside the caller."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from importlib import metadata

from egma_core.errors import EgmaError, TrackerError
from egma_core.trackers.driver import Driver, FoundTracker, TrackerRequest
from egma_core.trackers.fed import FedTracker
from egma_core.trackers.gazepoint import GAZEPOINT
from egma_core.trackers.lsl import LSL
from egma_core.trackers.replay import ReplayTracker
from egma_core.trackers.simulated import SimulatedTracker
from egma_core.trackers.tobii import TOBII
from egma_core.trackers.tracker import Tracker

ENTRY_POINTS = "egma.trackers"
"""The entry point group under which others offer a `Driver`; the entry point's name is the driver's."""


def _open_simulated(request: TrackerRequest) -> Tracker:
    return SimulatedTracker(request.now_ns, request.screen, rate_hz=request.rate_hz or 120.0, seed=request.seed)


def _open_mouse(request: TrackerRequest) -> Tracker:
    return FedTracker(request.now_ns, request.rate_hz or 0.0)


def _open_replay(request: TrackerRequest) -> Tracker:
    if request.samples is None:
        raise TrackerError("Nothing was chosen to replay.", "Choose a reading whose gaze is to be replayed.")
    return ReplayTracker(request.samples, request.now_ns, title=request.title)


BUILT_IN = {
    "tobii": TOBII,
    "gazepoint": GAZEPOINT,
    "lsl": LSL,
    "mouse": Driver("Mouse pointer in place of gaze", _open_mouse, at_once=True),
    "replay": Driver("Replay of a stored reading", _open_replay, at_once=True),
    "simulated": Driver("Simulated eye tracker", _open_simulated, at_once=True),
}


def driver_names() -> tuple[str, ...]:
    """Every driver that can be named: ours, which nobody can replace, then those of others."""
    return (*BUILT_IN, *sorted({entry.name for entry in metadata.entry_points(group=ENTRY_POINTS)} - set(BUILT_IN)))


def driver(name: str) -> Driver:
    """The driver of that name.

    Raises:
        TrackerError: There is none, or another package offers one that cannot be loaded.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    for entry in metadata.entry_points(group=ENTRY_POINTS, name=name):
        whose = f"The driver '{name}' of the package '{entry.dist.name if entry.dist else entry.module}'"
        try:
            found = entry.load()
        except (ImportError, AttributeError, SyntaxError, OSError) as error:
            raise TrackerError(f"{whose} cannot be loaded ({type(error).__name__}).", "Update that package, or remove it.") from error
        if not isinstance(found, Driver):
            raise TrackerError(f"{whose} is no driver.", "Its entry point must name an egma_core.trackers.driver.Driver.")
        return found
    raise TrackerError(f"There is no tracker called '{name}'.", f"Choose one of: {', '.join(driver_names())}.")


def open_tracker(name: str, request: TrackerRequest) -> Tracker:
    """Open a tracker, not started, waiting for it; `Opening` does so beside the caller.

    Raises:
        TrackerError: There is no such driver or no such tracker, or it cannot be used.
        MissingExtraError: The driver's packages are not installed.
    """
    return driver(name).open(request)


class Opening:
    """A tracker that is being opened beside the caller."""

    def __init__(self, name: str, request: TrackerRequest) -> None:
        """Begin. What is in the way is told by `tracker`, later."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._wanted = True
        self._tracker: Tracker | None = None
        self._error: EgmaError | None = None
        try:
            wait = not driver(name).at_once
        except TrackerError as error:
            self._error, wait = error, False
            self._ended.set()
            return
        thread = threading.Thread(target=self._open, args=(name, request), name=f"open {name}", daemon=True)
        if wait:
            thread.start()
        else:
            self._open(name, request)

    @property
    def done(self) -> bool:
        """Whether it is open, or is known not to open."""
        return self._ended.is_set()

    def tracker(self) -> Tracker:
        """The open tracker, not started; waits for it.

        Raises:
            TrackerError: It cannot be used.
            MissingExtraError: The driver's packages are not installed.
        """
        self._ended.wait()
        if self._tracker is None:
            raise self._error or TrackerError("The tracker's driver failed while opening it.", "Try again, or use another tracker.")
        return self._tracker

    def abandon(self) -> None:
        """Nobody wants it any more: it is closed as soon as it is open."""
        with self._lock:
            self._wanted = False
            tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.close()

    def _open(self, name: str, request: TrackerRequest) -> None:
        try:
            tracker = open_tracker(name, request)
            with self._lock:
                if self._wanted:
                    self._tracker = tracker
            if self._tracker is None:
                tracker.close()
        except EgmaError as error:
            self._error = error
        finally:
            self._ended.set()


class Search:
    """A look for trackers that are there, beside the caller; what has been found so far can be asked at any time."""

    def __init__(self, names: Iterable[str] | None = None) -> None:
        """Look with the drivers of these names, by default with all."""
        self._found: dict[str, tuple[FoundTracker, ...]] = {}
        self._troubles: dict[str, EgmaError] = {}
        self._threads = [
            threading.Thread(target=self._look, args=(name,), name=f"find {name}", daemon=True) for name in names or driver_names()
        ]
        for thread in self._threads:
            thread.start()

    @property
    def done(self) -> bool:
        """Whether every driver has looked."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def found(self) -> tuple[FoundTracker, ...]:
        """The trackers found so far."""
        return tuple(tracker for name in driver_names() for tracker in self._found.get(name, ()))

    @property
    def troubles(self) -> dict[str, EgmaError]:
        """Why a driver could not look, by its name."""
        return dict(self._troubles)

    def wait(self, timeout_s: float) -> bool:
        """Wait until every driver has looked, at most so long; whether all have."""
        for thread in self._threads:
            thread.join(timeout_s / len(self._threads))
        return self.done

    def _look(self, name: str) -> None:
        try:
            self._found[name] = tuple(driver(name).find())
        except EgmaError as error:
            self._troubles[name] = error
