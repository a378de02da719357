"""Angular velocity of gaze, two ways: between the ends of a window, and as the slope of a line through all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.track import Track, angle_between_deg


def chord_deg_s(track: Track, window_s: float) -> NDArray[np.float64]:
    """Angle between the first and the last direction of a window, over the time between them.

    Args:
        track: The recording's usable samples, n of them.
        window_s: The window's length; it is centred on the sample, spans at least the two neighbours, so that 60 Hz
            works, and never leaves the sample's stretch.

    Returns:
        (n,) degrees per second; infinite for a sample without neighbours.

    Source: Olsen (2012), The Tobii I-VT Fixation Filter, velocity calculator.
    """
    a, b = _window(track, window_s)
    angle = angle_between_deg(track.direction[a], track.direction[b])
    elapsed = track.time_s[b] - track.time_s[a]
    return np.divide(angle, elapsed, out=np.full(len(track), np.inf), where=elapsed > 0)


def slope_deg_s(track: Track, window_s: float) -> NDArray[np.float64]:
    """Slope of the least-squares line through every direction of a window.

    Of all straight estimates this one lets the least noise through; for evenly spaced samples it is the derivative
    of a Savitzky-Golay filter of first or second order.

    Args:
        track: The recording's usable samples, n of them.
        window_s: The window's length, as for `chord_deg_s`.

    Returns:
        (n,) degrees per second; infinite for a sample without neighbours.

    Source: Savitzky & Golay (1964); Nystrom & Holmqvist (2010) for its use on gaze.
    """
    a, b = _window(track, window_s)
    n = len(track)
    index = np.arange(n)
    count = (b - a + 1).astype(np.float64)
    sum_t, sum_tt = np.zeros(n), np.zeros(n)
    sum_d, sum_td = np.zeros((n, 3)), np.zeros((n, 3))
    # Differences from the sample itself keep the sums small; there are only as many turns as samples in a window.
    for step in range(-int((index - a).max(initial=0)), int((b - index).max(initial=0)) + 1):
        there = np.clip(index + step, a, b)
        counted = there == index + step
        t = np.where(counted, track.time_s[there] - track.time_s, 0.0)
        d = np.where(counted[:, None], track.direction[there] - track.direction, 0.0)
        sum_t += t
        sum_tt += t * t
        sum_d += d
        sum_td += t[:, None] * d
    spread = sum_tt - sum_t * sum_t / count
    slope = np.degrees(np.linalg.norm(sum_td - sum_t[:, None] * sum_d / count[:, None], axis=-1))
    return np.divide(slope, spread, out=np.full(n, np.inf), where=spread > 0)


def _window(track: Track, window_s: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last sample (n,) of the window around each sample."""
    index = np.arange(len(track))
    half = window_s / 2 + 1e-6
    a = np.searchsorted(track.time_s, track.time_s - half, side="left")
    b = np.searchsorted(track.time_s, track.time_s + half, side="right") - 1
    a = np.maximum(np.minimum(a, index - 1), track.first)
    b = np.minimum(np.maximum(b, index + 1), track.last)
    return a, b
