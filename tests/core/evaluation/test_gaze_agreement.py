"""Agreement with gaze of predictors whose quality is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from egma_core.alignment.patches import PatchGrid
from egma_core.evaluation.gaze_agreement import MAPS, MEASURES, evaluate_gaze_agreement
from egma_core.evaluation.gaze_maps import values_at
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
        self.remembered: list[Path] = []

    def remember(self, films: Sequence[Path], sentences: Sequence[str] = ()) -> None:
        self.remembered += films

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


def test_other_maps_are_judged_in_the_same_way() -> None:
    """Where readers look anyway does well by the plain measures, and no better than chance by the shuffled one."""
    middle = [example(i, ("Nodule", "Edema")[i % 2], ["The middle is clear."], scatter=0.12) for i in range(12)]
    result = evaluate_gaze_agreement(Scripted(lambda film, text: bump(0.5, 0.5)), Manifest(Path("films"), tuple(middle)))
    centre = result.measures["centre_bias"]
    assert centre["auc_judd"].value > 0.85 and centre["nss"].value > 1 and centre["cc"].value > 0.4
    assert 0.3 < centre["shuffled_auc"].value < 0.52
    assert centre["ig"].value == pytest.approx(0)
    assert abs(centre["shuffled_cc"].value) < 0.15 < centre["cc"].value
    assert result.measures["other_reader"]["cc"].n == 0
    assert set(result.measures) == set(MAPS) and set(result.per_image) == set(MEASURES)
    json.dumps(result.to_json(), allow_nan=False)


def test_another_reader_of_the_film_is_the_bar_to_reach() -> None:
    twice = [
        replace(
            example(2 * i + reader, ("Nodule", "Edema")[i % 2], [TEXTS[i % 2]]),
            patient=f"P{i}",
            reader=f"reader-{reader}",
            film=f"{i}.dcm",
        )
        for i in range(6)
        for reader in (1, 2)
    ]
    predictor = Scripted(lambda film, text: bump(*PLACES[text]))
    result = evaluate_gaze_agreement(predictor, Manifest(Path("films"), tuple(twice)))
    other = result.measures["other_reader"]
    assert other["cc"].n == 12
    assert other["cc"].value > 0.8 and other["kl"].value < 0.6 and other["sim"].value > 0.6
    assert other["nss"].value > result.measures["model"]["nss"].value > 1
    assert other["ig"].value > 0
    assert result.n_sentences == 12
    assert result.per_image["nss"].n == 6


def test_a_film_weighs_alike_however_much_was_said_of_it() -> None:
    """Right for two sentences of one film, wrong for the only one of another: two thirds by sentence, a half by film."""
    pairs = [example(0, "Nodule", TEXTS[:2]), example(1, "Edema", TEXTS[:1])]

    def half(film: str, text: str) -> NDArray[np.float32]:
        return (1 if film.startswith("Nodule") else -1) * bump(*PLACES[text])

    result = evaluate_gaze_agreement(Scripted(half), Manifest(Path("films"), tuple(pairs)))
    by_sentence, by_film = result.measures["model"]["cc"], result.per_image["cc"]
    assert (by_sentence.n, by_film.n) == (3, 2)
    assert by_sentence.value > 0.1 and abs(by_film.value) < 0.05


def test_films_are_got_ready_together_and_once_a_block() -> None:
    predictor = Scripted(lambda film, text: bump(*PLACES[text]))
    evaluate_gaze_agreement(predictor, manifest())
    assert {path.name for path in predictor.remembered} == {e.film for e in manifest().examples}


def test_values_at_is_bilinear_between_cell_centres_of_the_film() -> None:
    """The film is 80 across and 60 down, so the 8 cells of 10 px start 10 px above it."""
    cosine = np.arange(64, dtype=np.float32).reshape(8, 8)
    similarity = SimilarityMap("s", cosine, PatchGrid.fit(ROWS, COLUMNS, 64, CELLS, CELLS), (ROWS, COLUMNS))
    x, y = np.array([5.0, 10.0, 5.0, 0.0, 80.0]) / COLUMNS, np.array([5.0, 5.0, 10.0, 5.0, 5.0]) / ROWS
    assert values_at(similarity, x, y).tolist() == [8.0, 8.5, 12.0, 8.0, 15.0]
