"""The clocks a recording can run on."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from egma_core.gaze.samples import GazeSamples
from egma_core.recording.clock import GazeClock, HostClock, SimulatedClock, fit_clock


def test_the_host_clock_is_the_machines_own() -> None:
    clock = HostClock()
    before = time.perf_counter_ns()
    now = clock.now_ns()
    assert before <= now <= time.perf_counter_ns()
    clock.wait_until(now + 20_000_000)
    assert 20_000_000 <= clock.now_ns() - now < 500_000_000
    clock.wait_until(0)
    assert abs(clock.utc() - datetime.now(timezone.utc)) < timedelta(seconds=1)


def test_a_simulated_clock_moves_only_when_somebody_waits() -> None:
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    clock = SimulatedClock(start_ns=500, start_utc=start)
    assert (clock.now_ns(), clock.utc()) == (500, start)
    clock.wait_until(2_000_000_500)
    assert (clock.now_ns(), clock.utc()) == (2_000_000_500, start + timedelta(seconds=2))
    clock.wait_until(7)
    assert clock.now_ns() == 2_000_000_500, "it never runs backward"


def test_a_clock_that_runs_straight_fits_well() -> None:
    device_ns = 10**15 + np.arange(0, 600 * 10**9, 10**8)
    host_ns = np.rint(device_ns * (1 + 30e-6)).astype(np.int64) + 5 * 10**12
    jitter = np.random.default_rng(0).normal(0, 2e5, len(host_ns)).astype(np.int64)
    fit = fit_clock("gaze", device_ns, host_ns + jitter)
    assert fit is not None
    assert (fit.stream, fit.n, fit.verdict) == ("gaze", len(device_ns), "good")
    assert fit.drift_ppm == pytest.approx(30.0, abs=0.1)
    back = device_ns * (1 + fit.drift_ppm * 1e-6) + fit.offset_ns
    assert np.abs(back - host_ns).max() < 1e5
    assert fit.residual_p50_ms == pytest.approx(0.2 * 0.674, rel=0.1)
    assert fit.residual_p50_ms < fit.residual_p99_ms < fit.residual_max_ms


@pytest.mark.parametrize(("stream", "verdict"), [("gaze", "flagged"), ("audio", "good")])
def test_each_stream_has_its_own_limit(stream: str, verdict: str) -> None:
    device_ns = np.arange(0, 60 * 10**9, 10**7)
    off = 5_000_000 * (np.arange(len(device_ns)) % 2)
    fit = fit_clock(stream, device_ns, device_ns + off)
    assert fit is not None
    assert fit.residual_p99_ms == pytest.approx(2.5, rel=0.05)
    assert fit.verdict == verdict


def test_a_clock_that_was_set_back_is_flagged() -> None:
    device_ns = np.concatenate([np.arange(0, 10**10, 10**7), np.arange(0, 10**10, 10**7)])
    fit = fit_clock("gaze", device_ns, np.arange(0, 2 * 10**10, 10**7))
    assert fit is not None
    assert fit.verdict == "flagged"


def test_nothing_is_fitted_to_nothing() -> None:
    one = np.array([5])
    assert fit_clock("gaze", one, one) is None
    clock = GazeClock()
    assert clock.fit() is None
    clock.add(GazeSamples.blank(0, "tracker"))
    assert clock.fit() is None


def test_a_few_samples_of_every_chunk_are_enough() -> None:
    clock = GazeClock()
    for chunk in range(100):
        samples = GazeSamples.blank(120, "tracker")
        samples.rows["host_ns"] = (chunk * 120 + np.arange(120)) * 833_333
        samples.rows["device_us"] = samples.rows["host_ns"] // 1000 + 7
        clock.add(samples)
    fit = clock.fit()
    assert fit is not None
    assert 800 <= fit.n <= 900
    assert fit.verdict == "good"
    assert fit.offset_ns == pytest.approx(-7000, abs=1000)
