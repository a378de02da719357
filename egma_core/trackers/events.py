"""What has happened, and what has arrived, kept between the thread of a device and the thread that asks."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from egma_core.trackers.tracker import TrackerEvent, TrackerEventKind

T = TypeVar("T")


class EventLog:
    """Events in the order they were told; `tell` may be called from any thread."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Stamp events with `now_ns` where their time is not given."""
        self._now_ns = now_ns
        self._events: deque[TrackerEvent] = deque()

    def tell(self, kind: TrackerEventKind, text: str, host_ns: int | None = None) -> None:
        """Something happened."""
        self._events.append(TrackerEvent(self._now_ns() if host_ns is None else host_ns, kind, text))

    def take(self) -> list[TrackerEvent]:
        """Everything told since the last call."""
        return [self._events.popleft() for _ in range(len(self._events))]


class Inbox(Generic[T]):
    """Items in the order they came, the oldest pushed out when nobody fetches them.

    `append` may be called from any thread and does nothing but append: it is fit to be a device's callback.

    Attributes:
        append: Take one item.
    """

    def __init__(self, capacity: int) -> None:
        """Hold `capacity` items at most."""
        self._items: deque[T] = deque(maxlen=capacity)
        self.append = self._items.append

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._items)

    def take(self) -> tuple[list[T], bool]:
        """Everything that came since the last call, and whether the box was full, so that something may have been lost."""
        n = len(self._items)
        return [self._items.popleft() for _ in range(n)], n == self._items.maxlen

    def clear(self) -> None:
        """Forget what is there."""
        self._items.clear()


class Link:
    """Whether samples come from a device: told to an `EventLog` when it changes, and only then."""

    def __init__(self, events: EventLog, whose: str, silence_ns: int = 1_000_000_000) -> None:
        """Up as yet.

        Args:
            events: Where changes are told.
            whose: What the link leads to, to begin a sentence with.
            silence_ns: How long nothing may come, in ns, before it counts as down.
        """
        self._events = events
        self._whose = whose
        self._silence_ns = silence_ns
        self._lock = threading.Lock()
        self._up = True
        self._heard_ns: int | None = None

    def down(self, remedy: str, host_ns: int | None = None) -> None:
        """Nothing comes any more."""
        with self._lock:
            if self._up:
                self._up = False
                self._events.tell("connection_lost", f"{self._whose} does not answer any more. {remedy}", host_ns)

    def up(self, host_ns: int | None = None) -> None:
        """It is there again."""
        with self._lock:
            self._heard_ns = None
            if not self._up:
                self._up = True
                self._events.tell("connection_restored", f"{self._whose} is back.", host_ns)

    def listen(self, now_ns: int, *, heard: bool, remedy: str) -> None:
        """Samples have come by `now_ns`, or none have: too long a silence means that it is down."""
        if heard or self._heard_ns is None:
            if heard:
                self.up()
            self._heard_ns = now_ns
        elif now_ns - self._heard_ns > self._silence_ns:
            self.down(remedy)

    def forget(self) -> None:
        """Count silence anew from the next `listen`: the stream begins or ends."""
        self._heard_ns = None
