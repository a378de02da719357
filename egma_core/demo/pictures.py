"""Pictures of held-out films: the reader's gaze for a sentence beside where the model finds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egma_core.alignment.maps import SentenceGazeMap, density
from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image
from egma_core.inference.predictor import Predictor
from egma_core.inference.similarity import on_image
from egma_core.overlay.maps import GAZE_COLOUR_MAP, SIMILARITY_COLOUR_MAP, heat_map_rgba, similarity_range, similarity_rgba
from egma_core.overlay.picture import beside, colour_bar, compose, save_png, titled
from egma_core.overlay.scan_path import scan_path_rgba
from egma_core.store.store import Store
from egma_core.store.values import Derivation, StudyEntry


def draw_overlays(store: Store, predictor: Predictor, folder: Path, *, progress: Callable[[int, int], None]) -> None:
    """For each finding, take the first test film with it and the first sentence of its reading that has gaze.

    The films are chosen by their order in the library, whatever the model makes of them.

    Args:
        store: The library.
        predictor: The model.
        folder: Where the pictures go, named by finding and the patient's pseudonym.
        progress: Called with pictures drawn and pictures in all.

    Raises:
        StoreError: The library cannot be read.
        ImageError: A film cannot be read.
        InterchangeError: A picture cannot be written.
    """
    readings = {reading.study.study_id: reading.id for reading in reversed(store.readings(states=("complete",)))}
    first: dict[str, StudyEntry] = {}
    for study in store.studies():
        if study.split == "test" and len(study.labels) == 1 and study.id in readings:
            first.setdefault(study.labels[0], study)
    for done, (label, study) in enumerate(sorted(first.items()), start=1):
        derivation = store.derivation(readings[study.id])
        gaze_map = next((m for m in derivation.maps if m.gaze_valid), None) if derivation is not None else None
        if derivation is not None and gaze_map is not None:
            name = f"{label.replace(' ', '_')}_{study.patient}.png"
            save_png(folder / name, _panels(study.instances[0].path, derivation, gaze_map, predictor))
        progress(done, len(first))


def _panels(path: Path, derivation: Derivation, gaze_map: SentenceGazeMap, predictor: Predictor) -> NDArray[np.uint8]:
    image = read_image(path)
    film, shape = render(image), (image.rows, image.columns)
    fixations = derivation.fixations
    scan_path = scan_path_rgba(fixations.x_px, fixations.y_px, fixations.duration_s, shape)
    similarity = on_image(predictor.predict(image, [gaze_map.sentence.text]).maps[0])
    low, high = similarity_range(similarity)
    panels = beside(
        titled(compose(film, scan_path), "Scan path of the reading"),
        titled(compose(film, heat_map_rgba(density(gaze_map, shape))), "Reader's gaze for the sentence"),
        colour_bar(GAZE_COLOUR_MAP, "0", "1", "gaze, share of its maximum", image.rows),
        titled(compose(film, similarity_rgba(similarity)), "Model's similarity to the sentence"),
        colour_bar(SIMILARITY_COLOUR_MAP, f"{low:.2f}", f"{high:.2f}", "cosine", image.rows),
    )
    return titled(panels, f"“{gaze_map.sentence.text}”")
