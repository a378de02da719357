"""The figures of models whose worth is known: one that sees everything, one that only knows words, one that knows nothing."""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from egma_core.ablation.counterfactual import load_without
from egma_core.ablation.figures import evaluate
from egma_core.ablation.folder import StudyFolder
from egma_core.ablation.heldout import HeldOut
from egma_core.ablation.outcomes import differences
from egma_core.ablation.questions import Questions
from egma_core.evaluation.film_swap import cells_on
from egma_core.examples.manifest import Manifest
from egma_core.inference.prompts import builtin
from egma_core.model.egma import Egma, ImageEmbedding
from egma_core.synthetic.films import Phantom, make_phantom
from egma_core.synthetic.findings import FINDINGS
from egma_core.synthetic.phrases import names_place, sayings

SIDE, ROWS = 64, 7
WORDS = {
    "pleural effusion": "effusion|fluid",
    "pneumothorax": "pneumothorax|air\\b",
    "cardiomegaly": "cardi|heart",
    "consolidation": "consolidation|opacity",
    "nodule": "nodule",
    "atelectasis": "atelectasis",
    "edema": "edema",
    "hilar enlargement": "hil",
}


@pytest.fixture(scope="module")
def phantoms() -> list[Phantom]:
    return [make_phantom(seed) for seed in range(3014, 3022)]


@pytest.fixture
def held_out(drawn: Any, phantoms: list[Phantom]) -> HeldOut:
    folder = StudyFolder(drawn)
    assert folder.plan().phantom_seeds()["test"] == range(3014, 3022)
    manifest = Manifest.load(folder.manifest("usual"))
    questions = Questions.about(phantoms, 0)
    assert questions.digest == Questions.of(folder.plan()).digest

    def pictures(phantom: Phantom) -> NDArray[np.uint8]:
        return load_without(folder.without(phantom), phantom, SIDE)

    return HeldOut.of(manifest, questions, pictures, builtin("phantom").prompts, SIDE, seed=0)


class Known:
    """Stands in for a model: films, films without a finding, and sentences are what the test says."""

    device = torch.device("cpu")

    def __init__(self, held_out: HeldOut, patches: Tensor, sentences: Any, removed: Tensor | None = None) -> None:
        """`removed` are the patches of the films without a finding; by default those of the films with it."""
        owners = [film for film, phantom in enumerate(held_out.questions.phantoms) for _ in phantom.findings]
        pictures = [*held_out.pixels, *held_out.removed]
        shown = [*patches, *(patches[owners] if removed is None else removed)]
        self._patches = {picture.numpy().tobytes(): own for picture, own in zip(pictures, shown, strict=True)}
        self._sentences = sentences
        self.tokenizer = self

    def eval(self) -> None:
        """Nothing to switch."""

    def encode(self, texts: list[str]) -> Any:
        return cast(Any, Sentences(texts))

    def encode_images(self, pixels: Tensor) -> ImageEmbedding:
        patches = torch.stack([self._patches[picture.numpy().tobytes()] for picture in pixels])
        return ImageEmbedding(patches, patches.sum(dim=1), ROWS, ROWS)

    def encode_sentences(self, tokens: Any) -> Tensor:
        return torch.stack([self._sentences(text) for text in tokens.texts])


class Sentences:
    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def to(self, _device: torch.device) -> Sentences:
        return self


def finding_of(text: str) -> int:
    return next(c for c, name in enumerate(FINDINGS) if re.search(WORDS[name], text.lower()))


def of_finding(text: str) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(finding_of(text)), len(FINDINGS)).float()


def test_the_words_of_the_test_tell_findings_apart() -> None:
    assert {name: finding_of(f"There is {name}.") for name in FINDINGS} == {name: c for c, name in enumerate(FINDINGS)}


def seen(held_out: HeldOut, phantom: Phantom, film: int, name: str = "") -> Tensor:
    """Patches that show every finding on its box, but the one of that name."""
    patches = torch.zeros(ROWS * ROWS, len(FINDINGS))
    for finding in phantom.findings:
        if finding.name != name:
            on_box = cells_on([finding.box], [held_out.grid(film, ROWS, ROWS)])[0]
            patches[torch.from_numpy(on_box), FINDINGS.index(finding.name)] = 1.0
    return patches


def test_a_model_that_sees_everything(held_out: HeldOut, phantoms: list[Phantom]) -> None:
    patches = torch.stack([seen(held_out, phantom, film) for film, phantom in enumerate(phantoms)])
    removed = torch.stack([seen(held_out, phantom, film, f.name) for film, phantom in enumerate(phantoms) for f in phantom.findings])
    figures = evaluate(cast(Egma, Known(held_out, patches, of_finding, removed)), held_out)
    assert figures["auroc_fine_grained"] == figures["auroc_global"] == 1.0
    for group in ("with_place", "without_place"):
        assert figures[group]["own"] == 1.0
        assert figures[group]["own_minus_removed"] == 1.0  # without the finding nothing stands out, and the corner is on no box
        assert figures[group]["own_minus_swapped"] == 1.0
        assert figures[group]["own_minus_other"] > 0.6  # boxes overlap
    assert figures["shuffled_auc"] > 0.55
    assert figures["without_place"]["n"] == sum(len(p.findings) for p in phantoms)
    asked = held_out.questions
    assert {name: len(values) for name, values in figures["outcomes"].items()} == dict.fromkeys(
        ("own", "removed", "swapped", "other"), len(asked.every)
    )
    assert np.mean(differences(figures["outcomes"], "removed")[asked.located]) == figures["with_place"]["own_minus_removed"]
    assert figures["grid"] == [ROWS, ROWS]


def test_a_model_that_sees_no_difference_without_the_finding_sees_nothing(held_out: HeldOut, phantoms: list[Phantom]) -> None:
    """It points right on the own films and nowhere on others, but right as well where the finding was taken away."""
    patches = torch.stack([seen(held_out, phantom, film) for film, phantom in enumerate(phantoms)])
    figures = evaluate(cast(Egma, Known(held_out, patches, of_finding)), held_out)
    for group in ("with_place", "without_place"):
        assert figures[group]["own_minus_swapped"] == 1.0
        assert (figures[group]["removed"], figures[group]["own_minus_removed"]) == (1.0, 0.0)


def test_a_model_that_does_not_listen_gains_nothing_by_the_sentence(held_out: HeldOut, phantoms: list[Phantom]) -> None:
    patches = torch.stack([seen(held_out, phantom, film) for film, phantom in enumerate(phantoms)])
    removed = torch.stack([seen(held_out, phantom, film, f.name) for film, phantom in enumerate(phantoms) for f in phantom.findings])
    anything = torch.linspace(1.0, 1.1, len(FINDINGS))
    figures = evaluate(cast(Egma, Known(held_out, patches, lambda _text: anything, removed)), held_out)
    for group in ("with_place", "without_place"):
        assert figures[group]["own_minus_removed"] > 0.2
        assert figures[group]["own_minus_other"] == pytest.approx(0.0, abs=1e-12)
        assert figures[group]["n_other"] > 4


def test_a_model_that_only_knows_words_gains_nothing_by_the_film(held_out: HeldOut) -> None:
    random = torch.Generator().manual_seed(0)
    one_film = torch.randn(1, ROWS * ROWS, 16, generator=random)
    places = {text: torch.randn(16, generator=random) for text in held_out.texts()}
    figures = evaluate(cast(Egma, Known(held_out, one_film.expand(8, -1, -1), places.__getitem__)), held_out)
    for group in ("with_place", "without_place"):
        assert figures[group]["own_minus_swapped"] == figures[group]["own_minus_removed"] == 0.0
    assert figures["auroc_fine_grained"] == figures["auroc_global"] == 0.5
    assert figures["retrieval_p1"] == 0.0


def test_retrieval_finds_the_film_whose_report_it_is(held_out: HeldOut) -> None:
    patches = torch.zeros(8, ROWS * ROWS, 8)
    patches[range(8), 3, range(8)] = 1.0
    of_film = {
        text: torch.nn.functional.one_hot(torch.tensor(f), 8).float() for f, report in enumerate(held_out.reports) for text in report
    }
    nothing = torch.zeros(8)
    figures = evaluate(cast(Egma, Known(held_out, patches, lambda text: of_film.get(text, nothing))), held_out)
    assert figures["retrieval_p1"] == 1.0


def test_questions_say_where_or_say_nothing_of_it(held_out: HeldOut, phantoms: list[Phantom]) -> None:
    heard = sayings("A")
    for question in held_out.questions.every:
        assert names_place(question.text) is question.located
        assert question.text not in heard
        assert FINDINGS[finding_of(question.text)] == question.finding
        assert question.box in [f.box for f in phantoms[question.film].findings if f.name == question.finding]
    asked = {(q.film, q.finding) for q in held_out.questions.every if not q.located}
    assert asked == {(film, f.name) for film, phantom in enumerate(phantoms) for f in phantom.findings}


def test_looks_are_compared_with_those_of_other_films(held_out: HeldOut) -> None:
    own = [look.points[: look.n_own] for look in held_out.looks]
    for i, look in enumerate(held_out.looks):
        others = np.concatenate([points for j, points in enumerate(own) if held_out.looks[j].film != held_out.looks[i].film])
        assert look.n_own >= 1
        assert {tuple(p) for p in look.points[look.n_own :].tolist()} <= {tuple(p) for p in others.tolist()}
