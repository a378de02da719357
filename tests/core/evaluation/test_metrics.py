"""Figures of merit against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.evaluation import metrics
from egma_core.evaluation.resampling import auroc_of_draws, average_precision_of_draws, ranked_ci95

CONFUSION = metrics.confusion_matrix([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0], 3)

cases = st.lists(st.tuples(st.booleans(), st.integers(-3, 3), st.integers(1, 4)), min_size=2, max_size=40)


def test_the_confusion_matrix_has_the_truth_in_rows() -> None:
    assert CONFUSION.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_figures_of_a_confusion_matrix() -> None:
    assert metrics.accuracy(CONFUSION) == pytest.approx(4 / 6)
    assert metrics.balanced_accuracy(CONFUSION) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics.macro_f1(CONFUSION) == pytest.approx((2 * 2 / 6 + 2 * 2 / 5 + 0) / 3)
    hits, chance, spread_of_truth, spread_of_prediction = 4 * 6, 3 * 3 + 2 * 3 + 1 * 0, 36 - 14, 36 - 18
    assert metrics.matthews(CONFUSION) == pytest.approx((hits - chance) / math.sqrt(spread_of_truth * spread_of_prediction))


def test_two_class_matthews_is_the_phi_coefficient() -> None:
    truth, predicted = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 1, 0, 1, 1, 0, 1])
    confusion = metrics.confusion_matrix(truth, predicted, 2)
    assert metrics.matthews(confusion) == pytest.approx(np.corrcoef(truth, predicted)[0, 1])


def test_a_constant_predictor_has_no_correlation() -> None:
    confusion = metrics.confusion_matrix([0, 1, 2, 0], [1, 1, 1, 1], 3)
    assert metrics.matthews(confusion) == 0.0
    assert metrics.balanced_accuracy(confusion) == pytest.approx(1 / 3)


@given(cases)
def test_auroc_is_the_share_of_pairs_in_order(rows: list[tuple[bool, int, int]]) -> None:
    positive, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [(s, t, v * w) for p, s, v in rows for q, t, w in rows if p and not q]
    if not pairs:
        assert math.isnan(metrics.auroc(positive, score, weight))
        return
    in_order = sum(w * (1.0 if s > t else 0.5 if s == t else 0.0) for s, t, w in pairs) / sum(w for _, _, w in pairs)
    assert metrics.auroc(positive, score, weight) == pytest.approx(in_order)
    assert metrics.auroc(positive, -score, weight) == pytest.approx(1 - in_order)


def test_weights_of_auroc_count_like_repetitions() -> None:
    positive, score = np.array([True, True, False, False]), np.array([0.3, 0.9, 0.5, 0.1])
    repeated = np.repeat(np.arange(4), [1, 3, 2, 1])
    assert metrics.auroc(positive, score, [1, 3, 2, 1]) == pytest.approx(metrics.auroc(positive[repeated], score[repeated]))


def test_average_precision_of_a_worked_case() -> None:
    # Sorted by score: + - + + -  ->  (1/1 + 2/3 + 3/4) / 3
    assert metrics.average_precision([True, False, True, True, False], [5, 4, 3, 2, 1]) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_average_precision_of_ties_does_not_depend_on_the_order() -> None:
    assert metrics.average_precision([True, False, False, False], [1, 1, 1, 1]) == pytest.approx(0.25)
    assert metrics.average_precision([False, False, False, True], [1, 1, 1, 1]) == pytest.approx(0.25)


def test_undefined_figures_are_nan() -> None:
    assert math.isnan(metrics.auroc([True, True], [1, 2]))
    assert math.isnan(metrics.average_precision([False], [1]))
    assert math.isnan(metrics.accuracy(np.zeros((2, 2), np.int64)))
    assert math.isnan(metrics.bootstrap_ci95(lambda i: 1.0, [])[0])


def test_the_interval_covers_a_proportion_as_theory_says() -> None:
    hits = np.arange(400) % 4 == 0
    low, high = metrics.bootstrap_ci95(lambda i: float(hits[i].mean()), [str(i) for i in range(400)], seed=1)
    half = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert low == pytest.approx(0.25 - half, abs=0.01)
    assert high == pytest.approx(0.25 + half, abs=0.01)
    assert (low, high) == metrics.bootstrap_ci95(lambda i: float(hits[i].mean()), [str(i) for i in range(400)], seed=1)


def test_all_draws_at_once_give_the_interval_of_one_after_another() -> None:
    random = np.random.default_rng(3)
    truth, patients = random.random((50, 3)) < 0.25, [str(p) for p in random.integers(0, 20, 50)]
    scores = np.round(random.normal(size=(50, 3)) + truth, 1)
    for one, many in ((metrics.auroc, auroc_of_draws), (metrics.average_precision, average_precision_of_draws)):
        slow = metrics.bootstrap_ci95(lambda i, one=one: metrics.macro(one, truth[i], scores[i]), patients, seed=5, draws=200)
        assert ranked_ci95(many, truth, [scores], patients, seed=5, draws=200) == pytest.approx(slow)


def test_the_interval_is_wider_when_cases_share_patients() -> None:
    hits = np.repeat(np.arange(40) % 2 == 0, 10)

    def width(groups: list[str]) -> float:
        low, high = metrics.bootstrap_ci95(lambda i: float(hits[i].mean()), groups)
        return high - low

    assert width([str(i // 10) for i in range(400)]) > 2 * width([str(i) for i in range(400)])
