"""How a stream of samples does just now: what the reader is shown while recording."""

from __future__ import annotations

from collections import deque

import numpy as np

from egma_core.gaze.samples import GazeSamples

RECENT_NS = 10_000_000_000


class RecentSamples:
    """Rate and loss of the last 10 s of a stream."""

    def __init__(self, nominal_hz: float, started_ns: int) -> None:
        """Begin a stream of `nominal_hz` samples a second (0: as they come)."""
        self._nominal_hz = nominal_hz
        self._blocks: deque[tuple[int, int, int]] = deque([(started_ns, 0, 0)])
        self._n = 0
        self._n_seen = 0

    def add(self, until_ns: int, samples: GazeSamples) -> None:
        """Count the samples that came by `until_ns`."""
        n = len(samples)
        n_seen = int(np.count_nonzero(samples.rows["left_valid"] | samples.rows["right_valid"])) if n else 0
        self._blocks.append((until_ns, n, n_seen))
        self._n += n
        self._n_seen += n_seen
        while len(self._blocks) > 2 and until_ns - self._blocks[1][0] >= RECENT_NS:
            self._blocks.popleft()
            _, n, n_seen = self._blocks[0]  # its samples came before the stretch that is left
            self._n -= n
            self._n_seen -= n_seen
            self._blocks[0] = (self._blocks[0][0], 0, 0)

    @property
    def span_s(self) -> float:
        """Seconds that are counted."""
        return (self._blocks[-1][0] - self._blocks[0][0]) / 1e9

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return self._n / self.span_s if self.span_s > 0 else 0.0

    @property
    def loss(self) -> float:
        """Share of the samples due in which neither eye was seen."""
        due = max(self._n, self._nominal_hz * self.span_s)
        return max(1.0 - self._n_seen / due, 0.0) if due else 0.0


def mean_distance_mm(samples: GazeSamples) -> float | None:
    """Mean distance of the eyes that were seen, or None."""
    both = np.concatenate([samples.rows["left_distance_mm"], samples.rows["right_distance_mm"]])
    known = both[np.isfinite(both)]
    return float(known.mean()) if len(known) else None
