"""Velocity thresholds from a recording's own noise, so that a quiet and a noisy tracker are read by the same rule.

A fixed threshold is right for one noise level. With a quiet tracker it misses small saccades; with a remote tracker
whose positions jitter by 0.2 degrees it lies within the noise, and fixations fall to pieces. Here noise is measured in
two parts, since they behave differently: jitter, independent from sample to sample and close to Gaussian, and drift,
everything else that moves gaze slowly, whose tails are heavy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.detectors import Adaptive
from egma_core.gaze.track import Track, members
from egma_core.gaze.velocity import slope_deg_s

_RAYLEIGH_MEDIAN = math.sqrt(2.0 * math.log(2.0))  # median length of a plane Gaussian vector of unit standard deviation


@dataclass(frozen=True)
class NoiseThresholds:
    """What a recording's noise asks for.

    Attributes:
        jitter_deg: Standard deviation along one axis of what changes from sample to sample.
        window_s: Time over which velocity is measured.
        jitter_deg_s: Standard deviation along one axis that jitter adds to velocity over that window.
        drift_deg_s: Standard deviation along one axis of the rest of slow velocity.
        saccade_deg_s: A movement that never reaches this is no saccade.
        edge_deg_s: A saccade begins and ends at this velocity.
    """

    jitter_deg: float
    window_s: float
    jitter_deg_s: float
    drift_deg_s: float
    saccade_deg_s: float
    edge_deg_s: float


def noise_thresholds(track: Track, options: Adaptive) -> tuple[NoiseThresholds, NDArray[np.float64]]:
    """Measure a recording's noise, choose window and thresholds by it, and measure velocity.

    1. Jitter: the median length of second differences, which leave out any steady movement, over what it is for
       Gaussian noise of unit standard deviation.
    2. The window is the shortest of at least `window_ms` in which jitter adds at most `steady_deg_s / jitter_factor` to
       velocity, or `longest_ms`. Velocity is the slope of a line through the window.
    3. Drift: what the median velocity exceeds the part of jitter by, in squares. More than half of the recording must
       rest.
    4. The saccade threshold is the root of the squares of `jitter_factor` times jitter and `drift_factor` times drift,
       and at least `floor_deg_s`. The edge threshold is the same with `edge_ratio` of drift's part: a saccade begins
       and ends more slowly than it peaks, but nothing lies below the jitter.

    Args:
        track: The recording's usable samples, n of them; only measured ones count for noise.
        options: The factors.

    Returns:
        What was found, and (n,) velocity in degrees per second.

    Source: Engbert & Kliegl (2003) for six median-based deviations; Nystrom & Holmqvist (2010) for a peak and an edge
    threshold, both from the recording.
    """
    jitter = _jitter_deg(track)
    period = float(np.median(np.diff(track.time_s))) if len(track) > 1 else 0.0
    half, window_s, jitter_speed = 0, options.window_ms / 1e3, 0.0
    if period > 0:
        half = max(1, int((window_s / 2 + 1e-6) / period))
        jitter_speed = jitter / _lever_s(half, period)
        while options.jitter_factor * jitter_speed > options.steady_deg_s and 2 * (half + 1) * period <= options.longest_ms / 1e3 + 1e-6:
            half += 1
            jitter_speed = jitter / _lever_s(half, period)
        window_s = 2 * half * period
    speed = slope_deg_s(track, window_s)
    usual = speed[track.measured & np.isfinite(speed)]
    slow = float(np.median(usual)) / _RAYLEIGH_MEDIAN if len(usual) else 0.0
    jitter_speed = min(jitter_speed, slow)
    drift = math.sqrt(slow**2 - jitter_speed**2)
    saccade = max(options.floor_deg_s, math.hypot(options.jitter_factor * jitter_speed, options.drift_factor * drift))
    edge = max(options.floor_deg_s, math.hypot(options.jitter_factor * jitter_speed, options.edge_ratio * options.drift_factor * drift))
    return NoiseThresholds(jitter, window_s, jitter_speed, drift, saccade, edge), speed


def resting_by_noise(track: Track, options: Adaptive) -> NDArray[np.bool_]:
    """(n,) which samples rest: all but the runs above the edge threshold that reach the saccade threshold."""
    found, speed = noise_thresholds(track, options)
    first, last = track.runs(speed >= found.edge_deg_s)
    if not len(first):
        return np.ones(len(track), dtype=np.bool_)
    # Between two runs speed is below the edge threshold, so the largest value up to the next run's start is the run's own.
    reached = np.maximum.reduceat(speed, first) >= found.saccade_deg_s
    return ~members((first[reached], last[reached]), len(track))


def _jitter_deg(track: Track) -> float:
    """Standard deviation along one axis of noise that is independent from sample to sample, in degrees."""
    d, whole = track.direction, track.measured
    joined = track.joined[2:] & track.joined[1:-1] & whole[2:] & whole[1:-1] & whole[:-2]
    bend = np.linalg.norm(d[2:] - 2.0 * d[1:-1] + d[:-2], axis=-1)[joined]
    return float(np.degrees(np.median(bend)) / (_RAYLEIGH_MEDIAN * math.sqrt(6.0))) if len(bend) else 0.0


def _lever_s(half: int, period_s: float) -> float:
    """Root of the summed squared times of a window of `half` samples to either side, about its middle."""
    return period_s * math.sqrt(half * (half + 1) * (2 * half + 1) / 3.0)
