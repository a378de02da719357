"""Zero-shot figures of predictors whose quality is known."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from egma_core.errors import ConfigError
from egma_core.evaluation.zero_shot import evaluate_zero_shot
from egma_core.examples.manifest import Example, ExampleSentence, Manifest
from egma_core.examples.splits import Split
from egma_core.inference.prediction import Prediction
from egma_core.inference.prompts import PromptSet

PROMPTS = PromptSet("three", {"Edema": ("There is edema.",), "Fracture": ("A rib is broken.",), "Nodule": ("A nodule is seen.",)})


class Scripted:
    """A predictor that scores a film by its file's name."""

    def __init__(self, scores: Callable[[str], Sequence[float]]) -> None:
        self.scores = scores
        self.films: list[str] = []

    def remember(self, films: Sequence[Path], sentences: Sequence[str] = ()) -> None:
        assert len(films) == len(set(films))

    def predict(self, image: Path, prompts: PromptSet | Sequence[str]) -> Prediction:
        assert isinstance(prompts, PromptSet)
        self.films.append(image.name)
        scores = np.asarray(self.scores(image.name), dtype=np.float32)
        return Prediction(tuple(prompts.prompts), scores, scores, (), scores, ())


def example(name: str, labels: tuple[str, ...], split: Split = "test", *, film: str = "", text: str = "Seen in training.") -> Example:
    return Example(name, f"P-{name}", "", film or f"{name}.dcm", "", (8, 8), labels, split, "", (ExampleSentence(text, "label"),))


def by_name(name: str) -> list[float]:
    return [float(letter in name) for letter in "efn"]


def manifest(*examples: Example) -> Manifest:
    return Manifest(Path("films"), examples)


SINGLE = [example(f"{letter}{i}", (label,)) for letter, label in (("e", "Edema"), ("f", "fracture "), ("n", "Nodule")) for i in range(4)]


def test_a_perfect_predictor_is_perfect_and_classes_meet_by_name() -> None:
    result = evaluate_zero_shot(Scripted(by_name), manifest(*SINGLE), "test", PROMPTS)
    assert (result.accuracy, result.balanced_accuracy, result.macro_f1, result.matthews, result.macro_auroc) == (1, 1, 1, 1, 1)
    assert result.ci95 == (1.0, 1.0)
    assert result.chance == pytest.approx(1 / 3)
    assert result.confusion.tolist() == [[4, 0, 0], [0, 4, 0], [0, 0, 4]]
    assert result.n == 12
    assert not result.degenerate


def test_the_order_of_classes_does_not_matter() -> None:
    reordered = PromptSet("r", dict(reversed(PROMPTS.prompts.items())))
    result = evaluate_zero_shot(Scripted(lambda name: by_name(name)[::-1]), manifest(*SINGLE), "test", reordered)
    assert result.accuracy == 1.0
    assert result.classes == ("Nodule", "Fracture", "Edema")


def test_one_answer_for_everything_is_flagged() -> None:
    result = evaluate_zero_shot(Scripted(lambda _: [0.1, 0.9, 0.2]), manifest(*SINGLE, example("f9", ("Fracture",))), "test", PROMPTS)
    assert result.degenerate
    assert result.accuracy == result.chance == pytest.approx(5 / 13)
    assert result.balanced_accuracy == pytest.approx(1 / 3)
    assert result.matthews == 0.0
    assert result.macro_auroc == 0.5


def test_films_with_several_findings_are_ranked_but_not_counted_as_right_or_wrong() -> None:
    both = example("ef", ("Edema", "Fracture"))
    other = example("x", ("Pneumothorax",))
    unlabelled = example("efn", ())
    result = evaluate_zero_shot(Scripted(by_name), manifest(*SINGLE, both, other, unlabelled), "test", PROMPTS)
    assert (result.n, result.n_labelled) == (12, 14)
    assert result.auroc == (1.0, 1.0, 1.0)


def test_a_film_that_was_read_twice_is_one_case_and_other_splits_stay_out() -> None:
    predictor = Scripted(by_name)
    again = example("again", ("Edema",), film="e0.dcm")
    result = evaluate_zero_shot(predictor, manifest(*SINGLE, again, example("n-train", ("Nodule",), "train")), "test", PROMPTS)
    assert predictor.films == [e.film for e in SINGLE]
    assert result.n == 12


def test_prompts_that_were_trained_on_are_named() -> None:
    trained = example("t", ("Edema",), "train", text="a RIB is broken")
    result = evaluate_zero_shot(Scripted(by_name), manifest(*SINGLE, trained), "test", PROMPTS)
    assert result.prompts_seen_in_training == ("A rib is broken.",)
    clean = evaluate_zero_shot(Scripted(by_name), manifest(*SINGLE, example("t", ("Edema",), "train")), "test", PROMPTS)
    assert clean.prompts_seen_in_training == ()


TWO = PromptSet("two", {"Ill": ("A mark.",), "Well": ("No mark.",)})


def two_classes(*labels: tuple[str, ...]) -> list[Example]:
    return [example(f"{'w' if 'Well' in own else 'i'}{i}", own) for i, own in enumerate(labels)]


def on_a_scale(name: str) -> list[float]:
    """Both scores rise and fall together from film to film; only their difference tells the classes apart."""
    level = 10.0 * int(name.split(".")[0][1:])
    return [level + 1, level] if name.startswith("i") else [level, level + 1]


def test_two_classes_that_exclude_each_other_are_ranked_by_the_difference_of_their_scores() -> None:
    films = two_classes(("Ill",), ("Well",), ("Well",), ("Ill",), ("Well",))
    result = evaluate_zero_shot(Scripted(on_a_scale), manifest(*films), "test", TWO)
    assert result.ranked_by == "difference"
    assert (result.accuracy, result.auroc, result.average_precision) == (1.0, (1.0, 1.0), (1.0, 1.0))
    assert result.intervals["macro_auroc"] == (1.0, 1.0)
    turned = evaluate_zero_shot(Scripted(lambda name: on_a_scale(name)[::-1]), manifest(*films), "test", TWO)
    assert turned.auroc == (0.0, 0.0) and turned.macro_auroc == 0.0


def test_two_findings_that_may_meet_keep_their_own_scores() -> None:
    films = two_classes(("Ill",), ("Well",), ("Well",), ("Ill",), ("Ill", "Well"))
    result = evaluate_zero_shot(Scripted(on_a_scale), manifest(*films), "test", TWO)
    assert result.ranked_by == "score" and result.auroc[0] < 1.0
    three = evaluate_zero_shot(Scripted(by_name), manifest(*SINGLE), "test", PROMPTS)
    assert three.ranked_by == "score" and three.to_json()["ranked_by"] == "score"


def test_labels_that_match_no_class_are_refused_with_both_names() -> None:
    with pytest.raises(ConfigError, match=r"prompt set three.*Labels there: Pneumothorax"):
        evaluate_zero_shot(Scripted(by_name), manifest(example("x", ("Pneumothorax",))), "test", PROMPTS)
    with pytest.raises(ConfigError, match="validation split"):
        evaluate_zero_shot(Scripted(by_name), manifest(*SINGLE), "validation", PROMPTS)


def test_undefined_figures_are_null_in_json() -> None:
    result = evaluate_zero_shot(Scripted(by_name), manifest(*SINGLE[:8]), "test", PROMPTS)
    plain = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert plain["auroc"] == {"Edema": 1.0, "Fracture": 1.0, "Nodule": None}
    assert math.isnan(result.auroc[2])
    assert plain["macro_auroc"] == 1.0
    only_both = evaluate_zero_shot(Scripted(by_name), manifest(example("ef", ("Edema", "Fracture"))), "test", PROMPTS)
    assert only_both.to_json()["accuracy"] is None
