"""Where the eyes were while a sentence was said, from what is stored so far: for looking while a reading goes on."""

from __future__ import annotations

from typing import cast

import numpy as np

from egma_core.alignment.maps import SentenceGazeMap, sentence_gaze_maps
from egma_core.alignment.windows import sentence_windows
from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.samples import Eye, GazeSamples
from egma_core.gaze.viewport import gaze_on_image
from egma_core.processing import DEFAULT_RECIPE, Recipe
from egma_core.speech.sentences import Sentence
from egma_core.store.store import Store

_MARGIN_S = 1.0  # fixations that reach into the interval are seen whole


def preview_sentence(store: Store, reading_id: int, sentence: Sentence, recipe: Recipe = DEFAULT_RECIPE) -> SentenceGazeMap | None:
    """Build one sentence's gaze map from the samples around it; nothing is stored.

    Fixations are sought in the sentence's interval and a second on either side, whatever the length of the reading. The map is
    what `process_reading` will make of the sentence, but for a filter that measures the noise of a whole recording
    (`adaptive`) and for fixations that the end of what is stored cuts off.

    Args:
        store: The library; the reading may still be recorded.
        reading_id: The reading.
        sentence: The sentence, in seconds since the reading's start; it need not be stored.
        recipe: The settings.

    Returns:
        The map on the film looked at longest, or None where no film was looked at.

    Raises:
        StoreError: There is no such reading, or its raw rows are damaged.
    """
    reading = store.reading(reading_id)
    others = [other for other in store.sentences(reading_id) if (other.onset_s, other.text) != (sentence.onset_s, sentence.text)]
    sentences = [*others, sentence]
    start_s, end_s = sentence_windows(sentences, recipe.windows)[-1]
    samples = _between(store.gaze(reading_id), reading.started_ns, start_s - _MARGIN_S, end_s + _MARGIN_S)
    if not len(samples):
        return None
    viewports = store.viewports(reading_id)
    films = {v.instance_uid: store.instance(v.instance_uid) for v in viewports if v.instance_uid}
    shapes = {uid: (film.rows, film.columns) for uid, film in films.items()}
    placed = gaze_on_image(
        samples.shifted(*store.correction(reading_id)),
        viewports,
        reading.screen,
        started_ns=reading.started_ns,
        eye=cast(Eye, recipe.eye),
        image_shapes=shapes,
        ended_ns=reading.started_ns + round(end_s * 1e9),
    )
    maps = sentence_gaze_maps(
        detect_fixations(placed, recipe.filter),
        sentences,
        viewports,
        shapes,
        windows=recipe.windows,
        sigma_deg=recipe.sigma_deg,
        accuracy_deg=store.accuracy_deg(reading_id, recipe.eye),
    )
    own = [made for made in maps if made.sentence is sentence and made.gaze_valid]
    return max(own, key=lambda made: float(made.weight_s.sum()), default=None)


def _between(samples: GazeSamples, started_ns: int, start_s: float, end_s: float) -> GazeSamples:
    """The samples of an interval, in seconds since the reading's start, and the one before it: a mouse may have been silent."""
    bounds = [started_ns + round(second * 1e9) for second in (start_s, end_s)]
    first, last = np.searchsorted(samples.host_ns, bounds).tolist()
    return GazeSamples(samples.rows[max(first - 1, 0) : last], samples.origin)
