"""Pointing as plain values: question by question, so that films can be drawn anew later, and as means by the kind of words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.evaluation.film_swap import CONTROLS, FilmSwap
from egma_core.evaluation.metrics import finite_or_none

GROUPS = ("without_place", "with_place")
"""The kinds of sentences: those that say nothing of the place, and those that tell it."""

DIGITS = 6
"""Decimal places that are kept of a share."""


def means_by_words(swap: FilmSwap, located: NDArray[np.bool_]) -> dict[str, dict[str, float | int | None]]:
    """`FilmSwap.means` over the sentences without and with words for the place; undefined figures are None."""
    return {name: _plain(swap.means(chosen)) for name, chosen in zip(GROUPS, (~located, located), strict=True)}


def outcomes(swap: FilmSwap) -> dict[str, list[float | None]]:
    """`own` and each control, question by question; undefined ones are None."""
    return {name: [finite_or_none(round(v, DIGITS)) for v in getattr(swap, name).tolist()] for name in ("own", *CONTROLS)}


def differences(kept: Mapping[str, Any], control: str) -> NDArray[np.float64]:
    """(q,) own minus a control, from what `outcomes` gave; NaN where it is undefined."""
    own, other = (np.array(kept[name], dtype=np.float64) for name in ("own", control))
    return own - other


def _plain(means: Mapping[str, float | int]) -> dict[str, float | int | None]:
    return {name: value if isinstance(value, int) else finite_or_none(value) for name, value in means.items()}
