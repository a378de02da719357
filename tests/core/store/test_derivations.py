"""Derived rows: kept exactly, replaced as a whole, plain to ask for in SQL, carrying the origin of what they are made from."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from egma_core.alignment.maps import SentenceGazeMap
from egma_core.errors import StoreError
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.samples import GazeSamples
from egma_core.speech.sentences import Sentence
from egma_core.store.store import Store, recipe_hash
from egma_core.store.values import RawBatch, SpokenSentence

STARTED = 10**15
RECIPE = {"detector": {"threshold_deg_s": 30.0}, "eye": "average"}


def fixations(n: int) -> Fixations:
    rng = np.random.default_rng(n)
    onset = np.arange(n) * 0.3
    film = np.where(np.arange(n) % 3 == 2, np.nan, 1.0)
    place = [rng.uniform(0, 1000, n) for _ in range(4)]
    viewport = np.where(np.isnan(film), -1, 0)
    return Fixations(onset, onset + 0.25, place[0] * film, place[1] * film, place[2], place[3], rng.random(n), 20.0 * film, viewport)


def gaze_map(sentence: Sentence, k: int) -> SentenceGazeMap:
    rng = np.random.default_rng(k)
    numbers = [rng.uniform(1, 100, k) for _ in range(4)]
    return SentenceGazeMap(sentence, "1.2.3.1.1.1", (-0.5, 1.5), "since_previous", np.arange(k), *numbers, rng.uniform(0, 9, (k, 4)))


def same(left: object, right: object) -> bool:
    """Whether two values are equal, arrays element by element with NaN equal to NaN."""
    pairs = [(getattr(left, name), getattr(right, name)) for name in vars(left)]
    return all(np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


@pytest.fixture
def reading(store: Store, begin: Callable[..., int], samples: Callable[..., GazeSamples]) -> int:
    reading_id = begin(store, origin="mouse")
    said = tuple(SpokenSentence(text, STARTED, STARTED + 10**9, "typed") for text in ("One.", "Two."))
    store.append(reading_id, RawBatch(samples(3, origin="mouse"), sentences=said))
    store.end_reading(reading_id, "complete", STARTED + 2 * 10**9)
    return reading_id


def test_a_derivation_comes_back_as_it_was(store: Store, reading: int) -> None:
    assert store.derivation(reading) is None
    made = fixations(7)
    one, two = store.sentences(reading)
    maps = (gaze_map(one, 3), gaze_map(two, 0))
    changes = store.save_derivation(reading, RECIPE, made, maps)
    kept = store.derivation(reading)
    assert kept is not None
    assert (kept.id, kept.reading_id, kept.recipe, kept.recipe_hash) == (changes.id, reading, RECIPE, recipe_hash(RECIPE))
    assert kept.gaze_origin == "mouse"
    assert same(kept.fixations, made)
    assert kept.fixations.viewport.dtype == np.int64
    assert len(kept.maps) == 2
    assert all(same(back, built) for back, built in zip(kept.maps, maps, strict=True))
    assert [back.gaze_valid for back in kept.maps] == [True, False]
    assert kept.maps[1].visible.shape == (0, 4)


def test_the_same_recipe_replaces_and_another_stands_beside(store: Store, reading: int) -> None:
    sentences = store.sentences(reading)
    store.save_derivation(reading, RECIPE, fixations(7), [gaze_map(s, 3) for s in sentences])
    store.save_derivation(reading, RECIPE, fixations(2), [gaze_map(s, 1) for s in sentences])
    other = {**RECIPE, "eye": "left"}
    store.save_derivation(reading, other, fixations(4), ())
    first, second, newest = (store.derivation(reading, h) for h in (recipe_hash(RECIPE), recipe_hash(other), None))
    assert first is not None
    assert second is not None
    assert newest is not None
    assert (len(first.fixations), len(first.maps[0].weight_s)) == (2, 1)
    assert (len(second.fixations), second.maps) == (4, ())
    assert newest.id == second.id
    assert store.derivation(reading, "0" * 64) is None


def test_a_map_s_sentence_is_of_this_library_or_was_never_recorded(store: Store, reading: int) -> None:
    with pytest.raises(StoreError, match="refused a row"):
        store.save_derivation(reading, RECIPE, fixations(2), [gaze_map(Sentence("Unheard.", 0.0, 1.0, "typed", 99), 1)])
    assert store.derivation(reading) is None
    store.save_derivation(reading, RECIPE, fixations(2), [gaze_map(Sentence("Added later.", 0.0, 1.0, "typed"), 1)])
    kept = store.derivation(reading)
    assert kept is not None and (kept.maps[0].sentence.text, kept.maps[0].sentence.id) == ("Added later.", None)
    with pytest.raises(StoreError, match="no reading 99"):
        store.save_derivation(99, RECIPE, fixations(2), ())


def test_a_derivation_says_what_went_into_it_beside_raw_rows(store: Store, reading: int) -> None:
    store.save_derivation(reading, RECIPE, fixations(2), (), {"accuracy_deg": 0.7})
    kept = store.derivation(reading)
    assert kept is not None and kept.inputs == {"accuracy_deg": 0.7}
    assert store.derivation_inputs(kept.recipe_hash) == {reading: {"accuracy_deg": 0.7}}
    assert store.derivation_inputs("0" * 64) == {}


def test_recipes_are_told_apart_by_content_alone() -> None:
    assert recipe_hash({"a": 1, "b": [1.5, "x"]}) == recipe_hash({"b": [1.5, "x"], "a": 1})
    assert recipe_hash({"a": 1}) != recipe_hash({"a": 2})
    with pytest.raises(ValueError, match="JSON compliant"):
        recipe_hash({"a": float("nan")})


def test_plain_sql_reads_one_readings_fixations(library_path: Path, begin: Callable[..., int], samples: Callable[..., GazeSamples]) -> None:
    with Store.open(library_path) as store:
        reading_id = begin(store)
        store.append(reading_id, RawBatch(samples(3)))
        store.save_derivation(reading_id, RECIPE, fixations(3), ())
    with sqlite3.connect(library_path) as connection:
        rows = connection.execute(
            "SELECT onset_s, offset_s, x_px, y_px, fixation.gaze_origin FROM fixation "
            "JOIN derivation ON derivation.id = fixation.derivation_id WHERE reading_id = ? ORDER BY onset_s",
            (reading_id,),
        ).fetchall()
    connection.close()
    assert [row[0] for row in rows] == [0.0, 0.3, 0.6]
    assert rows[2][2] is None, "no film was under the third"
    assert {row[4] for row in rows} == {"tracker"}
