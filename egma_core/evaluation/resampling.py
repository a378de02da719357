"""Intervals of ranking figures: the bootstrap over patients, all draws at once.

A drawn sample repeats cases; a figure of it is the figure with each case weighted by how often it was drawn. So the scores are
sorted once, and a thousand draws are a few sums over one matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from egma_core.evaluation.metrics import percentiles95

MOST_NUMBERS = 2**23
"""Draws are taken in blocks of about so many numbers."""

Array: TypeAlias = NDArray[np.floating[Any]]

RankingOfDraws: TypeAlias = Callable[[NDArray[np.bool_], Array, NDArray[np.float64]], NDArray[np.float64]]
"""(n,) truth, (n,) scores and (D, n) counts to (D,) figures; NaN where a draw does not define it."""


def auroc_of_draws(positive: NDArray[np.bool_], score: Array, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(D,) areas under the ROC curve, as `metrics.auroc` has them, with (n,) cases counted as the (D, n) draws say."""
    hits, all_cases = _by_level(positive, score, counts)
    misses = all_cases - hits
    below = np.cumsum(misses, axis=1) - misses
    area, pairs = (hits * (below + misses / 2)).sum(axis=1), hits.sum(axis=1) * misses.sum(axis=1)
    return np.divide(area, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)


def average_precision_of_draws(positive: NDArray[np.bool_], score: Array, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(D,) areas under the precision-recall curve, as `metrics.average_precision` has them."""
    hits, all_cases = _by_level(positive, -score, counts)
    found, seen = np.cumsum(hits, axis=1), np.cumsum(all_cases, axis=1)
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    return np.divide((hits * precision).sum(axis=1), found[:, -1], out=np.full(len(counts), np.nan), where=found[:, -1] > 0)


def ranked_ci95(
    figure: RankingOfDraws,
    truth: NDArray[np.bool_],
    scores: Sequence[Array],
    patients: Sequence[str],
    *,
    seed: int = 0,
    draws: int = 1000,
) -> tuple[float, float]:
    """Percentile interval of a figure's mean over classes (those that a draw defines) and over several models.

    Args:
        figure: `auroc_of_draws` or `average_precision_of_draws`.
        truth: (n, C) bool.
        scores: One or more (n, C) scores.
        patients: The patient of each case; they are redrawn together.
        seed: Seed of the draws, which are those of `metrics.bootstrap_ci95`.
        draws: How many.
    """
    if not len(patients):
        return float("nan"), float("nan")
    figures = [
        np.mean([_mean_of_defined([figure(truth[:, c], s[:, c], counts) for c in range(truth.shape[1])]) for s in scores], axis=0)
        for counts in draws_of(patients, seed, draws)
    ]
    return percentiles95(np.concatenate(figures))


def draws_of(patients: Sequence[str], seed: int, draws: int) -> Iterator[NDArray[np.float64]]:
    """How often each of n cases is drawn when patients are, in blocks of (d, n)."""
    groups, group_of = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
    random, n = np.random.default_rng(seed), len(groups)
    block = max(1, MOST_NUMBERS // len(group_of))
    for start in range(0, draws, block):
        drawn = [np.bincount(random.integers(0, n, n), minlength=n) for _ in range(min(block, draws - start))]
        yield np.array(drawn, dtype=np.float64)[:, group_of]


def _by_level(positive: NDArray[np.bool_], score: Array, counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(D, levels) counted positives and counted cases at each different score, lowest first."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.nan) != 0)
    sorted_counts = counts[:, order]
    return np.add.reduceat(sorted_counts * positive[order], starts, axis=1), np.add.reduceat(sorted_counts, starts, axis=1)


def _mean_of_defined(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    stacked = np.stack(columns)
    defined = np.isfinite(stacked)
    n = defined.sum(axis=0)
    return np.divide(np.where(defined, stacked, 0.0).sum(axis=0), n, out=np.full(stacked.shape[1], np.nan), where=n > 0)
