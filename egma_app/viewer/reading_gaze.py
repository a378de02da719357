"""A reading's gaze, gathered from the library and coloured for its films; the pictures themselves are `egma_core.overlay`'s."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from egma_app import jobs
from egma_app.workspace import Library
from egma_core.alignment.maps import SentenceGazeMap, density, sentence_gaze_maps
from egma_core.alignment.windows import WindowPolicy
from egma_core.dicom.display import render
from egma_core.dicom.image import DicomImage, Window
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.measures import GazeQuality, gaze_quality
from egma_core.geometry import Rect
from egma_core.overlay.maps import GAZE_COLOUR_MAP, heat_map_rgba
from egma_core.overlay.picture import beside, colour_bar, compose
from egma_core.overlay.scan_path import scan_path_rgba
from egma_core.processing import is_current, latest_recipe, place_reading, process_reading
from egma_core.speech.sentences import Sentence
from egma_core.store.store import Store
from egma_core.store.values import Changes, InstanceEntry, ReadingEntry

GAZE_MEANING = "looking time, as a share of the place looked at longest"
"""What the colours of a gaze map stand for; their ends are 0 and 1."""

_FINEST = 1024  # cells along a film's longer side that a map on the screen is rendered in


@dataclass(frozen=True)
class ReadingGaze:
    """What a review shows of one reading.

    Attributes:
        entry: The reading.
        films: The films that were on the screen, else those of its study.
        sentences: Its sentences, by onset.
        fixations: Its fixations.
        maps: The gaze map of each sentence (by its place in `sentences`) on each film (by SOP Instance UID).
        whole: The gaze map of the whole reading on each film.
        quality: How good the gaze is.
    """

    entry: ReadingEntry
    films: tuple[InstanceEntry, ...]
    sentences: tuple[Sentence, ...]
    fixations: Fixations
    maps: dict[tuple[int, str], SentenceGazeMap]
    whole: dict[str, SentenceGazeMap]
    quality: GazeQuality

    def gaze_map(self, sentence: int | None, film: InstanceEntry) -> SentenceGazeMap | None:
        """The map of a sentence, or of the whole reading for None, on one film; None where it has no gaze."""
        found = self.whole.get(film.instance_uid) if sentence is None else self.maps.get((sentence, film.instance_uid))
        return found if found is not None and found.gaze_valid else None


@dataclass(frozen=True)
class GazePicture:
    """A gaze map and its scan path, coloured at full opacity for the screen.

    Attributes:
        heat: RGBA picture of the map.
        path: RGBA picture of the fixations behind it, in order.
        heat_extent: The rectangle that `heat` covers, in image pixels; whole cells, so it may pass the film's edge by less than one.
        path_extent: The rectangle that `path` covers.
    """

    heat: NDArray[np.uint8]
    path: NDArray[np.uint8]
    heat_extent: Rect
    path_extent: Rect


def open_reading(
    parent: QObject,
    library: Library,
    reading_id: int,
    done: Callable[[ReadingGaze], object],
    failed: Callable[[BaseException], object],
) -> None:
    """Gather a reading's gaze in the background; `done` comes on the window's thread.

    It is derived first where that was never done, or where words, accuracy or correction of the reading changed since.

    Raises (to `failed`):
        StoreError: There is no such reading, or its rows are damaged.
    """
    store = library.store

    def look() -> ReadingGaze | None:
        derivation = store.derivation(reading_id)
        return gather(store, reading_id) if derivation is not None and is_current(store, derivation) else None

    def looked(found: ReadingGaze | None) -> None:
        if found is not None:
            done(found)
        else:
            library.write(parent, derive, derived, failed)

    def derive(store: Store) -> Changes:
        return Changes(frozenset({"derivation"}), process_reading(store, reading_id, latest_recipe(store, reading_id)).id)

    def derived(_changes: Changes) -> None:
        jobs.run(parent, lambda: gather(store, reading_id), done, failed)

    jobs.run(parent, look, looked, failed)


def gather(store: Store, reading_id: int) -> ReadingGaze:
    """Read what a review shows of one reading; its gaze must have been derived.

    Raises:
        StoreError: There is no such reading, its rows are damaged, or its gaze was not derived.
    """
    entry = store.reading(reading_id)
    derivation = store.derivation(reading_id)
    sentences = tuple(sorted(store.sentences(reading_id), key=lambda s: s.onset_s))
    viewports = store.viewports(reading_id)
    shown = tuple(dict.fromkeys(v.instance_uid for v in viewports if v.instance_uid))
    films = tuple(store.instance(uid) for uid in shown) or store.study(entry.study.study_id).instances
    assert derivation is not None
    fixations = derivation.fixations
    maps = {(place, m.instance_uid): m for place, sentence in enumerate(sentences) for m in derivation.maps if m.is_of(sentence)}
    everything = Sentence("", 0.0, float(fixations.offset_s.max(initial=0.0)), "typed")
    whole = sentence_gaze_maps(
        fixations,
        [everything],
        viewports,
        {film.instance_uid: (film.rows, film.columns) for film in films},
        windows=WindowPolicy(name="span"),
        sigma_deg=float(derivation.recipe["sigma_deg"]),
        accuracy_deg=derivation.inputs.get("accuracy_deg"),
    )
    quality = gaze_quality(place_reading(store, reading_id), fixations)
    return ReadingGaze(entry, films, sentences, fixations, maps, {m.instance_uid: m for m in whole}, quality)


def gaze_picture(gaze: ReadingGaze, gaze_map: SentenceGazeMap, film: InstanceEntry) -> GazePicture:
    """Colour a gaze map and its scan path in the resolution of a screen, at full opacity."""
    shape = (film.rows, film.columns)
    step = max(1, math.ceil(max(shape) / _FINEST))
    heat = heat_map_rgba(density(gaze_map, shape, step), opacity=1.0)
    x_px, y_px = _on_map(gaze, gaze_map)
    small = (math.ceil(film.rows / step), math.ceil(film.columns / step))
    path = scan_path_rgba(x_px / step, y_px / step, gaze.fixations.duration_s, small, opacity=1.0)
    extent = Rect(0.0, 0.0, float(small[1] * step), float(small[0] * step))
    return GazePicture(heat, path, extent, extent)


def gaze_export(
    image: DicomImage,
    frame: int,
    window: Window | None,
    inverted: bool,
    gaze: ReadingGaze,
    gaze_map: SentenceGazeMap | None,
    film: InstanceEntry,
    *,
    heat: float,
    path: float,
) -> NDArray[np.uint8]:
    """The film with its layers in the film's own resolution, and a colour bar beside it where the gaze map is shown.

    Args:
        image: The film.
        frame: The frame shown.
        window: The window shown, or None for the file's own.
        inverted: Whether the grey scale is inverted.
        gaze: The reading.
        gaze_map: The map shown, if any.
        film: The film's entry.
        heat: Opacity of the gaze map; 0 leaves it out.
        path: Opacity of the scan path; 0 leaves it out.

    Returns:
        (rows, columns, 3) uint8 RGB.
    """
    shape = (film.rows, film.columns)
    layers: list[NDArray[np.uint8]] = []
    if gaze_map is not None and heat > 0:
        layers.append(heat_map_rgba(density(gaze_map, shape), opacity=heat))
    if gaze_map is not None and path > 0:
        layers.append(scan_path_rgba(*_on_map(gaze, gaze_map), gaze.fixations.duration_s, shape, opacity=path))
    picture = compose(render(image, frame, window, inverted), *layers)
    if gaze_map is None or heat <= 0:
        return picture
    return beside(picture, colour_bar(GAZE_COLOUR_MAP, "0", "1", GAZE_MEANING, picture.shape[0]))


def _on_map(gaze: ReadingGaze, gaze_map: SentenceGazeMap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) x and y of all the reading's fixations, NaN for those that the map is not made of: they keep their numbers."""
    x_px = np.full(len(gaze.fixations), np.nan)
    y_px = np.full(len(gaze.fixations), np.nan)
    x_px[gaze_map.fixation] = gaze_map.x_px
    y_px[gaze_map.fixation] = gaze_map.y_px
    return x_px, y_px
