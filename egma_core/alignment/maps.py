"""Sentence gaze maps: where the reader looked for one sentence, as a sum of Gaussians on the film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.alignment.integrals import cell_masses
from egma_core.alignment.windows import SINCE_PREVIOUS, WindowPolicy, sentence_windows
from egma_core.errors import ConfigError
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.viewport import Viewport
from egma_core.speech.sentences import Sentence


@dataclass(frozen=True)
class SentenceGazeMap:
    """One sentence's gaze on one film, kept exactly: a weighted sum of Gaussians, each cut off where the film was not visible.

    It is rendered or pooled at any resolution from these numbers; no picture of it is ever stored.

    Attributes:
        sentence: The sentence.
        instance_uid: SOP Instance UID of the film.
        window_s: (start, end) of the looked-at interval, in seconds since the reading's start.
        policy: The window policy that chose the interval and the width of a look, with their numbers, in words:
            `since_previous limit_s=5 sigma_deg=1`.
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

    def is_of(self, sentence: Sentence) -> bool:
        """Whether it is the map of that sentence: the same words at the same time."""
        own = self.sentence
        return (own.text, own.onset_s, own.offset_s) == (sentence.text, sentence.onset_s, sentence.offset_s)


def sentence_gaze_maps(
    fixations: Fixations,
    sentences: Sequence[Sentence],
    viewports: Sequence[Viewport],
    image_shapes: Mapping[str, tuple[int, int]],
    *,
    windows: WindowPolicy = SINCE_PREVIOUS,
    sigma_deg: float = 1.0,
    accuracy_deg: float | None = None,
) -> tuple[SentenceGazeMap, ...]:
    """Build one map for each sentence and each film, without gaze where none supports the sentence.

    A fixation on the film counts with the seconds it shares with the sentence's interval, as an isotropic Gaussian at
    the zoom it was made at, cut off at the part of the film that was visible then. The Gaussian is as wide as the fovea,
    or as the tracker was wrong, whichever is more: a map must not claim to know a place better than it was measured.

    Args:
        fixations: The reading's fixations.
        sentences: The reading's sentences.
        viewports: The viewport log that the fixations were placed with.
        image_shapes: (rows, columns) of each film by its SOP Instance UID; fixations on other films are left out.
        windows: How each sentence's interval is chosen.
        sigma_deg: Least standard deviation in degrees of visual angle; 1 degree stands for the fovea.
        accuracy_deg: The reading's validated accuracy in degrees, where it was validated.

    Returns:
        The maps, by sentence in the order given, then by film in the order given.

    Raises:
        ConfigError: There is no such window policy, or a width is not a positive number.

    Source: Bigolin Lanfredi et al. (REFLACX, 2022): 1 degree, visible part only; Ma et al. (EGMA, 2024): one map a sentence.
    """
    width_deg = kernel_deg(sigma_deg, accuracy_deg)
    policy = f"{windows.label()} sigma_deg={width_deg:.4g}"
    maps: list[SentenceGazeMap] = []
    on_film = {uid: _fixations_on(uid, shape, fixations, viewports) for uid, shape in image_shapes.items()}
    for sentence, (start, end) in zip(sentences, sentence_windows(sentences, windows), strict=True):
        shared = np.minimum(fixations.offset_s, end) - np.maximum(fixations.onset_s, start)
        for uid, (fixation, visible) in on_film.items():
            within = shared[fixation] > 0
            chosen = fixation[within]
            maps.append(
                SentenceGazeMap(
                    sentence=sentence,
                    instance_uid=uid,
                    window_s=(start, end),
                    policy=policy,
                    fixation=chosen,
                    x_px=fixations.x_px[chosen],
                    y_px=fixations.y_px[chosen],
                    sigma_px=width_deg * fixations.px_per_deg[chosen],
                    weight_s=shared[chosen],
                    visible=visible[within],
                )
            )
    return tuple(maps)


def kernel_deg(sigma_deg: float, accuracy_deg: float | None) -> float:
    """Standard deviation of a look in degrees of visual angle: `sigma_deg`, or the validated accuracy where that is worse.

    Raises:
        ConfigError: A width is not a positive number.
    """
    if not 0.0 < sigma_deg < float("inf") or (accuracy_deg is not None and not 0.0 <= accuracy_deg < float("inf")):
        raise ConfigError(
            f"A gaze map cannot be {sigma_deg} degrees wide with an accuracy of {accuracy_deg} degrees.", "Both are degrees above zero."
        )
    return max(sigma_deg, accuracy_deg or 0.0)


def _fixations_on(
    uid: str, shape: tuple[int, int], fixations: Fixations, viewports: Sequence[Viewport]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices (k,) of the fixations on one film, and the part (k, 4) of it that was visible during each."""
    rows, columns = shape
    visible: dict[int, tuple[float, float, float, float]] = {}
    for index in np.unique(fixations.viewport[fixations.viewport >= 0]).tolist():
        viewport = viewports[index]
        if viewport.instance_uid == uid:
            part = viewport.image_to_screen.inverse().map_rect(viewport.region)
            visible[index] = (max(part.left, 0.0), max(part.top, 0.0), min(part.right, columns), min(part.bottom, rows))
    chosen = np.flatnonzero(np.isin(fixations.viewport, list(visible)))
    rectangles = np.array([visible[v] for v in fixations.viewport[chosen].tolist()], dtype=np.float64)
    return chosen, rectangles.reshape(-1, 4)


def density(gaze_map: SentenceGazeMap, image_shape: tuple[int, int], step: int = 1) -> NDArray[np.float32]:
    """Render a map over the whole film.

    Args:
        gaze_map: The map.
        image_shape: (rows, columns) of the film in pixels.
        step: Side of a cell in image pixels; each cell holds the gaze integrated over it.

    Returns:
        (ceil(rows / step), ceil(columns / step)) float32, largest value 1; zero where the film was not visible, and
        zero everywhere without gaze.
    """
    rows, columns = image_shape
    down = np.minimum(np.arange(-(-rows // step) + 1) * step, rows).astype(np.float64)
    across = np.minimum(np.arange(-(-columns // step) + 1) * step, columns).astype(np.float64)
    left, top, right, bottom = gaze_map.visible.reshape(-1, 4).T
    by_row = cell_masses(down, gaze_map.y_px, gaze_map.sigma_px, top, bottom) * gaze_map.weight_s[:, None]
    by_column = cell_masses(across, gaze_map.x_px, gaze_map.sigma_px, left, right)
    rendered = by_row.T.astype(np.float32) @ by_column.astype(np.float32)
    peak = float(rendered.max(initial=0.0))
    return rendered / np.float32(peak) if peak > 0 else rendered
