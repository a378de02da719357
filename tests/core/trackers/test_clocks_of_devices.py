"""Device clocks placed on the host clock, and the stream's beginning and end."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.errors import TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.trackers.clocks import DeviceClock, Window, check_host_clock
from egma_core.trackers.ticks import frequency

MS = 10**6


class Busy:
    """A clock that is read on a machine with other things to do: time passes between any two readings."""

    def __init__(self, passing_ns: Iterable[int]) -> None:
        self.now = 10**12
        self._passing_ns = itertools.cycle(passing_ns)

    def __call__(self) -> int:
        self.now += next(self._passing_ns)
        return self.now


def test_a_clock_that_is_the_host_clock_passes() -> None:
    clock = Busy([100])
    assert check_host_clock(clock, clock, "itself") == 0


def test_a_clock_that_is_the_host_clock_passes_on_a_busy_machine() -> None:
    """All readings but one are held up, and on one side: their middle is 30 ms off."""
    passing = [60 * MS, 100] * 12 + [100, 100] + [60 * MS, 100] * 20
    clock = Busy(passing)
    assert abs(check_host_clock(clock, clock, "itself")) <= 100


@pytest.mark.parametrize("apart_ns", [-2 * MS, 2 * MS, 10**15])
def test_a_clock_that_is_another_is_refused_in_words(apart_ns: int) -> None:
    clock = Busy([100, 5000, 700])
    with pytest.raises(TrackerError, match=r"clock of the device is .* ms away"):
        check_host_clock(clock, lambda: clock() + apart_ns, "the device")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), offset_ms=st.integers(-(10**9), 10**9), drift_ppm=st.floats(-50, 50))
def test_samples_are_placed_by_the_quickest_arrivals(seed: int, offset_ms: int, drift_ppm: float) -> None:
    rng = np.random.default_rng(seed)
    taken_ns = np.arange(3000, dtype=np.int64) * 16 * MS  # 48 s at 62.5 Hz
    device_ns = (taken_ns * (1 + drift_ppm * 1e-6)).astype(np.int64) + offset_ms * MS
    arrived_ns = np.maximum.accumulate(taken_ns + (rng.exponential(8 * MS, len(taken_ns))).astype(np.int64))
    clock = DeviceClock()
    placed = np.concatenate([clock.host_ns(*block) for block in zip(np.split(device_ns, 30), np.split(arrived_ns, 30), strict=True)])
    error_ms = (placed - taken_ns)[300:] / MS
    assert error_ms.min() > -0.51, "at most as early as the drift makes them in 10 s"
    assert error_ms.max() < 1.0


def blocks(*host_ns: int) -> GazeSamples:
    samples = GazeSamples.blank(len(host_ns), "tracker")
    samples.rows["host_ns"] = host_ns
    return samples


def test_only_what_was_sampled_between_start_and_stop_is_admitted_and_never_goes_back() -> None:
    now_ns = 100
    window = Window(lambda: now_ns)
    assert len(window.admit(blocks(50, 150))) == 0
    window.begin()
    assert window.open
    assert window.admit(blocks(99, 100, 130, 120, 140)).host_ns.tolist() == [100, 130, 130, 140]
    assert window.admit(blocks(139, 150)).host_ns.tolist() == [140, 150]
    now_ns = 200
    window.end()
    now_ns = 300
    window.end()
    assert not window.open
    assert window.admit(blocks(190, 200, 201)).host_ns.tolist() == [190, 200]
    window.begin()
    assert window.admit(blocks(299, 300)).host_ns.tolist() == [300]


@pytest.mark.parametrize(
    ("stated", "hz"),
    [("10000000", 1e7), ("4704405731611246592", 3330093.0), ("1000000000", 1e9), ("", None), ("soon", None), ("0", None), ("-5", None)],
)
def test_tick_frequencies_are_believed_only_where_they_can_be(stated: str, hz: float | None) -> None:
    assert frequency(stated) == hz if hz else np.isnan(frequency(stated))
