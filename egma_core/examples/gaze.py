"""Whose gaze a sentence is trained with: its own, or, as an ablation's control, other gaze of the same reading."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egma_core.examples.manifest import Example, GazeComponents
from egma_core.examples.splits import hash_fraction

Rows = NDArray[np.float64]
"""(k, 8) Gaussians of one sentence, laid out as in `PackedMaps.components`; k = 0 without gaze."""


def gaze_rows(example: Example, control: str = "own", seed: int = 0, fallback: str = "none") -> tuple[Rows, ...]:
    """The gaze that each sentence of a reading is trained with.

    The controls keep the amount of gaze and its places on the film, and take away only what ties it to the sentence:

    - `own`: the sentence's gaze.
    - `shuffled`: the gaze of another sentence that has gaze. No sentence keeps its own if two have gaze; the only gaze of
      a reading goes to another sentence. One sentence alone keeps it. The exchange is drawn once for a seed and holds in
      every pass, as if the data had been recorded so.
    - `report`: the sum of the reading's gaze, for every sentence.

    Args:
        example: The reading.
        control: Which of them.
        seed: Seed of the exchange.
        fallback: What a sentence that is left without gets: `none`, or with `report` the sum of the reading's gaze.
    """
    given = _controlled(example, control, seed)
    if fallback == "none":
        return given
    whole = np.concatenate([_rows(sentence.gaze) for sentence in example.sentences])
    return tuple(rows if len(rows) else whole for rows in given)


def _controlled(example: Example, control: str, seed: int) -> tuple[Rows, ...]:
    own = tuple(_rows(sentence.gaze) for sentence in example.sentences)
    if control == "report":
        return (np.concatenate(own),) * len(own)
    if control == "shuffled":
        random = np.random.default_rng(int(hash_fraction(example.id, "gaze control", seed) * 2**53))
        return tuple(own[i] for i in exchange(np.array([len(rows) > 0 for rows in own]), random))
    return own


def exchange(has_gaze: NDArray[np.bool_], random: np.random.Generator) -> list[int]:
    """For each of m sentences, the one whose gaze it gets: a permutation under which no gaze stays where it is possible.

    Sentences without gaze stay so, except that the only gaze of a reading needs one of them to go to.
    """
    source = np.arange(len(has_gaze))
    moving = np.flatnonzero(has_gaze)
    if len(moving) == 1 and len(source) > 1:
        other = random.choice(np.flatnonzero(~has_gaze))
        moving = np.array([moving[0], other])
    if len(moving) > 1:
        drawn = random.permutation(moving)
        while (drawn == moving).any():
            drawn = random.permutation(moving)
        source[moving] = drawn
    return source.tolist()


def _rows(gaze: GazeComponents | None) -> Rows:
    if gaze is None:
        return np.zeros((0, 8))
    return np.column_stack([gaze.x_px, gaze.y_px, gaze.sigma_px, gaze.weight_s, gaze.visible])
