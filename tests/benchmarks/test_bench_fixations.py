"""The noise-adaptive thresholds are worth having: simulated trackers of several rates and noise levels."""

from __future__ import annotations

import numpy as np
import pytest

from egma_app.bench import fixations
from egma_app.bench.fixations import SCREEN, bench_fixations, simulate_gaze


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, dict[str, float]]]:
    return bench_fixations(seconds=30.0, repeats=3)


@pytest.mark.parametrize("rate_hz", fixations.RATES_HZ)
@pytest.mark.parametrize("jitter_deg", fixations.JITTER_DEG)
def test_adaptive_thresholds_never_lose_much(figures: dict[str, dict[str, dict[str, float]]], rate_hz: float, jitter_deg: float) -> None:
    found = figures[f"{rate_hz:g} Hz, jitter {jitter_deg:g} deg"]
    assert found["adaptive"]["kappa"] > found["tobii_ivt"]["kappa"] - 0.04, found
    assert found["adaptive"]["event_f1"] > found["tobii_ivt"]["event_f1"] - (0.01 if (rate_hz, jitter_deg) != (60.0, 0.3) else 0.08), found
    assert found["adaptive"]["event_f1"] > 0.85, found


@pytest.mark.parametrize(
    ("condition", "kappa", "event_f1"),
    [
        ("60 Hz, jitter 0.3 deg", 0.10, None),
        ("120 Hz, jitter 0.2 deg", 0.20, 0.05),
        ("120 Hz, jitter 0.3 deg", 0.50, 0.10),
        ("300 Hz, jitter 0.2 deg", 0.02, 0.01),
        ("300 Hz, jitter 0.3 deg", 0.50, 0.15),
    ],
)
def test_adaptive_thresholds_help_where_noise_reaches_a_fixed_one(
    figures: dict[str, dict[str, dict[str, float]]], condition: str, kappa: float, event_f1: float | None
) -> None:
    found = figures[condition]
    assert found["adaptive"]["kappa"] > found["tobii_ivt"]["kappa"] + kappa, found
    assert event_f1 is None or found["adaptive"]["event_f1"] > found["tobii_ivt"]["event_f1"] + event_f1, found


def test_simulated_gaze_is_what_it_says() -> None:
    simulated = simulate_gaze(60.0, 300.0, 0.1, seed=5)
    gaze = simulated.gaze
    assert len(gaze) == 18_000 and 0.8 < simulated.resting.mean() < 0.95 and 0.005 < np.mean(~gaze.valid) < 0.1
    step = np.diff(gaze.screen_x_px)[simulated.resting[1:] & simulated.resting[:-1]]
    assert np.nanmedian(np.abs(step)) / SCREEN.px_per_deg() == pytest.approx(0.1 * np.sqrt(2.0) * 0.6745, rel=0.1)
    again = simulate_gaze(60.0, 300.0, 0.1, seed=5).gaze
    assert np.array_equal(gaze.screen_x_px, again.screen_x_px, equal_nan=True)
