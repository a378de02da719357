"""What a model says about a film, as values; free of torch so that the window can hold them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.alignment.patches import PatchGrid


@dataclass(frozen=True)
class SimilarityMap:
    """How well each patch of a film answers to one sentence.

    Attributes:
        sentence: The sentence.
        cosine: (rows, columns) float32 cosine similarity of each patch cell.
        grid: Where the cells lie on the film.
        image_shape: (rows, columns) of the film in pixels.
    """

    sentence: str
    cosine: NDArray[np.float32]
    grid: PatchGrid
    image_shape: tuple[int, int]


@dataclass(frozen=True)
class Prediction:
    """Zero-shot scores of one film.

    Attributes:
        classes: Names of the C classes, in the prompt set's order.
        scores: (C,) similarity of the film to each class, scaled by the temperature; where the predictor was centred
            on films, less the mean over them.
        probabilities: (C,) softmax of the scores: how the model divides its preference among these classes, not
            the chance that a finding is present.
        sentences: The S prompts.
        sentence_scores: (S,) the same for each prompt.
        maps: S similarity maps, one a prompt.
    """

    classes: tuple[str, ...]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    sentences: tuple[str, ...]
    sentence_scores: NDArray[np.float32]
    maps: tuple[SimilarityMap, ...]
