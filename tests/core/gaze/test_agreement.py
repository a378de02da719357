from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.gaze.agreement import event_f1, fixated, kappa
from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen


def labels(text: str) -> np.ndarray:
    return np.array([c == "x" for c in text])


LABELLINGS = st.integers(1, 40).flatmap(lambda n: st.tuples(*[st.lists(st.booleans(), min_size=n, max_size=n)] * 2))


@given(LABELLINGS)
def test_agreement_is_symmetric_and_perfect_with_oneself(pair: tuple[list[bool], list[bool]]) -> None:
    a, b = (np.array(p) for p in pair)
    assert kappa(a, b) == pytest.approx(kappa(b, a)) and event_f1(a, b) == pytest.approx(event_f1(b, a))
    assert kappa(a, a) == pytest.approx(1.0) and event_f1(a, a) == 1.0
    assert 0.0 <= event_f1(a, b) <= 1.0


def test_kappa_is_what_chance_leaves() -> None:
    assert kappa(labels("xx..xx.."), labels("xxxx....")) == pytest.approx(0.0)
    assert kappa(labels("xxx.xx.."), labels("xx..xx..")) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("a", "b", "f1"),
    [
        (".xx..xx.", ".xx..xx.", 1.0),
        ("xxxxxxxx", "xx.xx.xx", 0.5),
        ("xx......", "......xx", 0.0),
        ("xx..xx..", "xxxx....", 2 / 3),
        # The long event takes the partner that it shares most with, wherever it comes in the order of time.
        ("xx.xxxxx", "xxxxxx..", 2 / 3),
        ("........", "........", 1.0),
        ("........", "..x.....", 0.0),
    ],
)
def test_events_have_one_partner_each(a: str, b: str, f1: float) -> None:
    assert event_f1(labels(a), labels(b)) == pytest.approx(f1)


def test_the_largest_overlap_comes_first() -> None:
    """The middle event overlaps both neighbours; matched in order of time it would take the wrong one and leave two alone."""
    a, b = labels("xxxx.xxxxxxx"), labels("..xxxxxxxx.x")
    assert event_f1(a, b) == pytest.approx(2 * 1 / 4)


def test_samples_between_onset_and_offset_are_fixated() -> None:
    time = np.arange(0.0, 1.0, 0.01)
    x = np.where(time < 0.495, 300.0, 1500.0)
    gaze = PlacedGaze.on_screen(time, x, np.full(len(time), 500.0), Screen(1920, 1080, 530.0, 300.0, 650.0))
    found = detect_fixations(gaze)
    assert np.flatnonzero(~fixated(found, time)).tolist() == [49, 50]
    assert not fixated(detect_fixations(PlacedGaze.on_screen(time, x * np.nan, x, gaze.screen)), time).any()
