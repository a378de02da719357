"""Figures of merit in plain numpy: each one pure function, NaN where the data do not define it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

IndexArray = NDArray[np.int64]


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, n_classes: int) -> IndexArray:
    """How often each true class was taken for each other.

    Args:
        truth: (n,) class indices in 0..n_classes-1.
        predicted: (n,) class indices.
        n_classes: Number of classes C.

    Returns:
        (C, C) counts; rows are the truth, columns what was predicted.
    """
    rows, columns = np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    return np.bincount(rows * n_classes + columns, minlength=n_classes * n_classes).reshape(n_classes, n_classes).astype(np.int64)


def accuracy(confusion: IndexArray) -> float:
    """Share of cases on the diagonal of a (C, C) confusion matrix."""
    return _ratio(np.trace(confusion), confusion.sum())


def balanced_accuracy(confusion: IndexArray) -> float:
    """Mean recall over the classes that occur in the truth."""
    occurring = confusion.sum(axis=1)
    present = occurring > 0
    return float(np.mean(np.diag(confusion)[present] / occurring[present])) if present.any() else float("nan")


def macro_f1(confusion: IndexArray) -> float:
    """Mean F1 over the classes that occur in the truth or were predicted."""
    hits = np.diag(confusion)
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    present = total > 0
    return float(np.mean(2 * hits[present] / total[present])) if present.any() else float("nan")


def matthews(confusion: IndexArray) -> float:
    """Matthews' correlation for any number of classes (Gorodkin 2004, R_K); 0 where one side is constant."""
    counts = confusion.astype(np.float64)
    true, predicted, n = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    if n == 0:
        return float("nan")
    spread = (n * n - predicted @ predicted) * (n * n - true @ true)
    return float((np.trace(counts) * n - true @ predicted) / np.sqrt(spread)) if spread > 0 else 0.0


def auroc(positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half (Mann-Whitney).

    Args:
        positive: (n,) bool.
        score: (n,) finite scores.
        weight: (n,) non-negative weights, or None for equal ones.

    Returns:
        The area in [0, 1]; NaN unless there are positives and negatives with weight.
    """
    is_positive, value = np.asarray(positive, dtype=bool), np.asarray(score, dtype=np.float64)
    weights = np.ones(len(value)) if weight is None else np.asarray(weight, dtype=np.float64)
    _, level = np.unique(value, return_inverse=True)
    positives = np.bincount(level, weights=weights * is_positive)
    negatives = np.bincount(level, weights=weights * ~is_positive)
    below = np.cumsum(negatives) - negatives
    return _ratio(float(positives @ (below + negatives / 2)), float(positives.sum() * negatives.sum()))


def average_precision(positive: ArrayLike, score: ArrayLike) -> float:
    """Area under the precision-recall curve as a step function (average precision); tied scores are one threshold.

    Args:
        positive: (n,) bool.
        score: (n,) finite scores.

    Returns:
        The area in [0, 1]; NaN if there are no positives.
    """
    is_positive, value = np.asarray(positive, dtype=bool), np.asarray(score, dtype=np.float64)
    _, level = np.unique(-value, return_inverse=True)
    hits = np.bincount(level, weights=is_positive)
    all_hits = np.cumsum(hits)
    if len(value) == 0 or all_hits[-1] == 0:
        return float("nan")
    precision = all_hits / np.cumsum(np.bincount(level))
    return float(hits @ precision / all_hits[-1])


def bootstrap_ci95(
    statistic: Callable[[IndexArray], float], groups: Sequence[str], *, seed: int = 0, draws: int = 1000
) -> tuple[float, float]:
    """Percentile bootstrap interval that redraws whole groups, since cases of one patient are not independent.

    Args:
        statistic: Maps (k,) indices of cases, drawn with repetition, to a figure; NaN draws are left out.
        groups: The group (patient) of each of the n cases.
        seed: Seed of the draws.
        draws: How many resamples.

    Returns:
        The 2.5th and 97.5th percentile; NaN where nothing can be drawn.
    """
    if not len(groups):
        return float("nan"), float("nan")
    order, first, size = _members(groups)
    random = np.random.default_rng(seed)
    figures = np.empty(draws)
    for i in range(draws):
        chosen = random.integers(0, len(size), len(size))
        lengths = size[chosen]
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        figures[i] = statistic(order[np.repeat(first[chosen], lengths) + within])
    return percentiles95(figures)


def _members(groups: Sequence[str]) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Cases (n,) sorted by group, and where in them each of the groups begins and how many cases it has."""
    _, group_of, size = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True, return_counts=True)
    return np.argsort(group_of, kind="stable"), np.cumsum(size) - size, size


def percentiles95(figures: NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of drawn figures, undefined ones left out; NaN if all are."""
    finite = figures[np.isfinite(figures)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.percentile(finite, [2.5, 97.5]).tolist()
    return low, high


def macro(figure: Callable[[ArrayLike, ArrayLike], float], truth: NDArray[np.bool_], scores: NDArray[np.floating[Any]]) -> float:
    """Mean of a ranking figure over those of C classes, each against the rest, for which it is defined.

    Args:
        figure: Such as `auroc`; takes (n,) bool and (n,) scores.
        truth: (n, C) bool; a case may have several classes.
        scores: (n, C) finite scores.
    """
    areas = [figure(truth[:, c], scores[:, c]) for c in range(truth.shape[1])]
    defined = [area for area in areas if np.isfinite(area)]
    return float(np.mean(defined)) if defined else float("nan")


def finite_or_none(value: float) -> float | None:
    """A figure for JSON, which has no NaN."""
    return float(value) if np.isfinite(value) else None


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


@dataclass(frozen=True)
class Estimate:
    """A mean over cases with its interval.

    Attributes:
        value: The mean; NaN without cases.
        ci95: Bootstrap interval that redraws patients.
        n: Number of cases.
    """

    value: float
    ci95: tuple[float, float]
    n: int

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64], patients: Sequence[str], seed: int = 0, draws: int = 1000) -> Estimate:
        """The mean of (n,) values, NaN ones left out; cases of one patient are redrawn together."""
        cases = np.asarray(values, dtype=np.float64)
        defined = np.isfinite(cases)
        if not defined.any():
            return cls(float("nan"), (float("nan"), float("nan")), 0)
        cases, groups = cases[defined], np.asarray(patients, dtype=np.str_)[defined].tolist()
        order, first, size = _members(groups)
        sums = np.add.reduceat(cases[order], first)
        random = np.random.default_rng(seed)
        figures = np.empty(draws)
        for i in range(draws):
            chosen = random.integers(0, len(size), len(size))
            figures[i] = sums[chosen].sum() / size[chosen].sum()
        return cls(float(cases.mean()), percentiles95(figures), len(cases))

    def to_json(self) -> dict[str, Any]:
        """Plain values; undefined ones become null."""
        return {"value": finite_or_none(self.value), "ci95": [finite_or_none(x) for x in self.ci95], "n": self.n}
