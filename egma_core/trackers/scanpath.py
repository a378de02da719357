"""Where simulated eyes look: fixations on given targets, saccades between them, wandering where there is no target.

Fixations last some 0.27 s, log-normally (260 to 330 ms in scenes and search: Rayner 1998); a saccade of A degrees takes
21 + 2.2 A ms (the main sequence: Carpenter 1988) along a minimum-jerk path (Flash and Hogan 1985).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.geometry import Screen

_MEDIAN_S, _SPREAD = 0.27, 0.35
_SHORTEST_S, _LONGEST_S = 0.12, 0.9
_SCATTER_DEG = 0.35
_DRIFT_DEG_S = 0.25


@dataclass(frozen=True)
class GazeTarget:
    """A place that is looked at for a while, with one or several fixations.

    Attributes:
        onset_ns: When the eyes arrive, on the host clock.
        offset_ns: When they may leave.
        x: Fraction of the display area across.
        y: Fraction of the display area down.
        scatter_deg: Standard deviation, along each axis, of the fixations that follow the first.
    """

    onset_ns: int
    offset_ns: int
    x: float
    y: float
    scatter_deg: float = _SCATTER_DEG


@dataclass(frozen=True)
class _Fixation:
    """One saccade and the rest after it; times in s since the path's start, places in display fractions."""

    depart_s: float
    land_s: float
    from_x: float
    from_y: float
    x: float
    y: float
    drift_x: float
    drift_y: float

    def place_at(self, time_s: float) -> tuple[float, float]:
        rest_s = max(time_s - self.land_s, 0.0)
        return self.x + self.drift_x * rest_s, self.y + self.drift_y * rest_s


class Scanpath:
    """A path of the eyes over a display, asked for in order of time; the same for the same seed and targets."""

    def __init__(self, screen: Screen, seed: tuple[int, ...], start_ns: int) -> None:
        """Begin at the display's centre at `start_ns`."""
        per_deg = screen.px_per_deg()
        self._deg_x, self._deg_y = per_deg / screen.width_px, per_deg / screen.height_px
        self._seed = seed
        self._start_ns = start_ns
        self._n_plans = 0
        self._planned = [_Fixation(0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0)]
        self._coming = self._plan(())
        self._table = _table(self._planned)

    def look_at(self, targets: Iterable[GazeTarget], now_ns: int) -> None:
        """Look at `targets` from `now_ns` on, instead of what was planned; a saccade that has begun is finished first.

        Raises:
            ConfigError: A target ends before it begins.
        """
        wanted = sorted(targets, key=lambda target: target.onset_ns)
        if any(target.offset_ns < target.onset_ns for target in wanted):
            raise ConfigError("A gaze target ends before it begins.", "Give onset and offset in that order.")
        now_s = (now_ns - self._start_ns) / 1e9
        self._extend(now_s)
        self._planned = [fixation for fixation in self._planned if fixation.depart_s <= now_s]
        self._coming = self._plan(wanted)
        self._table = _table(self._planned)

    def at(self, host_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, 2) places in display fractions at (n,) times, which must not go back from call to call."""
        time_s = (host_ns - self._start_ns) / 1e9
        n_past = int(np.searchsorted(self._table[0], time_s[0], side="right")) - 1
        if n_past > 0:
            self._planned = self._planned[n_past:]
            self._table = self._table[:, n_past:]
        self._extend(float(time_s[-1]))
        table = self._table
        depart, land, from_x, from_y, x, y, drift_x, drift_y = table[:, np.searchsorted(table[0], time_s, side="right") - 1]
        share = np.minimum((time_s - depart) / np.maximum(land - depart, 1e-9), 1.0)
        moved = share**3 * (10.0 + share * (6.0 * share - 15.0))
        rest_s = np.maximum(time_s - land, 0.0)
        return np.stack([from_x + (x - from_x) * moved + drift_x * rest_s, from_y + (y - from_y) * moved + drift_y * rest_s], axis=-1)

    def _extend(self, until_s: float) -> None:
        if self._planned[-1].depart_s <= until_s:
            while self._planned[-1].depart_s <= until_s:
                self._planned.append(next(self._coming))
            self._table = _table(self._planned)

    def _plan(self, targets: Iterable[GazeTarget]) -> Iterator[_Fixation]:
        rng = np.random.default_rng((*self._seed, self._n_plans))
        self._n_plans += 1
        return self._fixations(rng, self._planned[-1], list(targets))

    def _fixations(self, rng: np.random.Generator, last: _Fixation, targets: list[GazeTarget]) -> Iterator[_Fixation]:
        """Fixations after `last`, without end."""
        onsets = [(target.onset_ns - self._start_ns) / 1e9 for target in targets]
        for target, onset_s, next_s in zip(targets, onsets, [*onsets, math.inf][1:], strict=True):
            end_s = min((target.offset_ns - self._start_ns) / 1e9, next_s)
            if end_s <= last.land_s:
                continue
            while (stray := self._wander(rng, last)).land_s + _LONGEST_S < onset_s:
                last = stray
                yield last
            last = self._go(rng, last, target.x, target.y, land_s=onset_s)
            yield last
            while True:
                scatter_x, scatter_y = (rng.standard_normal(2) * target.scatter_deg).tolist()
                again = self._go(rng, last, target.x + scatter_x * self._deg_x, target.y + scatter_y * self._deg_y)
                if again.land_s + _SHORTEST_S > end_s:
                    break
                last = again
                yield last
        while True:
            last = self._wander(rng, last)
            yield last

    def _wander(self, rng: np.random.Generator, last: _Fixation) -> _Fixation:
        x, y = np.clip(0.5 + 0.18 * rng.standard_normal(2), 0.05, 0.95).tolist()
        return self._go(rng, last, x, y)

    def _go(self, rng: np.random.Generator, last: _Fixation, x: float, y: float, land_s: float | None = None) -> _Fixation:
        """Rest at `last` for a while, then move to (x, y), landing at `land_s` if that can still be done."""
        rest_s = min(max(_MEDIAN_S * math.exp(_SPREAD * rng.standard_normal()), _SHORTEST_S), _LONGEST_S)
        amplitude_deg = math.hypot((x - last.x) / self._deg_x, (y - last.y) / self._deg_y)
        saccade_s = 0.021 + 0.0022 * amplitude_deg
        earliest_s = last.land_s + _SHORTEST_S + saccade_s
        landing_s = last.land_s + rest_s + saccade_s if land_s is None else max(land_s, earliest_s)
        angle = rng.uniform(0.0, 2.0 * math.pi)
        speed = _DRIFT_DEG_S * rng.random()
        from_x, from_y = last.place_at(landing_s - saccade_s)
        drift = (speed * math.cos(angle) * self._deg_x, speed * math.sin(angle) * self._deg_y)
        return _Fixation(landing_s - saccade_s, landing_s, from_x, from_y, x, y, *drift)


def _table(fixations: list[_Fixation]) -> NDArray[np.float64]:
    """(8, n) the fixations' fields, one row a field."""
    return np.array([(f.depart_s, f.land_s, f.from_x, f.from_y, f.x, f.y, f.drift_x, f.drift_y) for f in fixations]).T
