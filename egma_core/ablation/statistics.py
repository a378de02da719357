"""Means over seeds with Student's interval, and differences paired by seed: few numbers, treated as few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


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
