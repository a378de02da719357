"""How well a map tells where somebody looked: the field's measures, each one pure function on one map of one film.

Every map is laid on a lattice of equal parts of the film, padding left out. `s` is the map that is judged, any real numbers;
`q` the density of the gaze; fixations are judged at their own places. NaN where the data do not define a measure. Definitions:
Bylinski et al. 2019 (MIT saliency benchmark); Peters et al. 2005 (NSS); Judd et al. 2009; Kuemmerer et al. 2015 (information gain).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.evaluation.metrics import auroc

EPSILON = 2.2204e-16
"""What the benchmark adds to densities before it divides or takes logarithms."""

Map = NDArray[np.floating[Any]]


def density(s: Map) -> NDArray[np.float64]:
    """A map as a density: shifted so that it starts at 0 if any value is negative, then divided by its sum; uniform if that is 0."""
    values = s.astype(np.float64)
    if values.min() < 0:
        values = values - values.min()
    total = values.sum()
    return values / total if total > 0 else np.full(values.shape, 1.0 / values.size)


def nss(s: Map, at_fixations: Map, weight: NDArray[np.float64] | None = None) -> float:
    """Normalised scanpath saliency: the mean of the standardised map at the fixations; 0 is chance.

    Args:
        s: (rows, columns) the map.
        at_fixations: (k,) its values where somebody looked.
        weight: (k,) durations that fixations count by, or None for alike.
    """
    spread = float(s.std())
    if not len(at_fixations) or spread <= 1e-12 * max(1.0, float(np.abs(s).max())):
        return float("nan")
    return float(np.average((at_fixations - s.mean()) / spread, weights=weight))


def auc_judd(s: Map, fixated: NDArray[np.bool_]) -> float:
    """Chance that the map is higher in a fixated part of the film than in one that nobody fixated; ties count half.

    The rank form of the curve over all thresholds, so that ties need no jitter.

    Args:
        s: (rows, columns) the map.
        fixated: (rows, columns) which parts were fixated.
    """
    return auroc(fixated.ravel(), s.ravel())


def correlation(s: Map, q: Map) -> float:
    """Pearson's correlation of two maps (CC); NaN if either is flat."""
    a, b = s.astype(np.float64) - s.mean(dtype=np.float64), q.astype(np.float64) - q.mean(dtype=np.float64)
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    flat = max(float(np.abs(s).max()), 1e-300) * max(float(np.abs(q).max()), 1e-300) * 1e-12 * s.size
    return float((a * b).sum() / scale) if scale > flat else float("nan")


def similarity(s: Map, q: Map) -> float:
    """Histogram intersection of two densities (SIM), in 0..1."""
    return float(np.minimum(density(s), density(q)).sum())


def divergence(s: Map, q: Map) -> float:
    """Kullback-Leibler divergence of the gaze's density from the map's (KL), in nats; 0 is perfect."""
    ours, theirs = density(s), density(q)
    return float((theirs * np.log(EPSILON + theirs / (EPSILON + ours))).sum())


def information_gain(
    at_fixations: Map, baseline_at_fixations: Map, weight: NDArray[np.float64] | None = None, floor: float = EPSILON
) -> float:
    """Information gain over a baseline (IG), in bits a fixation.

    Args:
        at_fixations: (k,) the map's density where somebody looked.
        baseline_at_fixations: (k,) the baseline's density there.
        weight: (k,) durations that fixations count by, or None for alike.
        floor: Added to both, so that a zero costs no infinity.
    """
    if not len(at_fixations):
        return float("nan")
    gain = np.log2(at_fixations.astype(np.float64) + floor) - np.log2(baseline_at_fixations.astype(np.float64) + floor)
    return float(np.average(gain, weights=weight))
