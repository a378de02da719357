"""Retrieval against hand-counted cases, and of predictors whose quality is known."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.evaluation.retrieval import evaluate_retrieval, query_figures, retrieval_figures, retrieve_classes
from egma_core.evaluation.zero_shot import LabelledFilm
from egma_core.examples.manifest import Example, ExampleSentence, Manifest
from egma_core.inference.prompts import PromptSet


def test_a_counted_case() -> None:
    scores = np.array([[0.9, 0.8, 0.1, 0.7], [0.1, 0.2, 0.3, 0.4]])
    relevant = np.array([[False, True, False, True], [True, False, False, False]])
    figures = query_figures(scores, relevant)
    assert figures["p1"].tolist() == [0.0, 0.0]
    assert figures["p5"].tolist() == [0.4, 0.2]
    assert figures["recall5"].tolist() == [1.0, 1.0]
    assert figures["recall1"].tolist() == [0.0, 0.0]
    assert figures["mrr"].tolist() == [0.5, 0.25]


def test_both_ways_and_queries_without_an_answer() -> None:
    scores = np.array([[3.0, 1.0, 0.0], [2.0, 5.0, 0.0]])
    relevant = np.array([[True, False, False], [False, True, False]])
    figures = retrieval_figures(scores, relevant)
    assert {name: figures[name] for name in ("i2t_p1", "t2i_p1", "i2t_mrr", "t2i_mrr", "t2i_recall5")} == dict.fromkeys(
        ("i2t_p1", "t2i_p1", "i2t_mrr", "t2i_mrr", "t2i_recall5"), 1.0
    )
    assert figures["i2t_p10"] == pytest.approx(0.1)
    assert math.isnan(retrieval_figures(scores, np.zeros_like(relevant))["i2t_mrr"])


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.integers(0, 2), min_size=2, max_size=6),
    wanted=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_ties_give_the_mean_over_all_their_orders(scores: list[int], wanted: list[bool]) -> None:
    n = len(scores)
    relevant = np.array(wanted[:n])
    if not relevant.any():
        return
    tallies: list[tuple[float, float]] = []
    for order in itertools.permutations(range(n)):
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order)):
            hits = [bool(relevant[i]) for i in order]
            tallies.append((float(hits[0]), 1 / (1 + hits.index(True))))
    figures = query_figures(np.array([scores], dtype=float), relevant[None])
    assert figures["p1"][0] == pytest.approx(np.mean([p for p, _ in tallies]))
    assert figures["mrr"][0] == pytest.approx(np.mean([m for _, m in tallies]))


def test_scores_that_say_nothing_give_chance() -> None:
    relevant = np.random.default_rng(0).random((30, 40)) < 0.2
    figures = retrieval_figures(np.zeros((30, 40)), relevant)
    for way in ("i2t", "t2i"):
        assert figures[f"{way}_p1"] == pytest.approx(relevant.mean(), abs=1e-9)
        assert figures[f"{way}_p10"] == pytest.approx(figures[f"{way}_p1"])


class Scripted:
    """Scores films and sentences by a function of the film's name and the sentence."""

    def __init__(self, score: Callable[[str, str], float]) -> None:
        self.score = score
        self.most_films = 0

    def sentence_scores(self, films: Sequence[Path], sentences: Sequence[str]) -> NDArray[np.float32]:
        self.most_films = max(self.most_films, len(films))
        return np.array([[self.score(film.stem, s) for s in sentences] for film in films], dtype=np.float32)


def example(name: str, texts: Sequence[str], *, film: str = "", patient: str = "") -> Example:
    sentences = tuple(ExampleSentence(text, "typed") for text in texts)
    return Example(name, patient or f"P-{name}", "", f"{film or name}.dcm", "", (8, 8), (), "test", "", sentences)


def test_reports_and_sentences_of_a_split() -> None:
    examples = [example(str(i), [f"finding {i}.", "The heart is normal."]) for i in range(70)]
    predictor = Scripted(lambda film, sentence: float(sentence == f"finding {film}."))
    seen: list[int] = []
    found = evaluate_retrieval(predictor, Manifest(Path("films"), tuple(examples)), progress=lambda done, of: seen.append(done))
    assert (found.reports.n_images, found.reports.n_texts, found.sentences.n_texts) == (70, 70, 71)
    assert found.reports.figures["i2t_p1"] == found.reports.figures["t2i_mrr"] == 1.0
    assert found.reports.intervals["t2i_p1"] == (1.0, 1.0)
    assert found.reports.chance["t2i"] == pytest.approx(1 / 70)
    assert found.sentences.figures["t2i_recall1"] == pytest.approx((70 + 1 / 70) / 71)
    assert predictor.most_films == 32
    assert seen == [32, 64, 70]
    json.dumps(found.to_json(), allow_nan=False)


def test_the_same_words_are_no_rival_and_a_second_reading_shares_the_film() -> None:
    examples = [
        example("a", ["All clear."]),
        example("b", ["all clear"]),
        example("c", ["A nodule."]),
        example("c2", ["Something small."], film="c", patient="P-c"),
    ]
    predictor = Scripted(lambda film, sentence: float(film in {"a": "all clear", "b": "all clear"} and "clear" in sentence))
    found = evaluate_retrieval(predictor, Manifest(Path("films"), tuple(examples)))
    assert (found.reports.n_images, found.reports.n_texts) == (3, 3)
    assert found.reports.figures["t2i_p1"] == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)
    with pytest.raises(ConfigError, match="1 films"):
        evaluate_retrieval(predictor, Manifest(Path("films"), tuple(examples[:1])))


def test_the_form_of_eight_by_two_hundred() -> None:
    """Forty prompts of eight classes: film to text cannot exceed one half at ten, and a perfect model reaches that."""
    prompts = PromptSet("8", {f"c{i}": tuple(f"c{i} said {k}" for k in range(5)) for i in range(8)})
    films = [LabelledFilm(Path(f"c{i % 8}-{i}.png"), f"P{i}", (f"c{i % 8}",)) for i in range(96)]
    perfect = retrieve_classes(Scripted(lambda film, sentence: float(film[:2] == sentence[:2])), films, prompts)
    assert (perfect.n_images, perfect.n_texts) == (96, 40)
    assert [perfect.figures[name] for name in ("i2t_p1", "i2t_p5", "t2i_p10", "i2t_p10")] == pytest.approx([1, 1, 1, 0.5])
    assert perfect.chance == {"i2t": pytest.approx(0.125), "t2i": pytest.approx(0.125)}
