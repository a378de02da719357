"""Every origin and state that the core knows has words, and numbers read well."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import get_args

import pytest

from egma_app.widgets.words import count_text, date_text, duration_text, gaze_words, state_words, text_words
from egma_core.gaze.samples import GazeOrigin
from egma_core.speech.sentences import TextOrigin
from egma_core.store.values import ReadingState


def test_every_origin_and_state_has_words_of_its_own() -> None:
    for words, values in ((gaze_words, GazeOrigin), (text_words, TextOrigin), (state_words, ReadingState)):
        said = [words(value) for value in get_args(values)]
        assert all(said)
        assert len(set(said)) == len(said)
    assert gaze_words("") == "no gaze"
    assert "mouse" in gaze_words("mouse")
    assert gaze_words("mouse", "mouse") == gaze_words("mouse")
    assert gaze_words("tracker", "tobii").endswith(" (tobii)")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (-3, "0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_dates_sort_as_text() -> None:
    early, late = datetime(2026, 3, 9, 9, 5, tzinfo=timezone.utc), datetime(2026, 10, 1, 8, 0, tzinfo=timezone.utc)
    assert date_text(early) < date_text(late)
    assert date_text(early)[:5] == "2026-"


def test_counts_agree_with_their_nouns() -> None:
    assert count_text(1, "film") == "1 film"
    assert count_text(12000, "film") == "12,000 films"
    assert count_text(0, "study", "studies") == "0 studies"
