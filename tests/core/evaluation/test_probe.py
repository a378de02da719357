"""Linear probes of features whose worth is known."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from egma_core.errors import ConfigError
from egma_core.evaluation.probe import evaluate_probe, fit_logistic, nested_share
from egma_core.examples.manifest import Example, ExampleSentence, Manifest
from egma_core.examples.splits import Split

WIDTH = 12


class Scripted:
    """Features of a film: noise, and its labels along two of the axes as far as `strength` goes."""

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def features(self, films: Sequence[Path]) -> Iterator[NDArray[np.float32]]:
        for film in films:
            row = np.random.default_rng(int(film.stem.split("-")[1])).normal(size=WIDTH)
            row[0] += self.strength * ("e" in film.stem.split("-")[0])
            row[1] += self.strength * ("n" in film.stem.split("-")[0])
            yield row.astype(np.float32)


def manifest(n: int = 240) -> Manifest:
    random = np.random.default_rng(0)
    examples: list[Example] = []
    for i in range(n):
        labels = tuple(name for name, p in (("Edema", 0.5), ("Nodule", 0.3)) if random.random() < p) or ("No Finding",)
        split: Split = ("train", "train", "validation", "test")[i % 4]
        name = "".join(label[0].lower() for label in labels if label != "No Finding")
        film = f"{name}-{i}.dcm"
        examples.append(Example(f"ex{i}", f"P{i}", "", film, "", (8, 8), labels, split, "", (ExampleSentence("x", "label"),)))
    return Manifest(Path("films"), tuple(examples))


def test_features_that_carry_labels_are_found_and_more_labels_help() -> None:
    result = evaluate_probe(Scripted(2.0), manifest(), seeds=2)
    few, some, every = result.shares
    assert result.labels == ("Edema", "No Finding", "Nodule")
    assert (result.n_train, result.n_validation, result.n) == (120, 60, 60)
    assert [share.n_films for share in result.shares] == [2, 12, 120]
    assert every.macro_auroc > 0.8 and every.macro_auroc > some.macro_auroc > 0.5
    assert every.ci95[0] < every.macro_auroc < every.ci95[1]
    assert few.deviation > 0 and math.isnan(every.deviation)
    assert len(some.penalties) == 2 and len(every.penalties) == 1
    json.dumps(result.to_json(), allow_nan=False)


def test_features_without_labels_give_chance() -> None:
    every = evaluate_probe(Scripted(0.0), manifest(), shares=(1.0,)).shares[0]
    assert every.ci95[0] < 0.5 < every.ci95[1]


@given(st.integers(0, 20), st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_shares_are_nested_and_by_patient(seed: int, patients: list[int]) -> None:
    names = [str(p) for p in patients]
    shares = [nested_share(names, share, seed) for share in (0.01, 0.1, 0.5, 1.0)]
    for smaller, larger in itertools.pairwise(shares):
        assert (larger | ~smaller).all()
    for chosen in shares:
        assert not {n for n, c in zip(names, chosen, strict=True) if c} & {n for n, c in zip(names, chosen, strict=True) if not c}
    assert shares[0].any() and shares[-1].all()


def test_a_label_that_is_nowhere_ranks_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    weights, biases = fit_logistic(x, np.stack([x[:, 0] > 0, np.zeros(20, bool)], axis=1), 0.01)
    assert weights[0, 0] > 1 and not weights[:, 1].any() and biases[1] == 0


def test_the_fit_is_where_the_gradient_vanishes() -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(50, 4)), random.random((50, 1)) < 0.4
    weights, biases = fit_logistic(x, y, 0.05)
    share = 1 / (1 + np.exp(-(x @ weights + biases)))
    np.testing.assert_allclose(x.T @ (share - y) / 50 + 0.05 * weights, 0, atol=1e-5)
    assert float((share - y).mean()) == pytest.approx(0, abs=1e-5)


def test_what_cannot_be_probed_is_refused() -> None:
    whole = manifest()
    with pytest.raises(ConfigError, match="validation split has none"):
        evaluate_probe(Scripted(1.0), Manifest(whole.films, tuple(e for e in whole.examples if e.split != "validation")))
    alike = tuple(e for e in whole.examples if e.labels == ("Edema",))
    with pytest.raises(ConfigError, match="both there and absent"):
        evaluate_probe(Scripted(1.0), Manifest(whole.films, alike))
