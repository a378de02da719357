"""What a driver is: a name, a way to look for its trackers, and a way to open one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.trackers.tracker import Tracker


@dataclass(frozen=True)
class TrackerRequest:
    """How a tracker is wanted; a driver takes what concerns it and leaves the rest.

    Attributes:
        now_ns: The host clock; may be called from any thread.
        screen: The display that is looked at.
        rate_hz: Samples per second, or None for whatever the tracker runs at.
        address: Which one, where there may be several: its address or serial number as `FoundTracker` gives them.
        seed: What simulated eyes do.
        samples: What is to be replayed.
        title: Which recording that is, for people.
        options: Settings of a single driver, by name.
    """

    now_ns: Callable[[], int]
    screen: Screen
    rate_hz: float | None = None
    address: str = ""
    seed: int = 0
    samples: GazeSamples | None = None
    title: str = ""
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class FoundTracker:
    """A tracker that is there.

    Attributes:
        driver: The name of the driver that opens it.
        model: Maker and model, for people.
        serial: Serial number, or "".
        address: Where it is, for the driver.
    """

    driver: str
    model: str
    serial: str
    address: str


def nothing_found() -> Sequence[FoundTracker]:
    """The search of a driver whose trackers cannot be looked for."""
    return ()


@dataclass(frozen=True)
class Driver:
    """One make of trackers. Third parties offer theirs under the entry point group `egma.trackers`.

    Attributes:
        title: What it drives, for people.
        open: Opens a tracker as requested, not started. May take seconds: it is called on a thread of its own, unless `at_once`.
            Raises `TrackerError` for whatever is in the way, in words, and `MissingExtraError` where packages are missing.
        find: Looks for trackers that are there. May take seconds and raise the same; called on a thread of its own.
        at_once: Whether `open` never waits for anything.
    """

    title: str
    open: Callable[[TrackerRequest], Tracker]
    find: Callable[[], Sequence[FoundTracker]] = nothing_found
    at_once: bool = False
