"""What every tracker must do, tried on each one that is present."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from egma_core.errors import TrackerError
from egma_core.gaze.samples import SAMPLE_DTYPE, GazeSamples
from egma_core.geometry import Screen
from egma_core.trackers.drivers import NAMES, make_tracker
from egma_core.trackers.fed import FedTracker
from egma_core.trackers.tracker import Tracker

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
SECOND = 10**9


@dataclass
class Bench:
    """A tracker on a clock that the test winds; `advance` lets time pass and, for a fed tracker, feeds it."""

    tracker: Tracker
    now_ns: int = 5 * SECOND

    def advance(self, ns: int) -> None:
        step = SECOND // 60
        for at in range(self.now_ns + step, self.now_ns + ns + 1, step):
            if isinstance(self.tracker, FedTracker):
                self.tracker.push(at, 0.25, 0.75)
        self.now_ns += ns


@pytest.fixture(params=NAMES)
def bench(request: pytest.FixtureRequest) -> Bench:
    def now() -> int:
        return made.now_ns

    made = Bench(make_tracker(request.param, now, SCREEN, rate_hz=60.0, seed=3))
    return made


def test_it_says_what_it_is(bench: Bench) -> None:
    description = bench.tracker.description
    assert description.name in NAMES
    assert description.origin in ("tracker", "mouse", "simulated", "replay")
    assert description.rate_hz == 60.0
    assert description.model
    bench.tracker.start()
    assert bench.tracker.description == description


def test_samples_are_well_formed(bench: Bench) -> None:
    bench.tracker.start()
    bench.advance(3 * SECOND)
    samples = bench.tracker.drain()
    rows = samples.rows
    assert rows.dtype == SAMPLE_DTYPE
    assert samples.origin == bench.tracker.description.origin
    assert len(samples) == pytest.approx(180, abs=1)
    assert (np.diff(rows["host_ns"]) >= 0).all()
    assert (np.diff(rows["device_us"]) >= 0).all()
    assert rows["host_ns"][0] >= 5 * SECOND
    assert rows["host_ns"][-1] <= bench.now_ns
    for eye in ("left", "right"):
        seen = rows[f"{eye}_valid"]
        assert seen.any()
        assert np.isfinite(rows[f"{eye}_x"][seen]).all()
        assert np.isfinite(rows[f"{eye}_y"][seen]).all()
        assert np.isnan(rows[f"{eye}_x"][~seen]).all()


def test_nothing_comes_twice_and_nothing_is_left_out(bench: Bench) -> None:
    bench.tracker.start()
    blocks: list[GazeSamples] = []
    for ns in (SECOND // 10, 0, SECOND // 3, SECOND, SECOND // 7):
        bench.advance(ns)
        blocks.append(bench.tracker.drain())
    times = np.concatenate([block.rows["host_ns"] for block in blocks])
    assert len(times) == len(set(times.tolist()))
    assert np.diff(times).max() < 3 * SECOND / 60
    assert len(bench.tracker.drain()) == 0


def test_nothing_comes_before_start_or_from_after_stop(bench: Bench) -> None:
    bench.advance(SECOND)
    assert len(bench.tracker.drain()) == 0
    bench.tracker.start()
    bench.advance(SECOND)
    stopped_ns = bench.now_ns
    bench.tracker.stop()
    bench.advance(SECOND)
    last = bench.tracker.drain()
    assert len(last) == pytest.approx(60, abs=1), "what had arrived by the stop can still be drained"
    assert last.rows["host_ns"].max() <= stopped_ns
    assert len(bench.tracker.drain()) == 0


def test_it_can_be_started_and_stopped_again(bench: Bench) -> None:
    tracker = bench.tracker
    tracker.start()
    bench.advance(SECOND)
    tracker.stop()
    tracker.stop()
    bench.advance(SECOND)
    tracker.start()
    started_ns = bench.now_ns
    bench.advance(SECOND)
    again = tracker.drain()
    assert again.rows["host_ns"].min() >= started_ns, "an undrained earlier stream does not run into a new one"
    assert len(again) == pytest.approx(60, abs=1)
    tracker.close()
    tracker.close()


def test_an_unknown_tracker_is_refused() -> None:
    now: Callable[[], int] = lambda: 0  # noqa: E731 - a clock that stands still
    with pytest.raises(TrackerError, match="no tracker called 'tobii-9'"):
        make_tracker("tobii-9", now, SCREEN)
