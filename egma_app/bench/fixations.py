"""How well fixations are found as trackers grow noisier and slower: simulated gaze whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.agreement import event_f1, fixated, kappa
from egma_core.gaze.detectors import ADAPTIVE, IDT, TOBII_IVT
from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen

RATES_HZ = (60.0, 120.0, 300.0)
JITTER_DEG = (0.02, 0.1, 0.2, 0.3)
"""Standard deviation of each coordinate. A Tobii TX300 showed 0.16 to 0.32 degrees for one eye, so 0.1 to 0.2 for the mean of both."""

SCREEN = Screen(1920, 1080, 509.0, 286.0, 650.0)
DETECTORS = {"tobii_ivt": TOBII_IVT, "idt": IDT(), "adaptive": ADAPTIVE}

_FIELD_DEG = np.array([18.0, 10.0])  # half the screen, a little less
_DRIFT_DEG_S = 0.25


@dataclass(frozen=True)
class SimulatedGaze:
    """A recording and its truth.

    Attributes:
        gaze: The recording of n samples.
        resting: (n,) whether the eye rested.
    """

    gaze: PlacedGaze
    resting: NDArray[np.bool_]


def simulate_gaze(seconds: float, rate_hz: float, jitter_deg: float, seed: int) -> SimulatedGaze:
    """Simulate fixations, saccades, blinks and short losses, with jitter that is independent from sample to sample.

    Fixations last 250 ms in the median, at least 80 ms, and drift slowly. Saccades are 3 degrees long in the median, at
    least 0.6, last 21 ms and 2.2 ms a degree, and speed up and slow down with least jerk. Something is lost every 4 s,
    be it for a blink or for less.

    Source: Carpenter (1988), Movements of the Eyes, for the main sequence; Flash & Hogan (1985) for least jerk.
    """
    rng = np.random.default_rng((seed, round(rate_hz)))
    time = np.arange(0.0, seconds, 1.0 / rate_hz)
    at = np.zeros((len(time), 2))
    resting = np.zeros(len(time), dtype=np.bool_)
    now, here = 0.0, rng.uniform(-_FIELD_DEG / 2, _FIELD_DEG / 2)
    while now < seconds:
        length = max(0.08, float(np.exp(rng.normal(np.log(0.25), 0.45))))
        there = _next_target(rng, here)
        drift = rng.normal(0.0, _DRIFT_DEG_S, 2)
        leaves = here + drift * length
        takes = 0.021 + 0.0022 * float(np.linalg.norm(there - leaves))
        rests = (time >= now) & (time < now + length)
        moves = (time >= now + length) & (time < now + length + takes)
        passed = ((time[moves] - now - length) / takes)[:, None]
        at[rests] = here + drift * (time[rests] - now)[:, None]
        at[moves] = leaves + (there - leaves) * passed**3 * (10.0 - 15.0 * passed + 6.0 * passed**2)
        resting |= rests
        now, here = now + length + takes, there
    at += rng.normal(0.0, jitter_deg, at.shape)
    lost_until = 0.0
    while (begins := lost_until + rng.exponential(4.0)) < seconds:
        lost_until = begins + (rng.uniform(0.1, 0.25) if rng.random() < 0.6 else rng.uniform(0.01, 0.06))
        at[(time >= begins) & (time < lost_until)] = np.nan
    mm = np.tan(np.radians(at)) * SCREEN.distance_mm
    x, y = (mm / (SCREEN.width_mm, SCREEN.height_mm) + 0.5).T * ((SCREEN.width_px,), (SCREEN.height_px,))
    return SimulatedGaze(PlacedGaze.on_screen(time, x, y, SCREEN), resting)


def _next_target(rng: np.random.Generator, here: NDArray[np.float64]) -> NDArray[np.float64]:
    """A place to look at next, on the screen, in degrees from its centre."""
    for _ in range(50):
        amplitude = float(np.clip(np.exp(rng.normal(np.log(3.0), 0.8)), 0.6, 20.0))
        angle = rng.uniform(0.0, 2.0 * np.pi)
        there = here + amplitude * np.array([np.cos(angle), np.sin(angle)])
        if (np.abs(there) <= _FIELD_DEG).all():
            return there
    return -here / 2.0


def bench_fixations(seconds: float = 60.0, repeats: int = 4) -> dict[str, Any]:
    """Mean kappa and event F1 of each filter at its defaults, by rate and jitter.

    Args:
        seconds: Length of each simulated recording.
        repeats: Recordings of each kind.

    Returns:
        `{"300 Hz, jitter 0.2 deg": {"adaptive": {"kappa", "event_f1"}, ...}, ...}`; lost samples count for nothing.
    """
    figures: dict[str, Any] = {}
    for rate in RATES_HZ:
        for jitter in JITTER_DEG:
            recordings = [simulate_gaze(seconds, rate, jitter, seed) for seed in range(repeats)]
            figures[f"{rate:g} Hz, jitter {jitter:g} deg"] = {
                name: dict(
                    zip(("kappa", "event_f1"), np.mean([_scores(r, detector) for r in recordings], axis=0).round(3).tolist(), strict=True)
                )
                for name, detector in DETECTORS.items()
            }
    return figures


def _scores(simulated: SimulatedGaze, detector: Any) -> tuple[float, float]:
    gaze = simulated.gaze
    found = fixated(detect_fixations(gaze, detector), gaze.time_s)
    seen = gaze.valid
    return kappa(found[seen], simulated.resting[seen]), event_f1(simulated.resting & seen, found & seen)
