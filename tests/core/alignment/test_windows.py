from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.alignment.windows import WindowPolicy, sentence_windows
from egma_core.errors import ConfigError
from egma_core.speech.sentences import Sentence


def said(onset_s: float, offset_s: float) -> Sentence:
    return Sentence("Clear.", onset_s, offset_s, "typed")


FIRST, SECOND, LATE = said(2.0, 3.0), said(4.0, 6.0), said(20.0, 22.0)


@pytest.mark.parametrize(
    ("policy", "windows"),
    [
        (WindowPolicy(), [(0.0, 3.0), (3.0, 6.0), (15.0, 22.0)]),
        (WindowPolicy(limit_s=0.5), [(1.5, 3.0), (3.5, 6.0), (19.5, 22.0)]),
        (WindowPolicy("span"), [(2.0, 3.0), (4.0, 6.0), (20.0, 22.0)]),
        (WindowPolicy("lead", lead_s=2.5), [(0.0, 3.0), (1.5, 6.0), (17.5, 22.0)]),
    ],
)
def test_each_policy(policy: WindowPolicy, windows: list[tuple[float, float]]) -> None:
    assert sentence_windows([FIRST, SECOND, LATE], policy) == windows


def test_a_policy_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="no window policy"):
        sentence_windows([FIRST], WindowPolicy("since_breakfast"))


def test_the_order_given_is_the_order_returned() -> None:
    assert sentence_windows([LATE, FIRST, SECOND]) == [(15.0, 22.0), (0.0, 3.0), (3.0, 6.0)]


def test_a_sentence_begun_before_the_last_one_ended_keeps_its_own_span() -> None:
    assert sentence_windows([said(1.0, 5.0), said(4.0, 6.0)]) == [(0.0, 5.0), (4.0, 6.0)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)), max_size=8), st.sampled_from(["since_previous", "span", "lead"]))
def test_every_window_holds_its_sentence(spans: list[tuple[float, float]], name: str) -> None:
    sentences = [said(onset, onset + length) for onset, length in spans]
    policy = WindowPolicy(name)  # pyright: ignore[reportArgumentType] - hypothesis draws plain strings
    for sentence, (start, end) in zip(sentences, sentence_windows(sentences, policy), strict=True):
        assert 0.0 <= start <= sentence.onset_s
        assert end == sentence.offset_s
        assert start >= sentence.onset_s - 5.0
