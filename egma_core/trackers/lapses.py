"""Times at which something is missing, at random: blinks, losses of an eye, drop-outs of a whole tracker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Lapses:
    """Intervals in which something is not seen, a Poisson process in time, asked for in order of time."""

    def __init__(self, rng: np.random.Generator, per_min: float, shortest_s: float, longest_s: float) -> None:
        """Begin at time 0 without a lapse.

        Args:
            rng: Draws the pauses and the lengths; nothing else may draw from it.
            per_min: Lapses a minute; 0 for none.
            shortest_s: Least length of a lapse in s.
            longest_s: Greatest length of a lapse in s.
        """
        self._rng = rng
        self._pause_s = 60.0 / per_min if per_min > 0 else np.inf
        self._lengths_s = (shortest_s, longest_s)
        self._onsets = self._offsets = np.zeros(0)
        self._planned_s = 0.0 if per_min > 0 else np.inf

    def at(self, time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) whether each of (n,) times lies in a lapse."""
        while self._planned_s <= time_s[-1]:
            onset = self._planned_s + self._rng.exponential(self._pause_s)
            self._planned_s = onset + self._rng.uniform(*self._lengths_s)
            recent = slice(np.searchsorted(self._offsets, time_s[0]), None)
            self._onsets = np.append(self._onsets[recent], onset)
            self._offsets = np.append(self._offsets[recent], self._planned_s)
        return np.searchsorted(self._onsets, time_s, side="right") > np.searchsorted(self._offsets, time_s, side="right")
