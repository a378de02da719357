"""The trackers this program knows, by name."""

from __future__ import annotations

from collections.abc import Callable

from egma_core.errors import TrackerError
from egma_core.geometry import Screen
from egma_core.trackers.fed import FedTracker
from egma_core.trackers.simulated import SimulatedTracker
from egma_core.trackers.tracker import Tracker

NAMES = ("simulated", "mouse")


def make_tracker(name: str, now_ns: Callable[[], int], screen: Screen, *, rate_hz: float = 120.0, seed: int = 0) -> Tracker:
    """Make the tracker of that name; it is not started.

    Args:
        name: One of `NAMES`.
        now_ns: The host clock.
        screen: The display that is looked at.
        rate_hz: Samples per second; for the mouse, how often its position will be pushed.
        seed: What a simulated reader's eyes do; others take no notice.

    Raises:
        TrackerError: There is no such tracker, or it cannot run like that.
    """
    if name == "simulated":
        return SimulatedTracker(now_ns, screen, rate_hz=rate_hz, seed=seed)
    if name == "mouse":
        return FedTracker(now_ns, rate_hz)
    raise TrackerError(f"There is no tracker called '{name}'.", f"Choose one of: {', '.join(NAMES)}.")
