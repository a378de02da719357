"""Statistics over few seeds: Student's interval, paired by seed, and silent where there is too little."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.ablation.statistics import crossed_interval, difference_of, interval_of


def test_the_interval_is_students() -> None:
    found = interval_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3.0
    half = 2.7764451 * math.sqrt(2.5 / 5)  # t(4) at 97.5 %, from a printed table
    assert (found.low, found.high, found.n) == (pytest.approx(3 - half), pytest.approx(3 + half), 5)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    found = [interval_of(random.normal(0.3, 2.0, 5).tolist()) for _ in range(4000)]
    assert np.mean([i.low <= 0.3 <= i.high for i in found]) == pytest.approx(0.95, abs=0.012)


def test_one_seed_has_no_interval_and_none_has_no_mean() -> None:
    one, none = interval_of([0.5]), interval_of([])
    assert (one.mean, one.n, none.n) == (0.5, 1, 0)
    assert math.isnan(one.low)
    assert math.isnan(none.mean)
    assert not one.excludes_zero
    assert not none.excludes_zero


def test_differences_are_paired_by_seed() -> None:
    baseline = {0: 0.1, 1: 0.5, 2: 0.9}
    better = {seed: value + 0.1 for seed, value in baseline.items()}
    found = difference_of(better, baseline)
    assert found.mean == pytest.approx(0.1)
    assert found.high - found.low < 1e-9  # what varies between seeds has dropped out
    assert found.excludes_zero
    assert difference_of({1: 0.7, 3: 0.0}, baseline).n == 1


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(-1, 1))
def test_shifting_the_values_shifts_the_interval(values: list[float], shift: float) -> None:
    before, after = interval_of(values), interval_of([value + shift for value in values])
    assert after.mean == pytest.approx(before.mean + shift, abs=1e-9)
    assert after.high - after.low == pytest.approx(before.high - before.low, abs=1e-9)


def test_the_crossed_interval_covers_the_truth_over_seeds_and_films_where_seeds_are_many() -> None:
    random, covered = np.random.default_rng(2), list[bool]()
    for _ in range(50):
        seeds, films = random.normal(0.2, 0.3, (24, 1)), random.normal(0.0, 0.5, (1, 40))
        counts = random.integers(0, 4, 40).astype(np.float64)
        found = crossed_interval((seeds + films) * counts, counts)
        assert found.mean == pytest.approx(float(((seeds + films) * counts).sum() / (24 * counts.sum())))
        covered.append(found.low <= 0.2 <= found.high)
    assert 0.84 <= np.mean(covered) <= 1.0


def test_the_crossed_interval_holds_what_varies_between_films_though_seeds_agree() -> None:
    films = np.random.default_rng(3).normal(0.1, 1.0, 50)
    sums = np.tile(films, (5, 1))
    crossed, over_seeds = crossed_interval(sums, np.ones(50)), interval_of(sums.mean(axis=1).tolist())
    assert over_seeds.high - over_seeds.low < 1e-12
    assert crossed.high - crossed.low == pytest.approx(2 * 1.96 * films.std() / np.sqrt(50), rel=0.1)
    assert crossed.mean == pytest.approx(over_seeds.mean)


def test_without_films_or_seeds_there_is_no_crossed_interval() -> None:
    nothing = crossed_interval(np.zeros((3, 2)), np.zeros(2))
    assert (math.isnan(nothing.mean), nothing.n) == (True, 0)
    one = crossed_interval(np.ones((1, 4)), np.ones(4))
    assert (one.mean, math.isnan(one.low), one.n) == (1.0, True, 1)
