"""The figures of a run that a study compares, the headline first, and where they are in its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from egma_core.ablation.outcomes import GROUPS


@dataclass(frozen=True)
class Metric:
    """One figure of a run's result.

    Attributes:
        name: Its name in the summary.
        title: For people.
        path: Where it is in a run's figures.
    """

    name: str
    title: str
    path: tuple[str, ...]


def _both(name: str, title: str, figure: str) -> tuple[Metric, Metric]:
    """A figure of pointing, for sentences without and with words for the place."""
    without, located = GROUPS
    return (
        Metric(f"{name}_without_place", f"{title}, no place words", (without, figure)),
        Metric(f"{name}_with_place", f"{title}, place words", (located, figure)),
    )


HEADLINE = _both("seen", "own − same film without it", "own_minus_removed")
SWAPPED = _both("swap", "own − other films", "own_minus_swapped")
SENTENCE = _both("sentence", "own − other sentence", "own_minus_other")
PLAIN = _both("pointing", "plain pointing", "own")
GROUNDING = HEADLINE + SWAPPED + SENTENCE + PLAIN
"""Pointing at findings, and what is left of it beside each control."""

FINE_GRAINED = Metric("auroc_fine_grained", "AUROC, best patch", ("auroc_fine_grained",))
RETRIEVAL = Metric("retrieval_p1", "retrieval P@1", ("retrieval_p1",))
RECOGNITION = (
    FINE_GRAINED,
    Metric("auroc_global", "AUROC, whole film", ("auroc_global",)),
    RETRIEVAL,
    Metric("shuffled_auc", "shuffled AUC of gaze", ("shuffled_auc",)),
)
"""Naming findings, finding reports, and looking where readers looked."""


def chance_of(metric: Metric, films: int) -> float:
    """What chance gives of one of `RECOGNITION`, on that many films."""
    return 1 / films if metric == RETRIEVAL else 0.5


METRICS = GROUNDING + RECOGNITION
"""Every figure."""

TERMS: Mapping[str, str] = {
    "fine_grained": "fine-grained",
    "gaze": "gaze",
    "mapping": "mapping",
    "global": "global",
}
"""The terms of the loss on the validation films, each without its weight."""


def figures_by_seed(by_seed: Mapping[int, Mapping[str, Any]], path: tuple[str, ...]) -> dict[int, float]:
    """By seed, one figure; undefined ones are left out."""
    found: dict[int, float] = {}
    for seed, figures in sorted(by_seed.items()):
        value: Any = figures
        for part in path:
            value = value[part]
        if value is not None:
            found[seed] = float(value)
    return found
