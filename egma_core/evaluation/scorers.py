"""What evaluations ask of a predictor, and how they go through many films: a few dozen encoded together, each of them once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from egma_core.inference.prediction import Prediction
from egma_core.inference.prompts import PromptSet

Progress = Callable[[int, int], None]
"""Called with units done and units in all."""

FILMS_AT_ONCE = 32


class FilmScorer(Protocol):
    """What scores films, one at a time."""

    def remember(self, films: Sequence[Path], sentences: Sequence[str] = (), /) -> None:
        """Get films' files, and sentences, ready together; `predict` may be asked of others too."""
        ...

    def predict(self, film: Path, prompts: PromptSet | Sequence[str], /) -> Prediction:
        """Score one film's file against prompts."""
        ...


class SentenceScorer(Protocol):
    """What scores many films against many sentences."""

    def sentence_scores(self, films: Sequence[Path], sentences: Sequence[str], /) -> NDArray[np.float32]:
        """(F, S) scores of F films' files."""
        ...


def predictions(
    predictor: FilmScorer, films: Sequence[Path], prompts: PromptSet | Sequence[str], progress: Progress | None = None
) -> Iterator[Prediction]:
    """The prediction of each of many films, in their order."""
    for start in range(0, len(films), FILMS_AT_ONCE):
        some = films[start : start + FILMS_AT_ONCE]
        predictor.remember(some)
        for i, film in enumerate(some):
            yield predictor.predict(film, prompts)
            if progress is not None:
                progress(start + i + 1, len(films))
