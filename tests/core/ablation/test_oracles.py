"""The two cheats: what each control takes from them, and that what it does not take is really there."""

from __future__ import annotations

import numpy as np
import pytest

from egma_core.ablation.oracles import Oracle, oracles
from egma_core.ablation.questions import Questions
from egma_core.synthetic.films import make_phantom

ASKED = Questions.about([make_phantom(seed) for seed in range(3100, 3140)], 0)


@pytest.fixture(scope="module")
def both() -> tuple[Oracle, ...]:
    return oracles(ASKED, 112, 7, 7)


@pytest.mark.parametrize("group", ["without_place", "with_place"])
def test_anatomy_and_words_alone_see_nothing_though_other_films_say_so(both: tuple[Oracle, ...], group: str) -> None:
    figures = both[0].figures[group]
    assert figures["own_minus_removed"] == 0.0
    assert figures["own_minus_swapped"] > 0.03  # the box stays, the anatomy moves: film swap alone is fooled
    assert figures["own"] > (0.85 if group == "with_place" else 0.3)


@pytest.mark.parametrize("group", ["without_place", "with_place"])
def test_whoever_points_at_any_finding_gains_nothing_by_the_sentence(both: tuple[Oracle, ...], group: str) -> None:
    figures = both[1].figures[group]
    assert figures["own_minus_other"] == 0.0
    assert figures["own_minus_removed"] > 0.2
    assert figures["own_minus_swapped"] > 0.2


def test_other_sentences_are_about_other_findings_of_the_same_film() -> None:
    for i, question in enumerate(ASKED.every):
        for j in np.flatnonzero(ASKED.others[i]):
            other = ASKED.every[j]
            assert (other.film, other.located) == (question.film, question.located)
            assert other.finding != question.finding
    alone = [i for i, q in enumerate(ASKED.every) if len(ASKED.phantoms[q.film].findings) == 1]
    assert alone
    assert not ASKED.others[alone].any()
