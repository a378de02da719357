"""Sentence gaze maps: where the reader looked for one sentence, as a sum of Gaussians on the film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.speech.sentences import Sentence


@dataclass(frozen=True)
class SentenceGazeMap:
    """One sentence's gaze on one film, kept exactly: a weighted sum of Gaussians, each cut off where the film was not visible.

    It is rendered or pooled at any resolution from these numbers; no picture of it is ever stored.

    Attributes:
        sentence: The sentence.
        instance_uid: SOP Instance UID of the film.
        window_s: (start, end) of the looked-at interval, in seconds since the reading's start.
        policy: Name of the window policy that chose the interval.
        fixation: (k,) index of each contributing fixation.
        x_px: (k,) centres in image pixels.
        y_px: (k,) centres in image pixels.
        sigma_px: (k,) standard deviations in image pixels.
        weight_s: (k,) seconds of each fixation that lie in the window.
        visible: (k, 4) left, top, right, bottom of the visible part of the film, in image pixels.
    """

    sentence: Sentence
    instance_uid: str
    window_s: tuple[float, float]
    policy: str
    fixation: NDArray[np.int64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    sigma_px: NDArray[np.float64]
    weight_s: NDArray[np.float64]
    visible: NDArray[np.float64]

    @property
    def gaze_valid(self) -> bool:
        """Whether any gaze supports the sentence."""
        return bool(len(self.weight_s)) and float(self.weight_s.sum()) > 0.0
