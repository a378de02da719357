"""Prompts in a model's space, encoded once and asked of any number of films."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

ClassScore = Literal["mean", "ensemble", "max"]
"""A class's score: the mean over its sentences' scores; the score of its sentences' mean embedding, brought back to unit
length; or its best sentence's score, which favours classes with many sentences."""


@dataclass(frozen=True)
class PromptBank:
    """Prompts in the model's space, with what is taken off each score (zeros where the predictor is not centred).

    Attributes:
        classes: Names of the C classes.
        counts: How many sentences each has.
        sentences: The S sentences.
        texts: (S, d) their embeddings.
        means: (C, d) unit-length mean embeddings, for the ensemble.
        offset: (S,) each sentence's mean score over the reference films.
        class_offset: (C,) the same for each class's own score.
    """

    classes: tuple[str, ...]
    counts: list[int]
    sentences: tuple[str, ...]
    texts: Tensor
    means: Tensor
    offset: Tensor
    class_offset: Tensor
