"""Films on their way from the threads that receive them to the one that imports them, each answered once it was dealt with."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from egma_core.errors import PacsError

_LOOK_S = 0.2  # how often a thread that waits looks whether it still should


@dataclass
class _Arrival:
    path: Path
    dealt_with: threading.Event = field(default_factory=threading.Event)
    taken: bool = False


class Arrivals:
    """Where receiving threads hand in films and one thread takes them out.

    A film's sender gets its answer only when the taker came back for the next: an answer of success means that the
    film is where it belongs, not that it lies in a folder for a moment.
    """

    def __init__(self, folder: Path) -> None:
        """Keep films on their way in this folder, which is the caller's to delete."""
        self._folder = folder
        self._queue: queue.Queue[_Arrival | PacsError | None] = queue.Queue()
        self._stopped = threading.Event()
        self._count = 0
        self._lock = threading.Lock()

    @property
    def stopped(self) -> bool:
        """Whether nobody takes films any more."""
        return self._stopped.is_set()

    def hand_in(self, content: bytes) -> bool:
        """Hand in one film and wait until it was dealt with.

        Returns:
            Whether it was; False when it cannot be written or nobody takes films any more.
        """
        with self._lock:
            self._count += 1
            path = self._folder / f"{self._count:06}.dcm"
        try:
            path.write_bytes(content)
        except OSError as error:
            self._queue.put(PacsError(f"What arrives cannot be kept ({error.strerror}).", "Check the disk's space and rights."))
            return False
        arrival = _Arrival(path)
        self._queue.put(arrival)
        while not arrival.dealt_with.wait(_LOOK_S):
            if self.stopped:
                return False
        return arrival.taken

    def end(self, error: PacsError | None = None) -> None:
        """Say that nothing will come any more, and why if something went wrong."""
        self._queue.put(error)

    def stop(self) -> None:
        """Take nothing any more: whoever waits for an answer gets a refusal."""
        self._stopped.set()

    def taken(self, until: threading.Event | None = None) -> Generator[Path, None, None]:
        """Take films out, until the end or until an event is set; a film counts as dealt with when the next is asked for.

        Raises:
            PacsError: What `end` was given, or the disk took no film.
        """
        try:
            while until is None or not until.is_set():
                try:
                    arrival = self._queue.get(timeout=_LOOK_S)
                except queue.Empty:
                    continue
                if arrival is None:
                    return
                if isinstance(arrival, PacsError):
                    raise arrival
                yield arrival.path
                arrival.taken = True
                arrival.dealt_with.set()
        finally:
            self.stop()
