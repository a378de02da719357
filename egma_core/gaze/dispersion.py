"""Dispersion-threshold identification (I-DT): a fixation is a span of time in which gaze stays within a small box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.track import SLACK_S, Runs, Track

_LOOK_AHEAD = 256  # samples looked at together when a fixation is extended


def runs_by_dispersion(track: Track, dispersion_deg: float, minimum_s: float) -> Runs:
    """Find the fixations of a recording by dispersion.

    A window over the least duration is moved on until its dispersion, width plus height in degrees, is at most the
    threshold; it is then extended for as long as that holds, and the next window begins after it.

    Args:
        track: The recording's usable samples; no fixation reaches from one stretch into another.
        dispersion_deg: Largest width plus height, in degrees across and down.
        minimum_s: Time between a fixation's first and last sample, at least.

    Returns:
        First and last sample of each fixation.

    Source: Salvucci & Goldberg (2000), ETRA, I-DT.
    """
    angles = _angles_deg(track)
    last = np.searchsorted(track.time_s, track.time_s + minimum_s - SLACK_S, side="left")
    begins = np.flatnonzero(last <= track.last)
    begins = begins[_spans(angles, begins, last[begins]) <= dispersion_deg]
    starts: list[int] = []
    stops: list[int] = []
    position = 0
    while position < len(begins):
        start = int(begins[position])
        stop = _extended(angles[start : int(track.last[start]) + 1], dispersion_deg) + start
        starts.append(start)
        stops.append(stop)
        position = int(np.searchsorted(begins, stop, side="right"))
    return np.array(starts, dtype=np.intp), np.array(stops, dtype=np.intp)


def _angles_deg(track: Track) -> NDArray[np.float64]:
    """(n, 2) gaze in degrees to the right of and below the straight line from eye to screen centre."""
    x, y, z = track.direction.T
    return np.degrees(np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], axis=-1))


def _spans(angles: NDArray[np.float64], first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float64]:
    """(k,) width plus height of windows from `first` to `last`, both (k,), by two overlapping spans of a power of two."""
    spans = np.zeros(len(first))
    level = np.maximum(np.frexp((last - first + 1).astype(np.float64))[1] - 1, 0)
    high, low = angles, angles
    for power in range(int(level.max(initial=0)) + 1):
        here = level == power
        a, b = first[here], last[here] - 2**power + 1
        spans[here] = np.sum(np.maximum(high[a], high[b]) - np.minimum(low[a], low[b]), axis=-1)
        step = 2**power
        high, low = np.maximum(high[:-step], high[step:]), np.minimum(low[:-step], low[step:])
    return spans


def _extended(angles: NDArray[np.float64], dispersion_deg: float) -> int:
    """Last sample up to which angles (n, 2), of which the first ones are close enough, stay so."""
    high = low = angles[:1]
    for start in range(0, len(angles), _LOOK_AHEAD):
        piece = angles[start : start + _LOOK_AHEAD]
        highs = np.maximum.accumulate(np.concatenate([high, piece]))[1:]
        lows = np.minimum.accumulate(np.concatenate([low, piece]))[1:]
        beyond = np.flatnonzero(np.sum(highs - lows, axis=-1) > dispersion_deg)
        if len(beyond):
            return start + int(beyond[0]) - 1
        high, low = highs[-1:], lows[-1:]
    return len(angles) - 1
