"""The clocks a recording can run on."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from egma_core.recording.clock import HostClock, SimulatedClock


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
