"""The audio of a reading as the library has it: followed while it is recorded, and placed on the host clock."""

from __future__ import annotations

import bisect

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import SpeechError
from egma_core.store.store import Store


class ReadingSound:
    """Everything that is heard in one reading, lost stretches as silence; grows as chunks are committed.

    Attributes:
        reading_id: The reading.
        rate_hz: Samples per second; 0 as long as there are none.
        durable_ns: Host clock up to which audio is in the library; the reading's start before the first.
    """

    def __init__(self, store: Store, reading_id: int) -> None:
        """Nothing is read yet.

        Raises:
            StoreError: There is no such reading.
        """
        self.reading_id = reading_id
        self.rate_hz = 0
        self.durable_ns = store.reading(reading_id).started_ns
        self._store = store
        self._data = bytearray()
        self._next_seq = 0
        self._first: list[int] = []
        self._t0_ns: list[int] = []

    @property
    def end(self) -> int:
        """How many samples there are."""
        return len(self._data) // 2

    def update(self) -> NDArray[np.int16]:
        """Read what was committed since the last call; (n,) samples, lost ones before them as zeros.

        Raises:
            SpeechError: The rate changes within the reading.
            StoreError: A chunk is missing or damaged.
        """
        begin = self.end
        for chunk in self._store.audio_chunks(self.reading_id, self._next_seq):
            if self.rate_hz not in (0, chunk.rate_hz):
                raise SpeechError(f"The audio of reading {self.reading_id} changes its rate.", "It can be exported, but not understood.")
            self.rate_hz = chunk.rate_hz
            self._data += bytes(2 * max(0, chunk.first_sample - self.end))
            self._first.append(self.end)
            self._t0_ns.append(chunk.t0_ns)
            self._data += chunk.samples.astype("<i2").tobytes()
            self.durable_ns = max(self.durable_ns, chunk.t1_ns)
            self._next_seq += 1
        return self.samples(begin, self.end)

    def samples(self, first: int, end: int) -> NDArray[np.int16]:
        """(end - first,) samples, cut to those that there are."""
        return np.frombuffer(bytes(self._data[2 * max(first, 0) : 2 * end]), np.int16)

    def host_ns(self, sample: float) -> int:
        """When a sample was heard; there must be some."""
        at = max(0, bisect.bisect_right(self._first, sample) - 1)
        return self._t0_ns[at] + round((sample - self._first[at]) * 1e9 / self.rate_hz)

    def sample_at(self, host_ns: int) -> int:
        """Which sample was heard at a time, within those that there are."""
        if not self._first:
            return 0
        at = max(0, bisect.bisect_right(self._t0_ns, host_ns) - 1)
        sample = self._first[at] + round((host_ns - self._t0_ns[at]) * self.rate_hz / 1e9)
        return min(max(sample, 0), self._first[at + 1] if at + 1 < len(self._first) else self.end)
