"""Agreement with gaze of predictors whose quality is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from egma_core.alignment.patches import PatchGrid
from egma_core.evaluation.gaze_agreement import evaluate_gaze_agreement, values_at
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents, Manifest
from egma_core.inference.prediction import Prediction, SimilarityMap
from egma_core.inference.prompts import PromptSet

ROWS, COLUMNS, CELLS = 60, 80, 8
PLACES = {"A lesion upper left.": (0.2, 0.25), "A lesion lower right.": (0.8, 0.75), "The middle is clear.": (0.5, 0.5)}
TEXTS = tuple(PLACES)

Draw = Callable[[str, str], NDArray[np.float32]]


class Scripted:
    """A predictor whose maps are drawn by a function of the film's name and the sentence."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def predict(self, image: Path, prompts: PromptSet | Sequence[str]) -> Prediction:
        assert not isinstance(prompts, PromptSet)
        grid = PatchGrid.fit(ROWS, COLUMNS, 64, CELLS, CELLS)
        maps = tuple(SimilarityMap(text, self.draw(image.stem, text), grid, (ROWS, COLUMNS)) for text in prompts)
        none = np.zeros(0, np.float32)
        return Prediction((), none, none, tuple(prompts), none, maps)


def bump(x: float, y: float) -> NDArray[np.float32]:
    """A map that peaks at a place given in fractions of the film."""
    column, row = x * CELLS - 0.5, CELLS / 8 + y * CELLS * 0.75 - 0.5
    across, down = np.meshgrid(np.arange(CELLS), np.arange(CELLS))
    return np.exp(-((across - column) ** 2 + (down - row) ** 2) / 4).astype(np.float32)


def example(i: int, label: str, texts: Sequence[str], *, scatter: float = 0.02) -> Example:
    random = np.random.default_rng(i)
    sentences: list[ExampleSentence] = []
    for text in texts:
        x, y = (random.normal(centre, scatter, 5) for centre in PLACES[text])
        visible = np.tile([0.0, 0.0, COLUMNS, ROWS], (5, 1))
        sentences.append(
            ExampleSentence(text, "simulated", GazeComponents(x * COLUMNS, y * ROWS, np.full(5, 3.0), np.full(5, 0.3), visible))
        )
    return Example(f"ex{i}", f"P{i}", "reader-1", f"{label}-{i}.dcm", "", (ROWS, COLUMNS), (label,), "test", "simulated", tuple(sentences))


def manifest() -> Manifest:
    examples = [example(i, label, TEXTS) for i, label in enumerate(("Nodule", "Edema") * 4)]
    return Manifest(Path("films"), tuple(examples))


def test_a_model_that_sees_the_lesion_beats_the_swapped_film() -> None:
    """It finds lesions on films with a nodule alone, and the middle on every film."""

    def sees(film: str, text: str) -> NDArray[np.float32]:
        known = film.startswith("Nodule") or text == TEXTS[2]
        return bump(*PLACES[text]) if known else np.zeros((CELLS, CELLS), np.float32)

    pairs = [example(i, ("Nodule", "Edema")[i % 2], TEXTS if i % 2 == 0 else TEXTS[2:]) for i in range(8)]
    result = evaluate_gaze_agreement(Scripted(sees), Manifest(Path("films"), tuple(pairs)))
    assert result.n_sentences == result.swapped_film.n == 16
    assert result.shuffled_auc > 0.7
    assert result.own_minus_swapped.ci95[0] > 0


def test_a_map_that_follows_the_words_alone_does_not_differ_from_the_swapped_film() -> None:
    result = evaluate_gaze_agreement(Scripted(lambda film, text: bump(*PLACES[text])), manifest())
    assert result.shuffled_auc > 0.8
    assert result.own_minus_swapped.value == 0.0
    assert result.own_minus_swapped.ci95 == (0.0, 0.0)
    assert result.own_minus_shuffled.value > 0.3
    assert result.shuffled_sentence.value < 0.5
    assert result.ci95[0] <= result.shuffled_auc <= result.ci95[1]


def test_a_flat_map_and_a_map_that_likes_the_middle_are_at_chance() -> None:
    flat = evaluate_gaze_agreement(Scripted(lambda film, text: np.ones((CELLS, CELLS), np.float32)), manifest())
    assert flat.shuffled_auc == 0.5
    centred = [example(i, "Nodule", ["The middle is clear."], scatter=0.15) for i in range(12)]
    biased = evaluate_gaze_agreement(Scripted(lambda film, text: bump(0.5, 0.5)), Manifest(Path("films"), tuple(centred)))
    assert biased.shuffled_auc == pytest.approx(0.5, abs=0.08)
    assert biased.shuffled_sentence.n == 0


def test_an_inverted_map_is_as_far_below_chance() -> None:
    right = evaluate_gaze_agreement(Scripted(lambda film, text: bump(*PLACES[text])), manifest())
    wrong = evaluate_gaze_agreement(Scripted(lambda film, text: -bump(*PLACES[text])), manifest())
    assert wrong.shuffled_auc == pytest.approx(1 - right.shuffled_auc)


def test_durations_count_when_asked_for() -> None:
    gaze = GazeComponents(
        np.array([16.0, 64.0]), np.array([15.0, 45.0]), np.full(2, 3.0), np.array([0.9, 0.1]), np.tile([0.0, 0, 80, 60], (2, 1))
    )
    text = TEXTS[0]
    one = Example("a", "A", "", "a.dcm", "", (ROWS, COLUMNS), (), "test", "mouse", (ExampleSentence(text, "typed", gaze),))
    two = example(1, "Edema", ["The middle is clear."])
    pair = Manifest(Path("films"), (one, two))
    predictor = Scripted(lambda film, text: bump(0.2, 0.25) if film == "a" else np.zeros((CELLS, CELLS), np.float32))
    plain, weighted = (evaluate_gaze_agreement(predictor, pair, duration_weighted=w).shuffled_auc for w in (False, True))
    assert plain == pytest.approx((0.5 + 0.5) / 2, abs=0.01)
    assert weighted == pytest.approx((0.9 + 0.5) / 2, abs=0.01)


def test_one_patient_alone_leaves_nothing_to_compare_with() -> None:
    result = evaluate_gaze_agreement(Scripted(lambda film, text: bump(0.5, 0.5)), Manifest(Path("films"), manifest().examples[:1]))
    assert result.n_sentences == 0
    assert json.loads(json.dumps(result.to_json(), allow_nan=False))["shuffled_auc"] is None


def test_values_at_is_bilinear_between_cell_centres_of_the_film() -> None:
    """The film is 80 across and 60 down, so the 8 cells of 10 px start 10 px above it."""
    cosine = np.arange(64, dtype=np.float32).reshape(8, 8)
    similarity = SimilarityMap("s", cosine, PatchGrid.fit(ROWS, COLUMNS, 64, CELLS, CELLS), (ROWS, COLUMNS))
    x, y = np.array([5.0, 10.0, 5.0, 0.0, 80.0]) / COLUMNS, np.array([5.0, 5.0, 10.0, 5.0, 5.0]) / ROWS
    assert values_at(similarity, x, y).tolist() == [8.0, 8.5, 12.0, 8.0, 15.0]
