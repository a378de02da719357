"""Means over seeds with Student's interval, differences paired by seed, and intervals over films and seeds: few numbers, treated as few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.evaluation.metrics import finite_or_none, percentiles95

CONFIDENCE = 0.95

DRAWS = 4000
"""How often seeds and films are drawn anew."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds.

    Attributes:
        mean: The mean; NaN without values.
        low: Lower end of the 95 % interval; NaN with fewer than two values.
        high: Upper end.
        n: How many seeds it is over.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero; False where there is none."""
        return bool(self.low > 0 or self.high < 0)

    def to_json(self) -> dict[str, Any]:
        """Plain values; undefined ones are null."""
        return {"mean": finite_or_none(self.mean), "ci95": [finite_or_none(self.low), finite_or_none(self.high)], "n": self.n}


def interval_of(values: Sequence[float]) -> Interval:
    """Mean and two-sided 95 % interval by Student's t: mean +- t(n - 1) * s / sqrt(n), s with n - 1 in the denominator.

    It takes the seeds' figures for independent draws from a normal distribution, and says how far the mean over all seeds
    may lie from this one, on these films; it says nothing about other films.
    """
    # Imported here because scipy takes long to import and the plan is read without it.
    from scipy.special import stdtrit

    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return Interval(float(x.mean()) if len(x) else float("nan"), float("nan"), float("nan"), len(x))
    half = float(stdtrit(len(x) - 1, (1 + CONFIDENCE) / 2) * x.std(ddof=1) / np.sqrt(len(x)))
    return Interval(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half, len(x))


def difference_of(values: Mapping[int, float], baseline: Mapping[int, float]) -> Interval:
    """Interval of the differences value - baseline over the seeds that both have.

    The first weights, the order of the films and their variation are those of the seed in both, so much of what varies
    between seeds drops out.

    Args:
        values: Figures by seed.
        baseline: Figures by seed.
    """
    return interval_of([values[seed] - baseline[seed] for seed in sorted(set(values) & set(baseline))])


def crossed_interval(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> Interval:
    """Mean over questions, and the 95 % percentile interval when seeds and films are both drawn anew, each from its own.

    It says how far the mean may lie from that of other seeds and other films of the same kind. Percentiles of so few seeds are
    somewhat too narrow: drawn from n, their variance is (n - 1) / n of what it should be.

    Args:
        sums: (S, F) a figure's sum over each film's questions, for each seed.
        counts: (F,) how many questions each film has.

    Returns:
        The interval, whose n is the number of seeds; without ends where there are fewer than two seeds or two films with questions.
    """
    asked = counts > 0
    sums, counts = sums[:, asked], counts[asked]
    seeds, films = sums.shape
    if not seeds or not films:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    mean = float(sums.sum() / (seeds * counts.sum()))
    if seeds < 2 or films < 2:
        return Interval(mean, float("nan"), float("nan"), seeds)
    random = np.random.default_rng(0)
    of_seed = random.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS).astype(np.float64)
    of_film = random.multinomial(films, np.full(films, 1 / films), DRAWS).astype(np.float64)
    drawn = ((of_seed @ sums) * of_film).sum(axis=1) / (seeds * (of_film @ counts))
    low, high = percentiles95(drawn)
    return Interval(mean, low, high, seeds)
