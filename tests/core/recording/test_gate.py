"""The gate at sign-off: loss and gaps counted as a reading goes, and judged by its limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.errors import ConfigError
from egma_core.gaze.samples import GazeSamples
from egma_core.recording.gate import GateLimits, WholeReading, judge

MS = 1_000_000
SECOND = 1000 * MS
HZ = 100


def samples(seen: list[bool], start_ns: int = 0) -> GazeSamples:
    """A block at 100 Hz in which the left eye is seen or nothing is."""
    block = GazeSamples.blank(len(seen), "tracker")
    block.rows["host_ns"] = start_ns + np.arange(len(seen)) * 10 * MS
    block.rows["left_valid"] = seen
    return block


@pytest.mark.parametrize(
    ("loss", "gap_s", "verdict"),
    [(0.0, 0.0, "green"), (0.099, 1.49, "green"), (0.10, 0.0, "yellow"), (0.0, 1.5, "yellow"), (0.15, 0.0, "red"), (0.12, 3.0, "red")],
)
def test_the_limits_are_those_of_the_protocol(loss: float, gap_s: float, verdict: str) -> None:
    gate = judge(loss, gap_s, GateLimits())
    assert (gate.loss, gate.longest_gap_s, gate.verdict) == (loss, gap_s, verdict)
    assert gate.reasons


def test_every_limit_that_is_passed_is_said() -> None:
    gate = judge(0.2, 1.6, GateLimits())
    assert gate.verdict == "red"
    assert gate.reasons == (
        "Gaze was lost 20% of the time; from 15% on a reading had better be redone.",
        "Neither eye was seen for 1.6 s on end; from 1.5 s on a reading is questionable.",
    )


def test_a_mouse_is_always_green_and_says_why() -> None:
    gate = judge(0.9, 60.0, GateLimits(), is_gaze=False)
    assert (gate.verdict, gate.reasons) == ("green", ("The mouse stood in for gaze: nothing can be lost.",))


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="contradict"):
        GateLimits(loss_yellow=0.2, loss_red=0.1)


@settings(max_examples=30, deadline=None)
@given(seen=st.lists(st.booleans(), min_size=1, max_size=120), cuts=st.lists(st.integers(0, 120), max_size=5))
def test_loss_and_gap_do_not_depend_on_how_the_reading_is_cut(seen: list[bool], cuts: list[int]) -> None:
    whole = WholeReading(HZ, 0)
    bounds = sorted({0, len(seen), *(cut for cut in cuts if cut < len(seen))})
    for start, stop in itertools.pairwise(bounds):
        whole.add(stop * 10 * MS, samples(seen[start:stop], start * 10 * MS))
    assert whole.loss == pytest.approx(1 - sum(seen) / len(seen))
    at = [0, *np.flatnonzero(seen)]
    still_open_ns = (len(seen) - at[-1]) * 10 * MS
    expected_ns = max([np.diff(at).max(initial=0) * 10 * MS, still_open_ns - 250 * MS if still_open_ns > 250 * MS else 0])
    assert whole.longest_gap_s == pytest.approx(expected_ns / 1e9)


def test_samples_that_never_came_are_lost_and_make_a_gap() -> None:
    whole = WholeReading(HZ, 0)
    whole.add(SECOND, samples([True] * 100))
    assert (whole.loss, whole.longest_gap_s) == (0.0, pytest.approx(0.01))
    whole.add(4 * SECOND, samples([]))
    assert whole.longest_gap_s == pytest.approx(4.0 - 0.99 - 0.25), "what may still be on its way is not missed"
    assert whole.loss == pytest.approx(1 - 100 / 375)
    whole.add(5 * SECOND, samples([True] * 100, 4 * SECOND))
    assert whole.longest_gap_s == pytest.approx(4.0 - 0.99)


def test_a_reading_that_has_just_begun_has_lost_nothing() -> None:
    whole = WholeReading(HZ, 0)
    whole.add(100 * MS, samples([]))
    assert (whole.loss, whole.longest_gap_s) == (0.0, 0.0)
