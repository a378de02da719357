"""How well two ways of finding fixations agree, sample by sample and event by event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.fixations import Fixations


def fixated(fixations: Fixations, time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether each of (n,) times lies within a fixation, ends included."""
    if not len(fixations):
        return np.zeros(len(time_s), dtype=np.bool_)
    index = np.searchsorted(fixations.onset_s, time_s + 1e-9, side="right") - 1
    return (index >= 0) & (time_s <= fixations.offset_s[np.maximum(index, 0)] + 1e-9)


def kappa(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Cohen's kappa of two labellings (n,) of the same samples; 1 where both say the same of every sample.

    Source: Cohen (1960), Educational and Psychological Measurement 20.
    """
    agreed = float(np.mean(a == b))
    chance = float(a.mean() * b.mean() + (1.0 - a.mean()) * (1.0 - b.mean()))
    return 1.0 if chance == 1.0 else (agreed - chance) / (1.0 - chance)


def event_f1(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """F1 of the events of two labellings (n,): the share of runs of true samples that have a partner in the other.

    Partners share samples; they are found one to one, the largest overlap first. 1 where neither has an event.

    Source: Andersson et al. (2017), Behavior Research Methods 49, on why samples alone do not suffice; Zemblys et al.
    (2019) for matching by largest overlap.
    """
    one, other = _spans(a), _spans(b)
    if len(one) + len(other) == 0:
        return 1.0
    overlap = np.minimum(one[:, None, 1], other[None, :, 1]) - np.maximum(one[:, None, 0], other[None, :, 0])
    first, second = np.nonzero(overlap > 0)
    order = np.argsort(-overlap[first, second], kind="stable")
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    for i, j in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if i not in taken_first and j not in taken_second:
            taken_first.add(i)
            taken_second.add(j)
    return 2.0 * len(taken_first) / (len(one) + len(other))


def _spans(labels: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(k, 2) first and one-past-last sample of every run of true labels."""
    steps = np.diff(np.concatenate([[0], labels.astype(np.int8), [0]]))
    return np.column_stack([np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)])
