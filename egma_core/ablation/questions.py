"""What models are asked about the test films: sentences about findings whose true boxes are known. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from egma_core.ablation.plan import StudyPlan
from egma_core.geometry import Rect
from egma_core.synthetic.anatomy import Side
from egma_core.synthetic.films import Phantom, make_phantom
from egma_core.synthetic.findings import FINDINGS, Finding, FindingName, Zone
from egma_core.synthetic.phrases import ReaderName, names_place, say

READER: ReaderName = "B"
"""Whose words the questions are in: no sentence of his was heard in training."""


@dataclass(frozen=True)
class Question:
    """One sentence about one finding of one film.

    Attributes:
        film: Index of the film.
        finding: The finding's name.
        text: The sentence.
        located: Whether its words tell where to look.
        side: The finding's side, which the words of a located sentence tell.
        zone: Its zone, likewise.
        box: Where the finding lies, in image pixels.
    """

    film: int
    finding: FindingName
    text: str
    located: bool
    side: Side | None
    zone: Zone
    box: Rect


@dataclass(frozen=True)
class Questions:
    """The q questions about F films.

    Attributes:
        phantoms: The films' phantoms.
        every: The questions, film by film.
    """

    phantoms: tuple[Phantom, ...]
    every: tuple[Question, ...]

    @classmethod
    def about(cls, phantoms: Sequence[Phantom], seed: int) -> Questions:
        """Ask for each finding twice: by a sentence with words for the place where there are any, and by one without.

        Args:
            phantoms: The films.
            seed: Decides the wording.
        """
        return cls(tuple(phantoms), tuple(q for film, phantom in enumerate(phantoms) for q in _questions(film, phantom, seed)))

    @classmethod
    def of(cls, plan: StudyPlan) -> Questions:
        """The questions about a study's test films."""
        return cls.about([make_phantom(seed) for seed in plan.phantom_seeds()["test"]], plan.reading_seed)

    @cached_property
    def film(self) -> NDArray[np.int64]:
        """(q,) each question's film."""
        return np.array([question.film for question in self.every], dtype=np.int64)

    @cached_property
    def finding(self) -> NDArray[np.int64]:
        """(q,) each question's finding, as its place in `FINDINGS`."""
        return np.array([FINDINGS.index(question.finding) for question in self.every], dtype=np.int64)

    @cached_property
    def located(self) -> NDArray[np.bool_]:
        """(q,) whether a question's words tell where to look."""
        return np.array([question.located for question in self.every], dtype=np.bool_)

    @cached_property
    def has(self) -> NDArray[np.bool_]:
        """(F, C) which findings each film has, in the order of `FINDINGS`."""
        return np.array([[name in phantom.labels for name in FINDINGS] for phantom in self.phantoms], dtype=np.bool_)

    @cached_property
    def without(self) -> NDArray[np.bool_]:
        """(q, F) which films lack each question's finding."""
        return ~self.has[:, self.finding].T

    @cached_property
    def others(self) -> NDArray[np.bool_]:
        """(q, q) which questions are about another finding of the same film, with words of the same kind."""
        same_film, same_finding = (a[:, None] == a[None, :] for a in (self.film, self.finding))
        return same_film & ~same_finding & (self.located[:, None] == self.located[None, :])

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of all questions with their boxes."""
        return hashlib.sha256(json.dumps([asdict(question) for question in self.every]).encode()).hexdigest()


def _questions(film: int, phantom: Phantom, seed: int) -> list[Question]:
    questions: list[Question] = []
    for finding in phantom.findings:
        rng = np.random.default_rng((phantom.seed, seed, 11, FINDINGS.index(finding.name)))
        for located in (True, False):
            text = _said(finding, rng, located=located)
            if text:
                questions.append(Question(film, finding.name, text, located, finding.side, finding.zone, finding.box))
    return questions


def _said(finding: Finding, rng: np.random.Generator, *, located: bool) -> str:
    """A sentence that names the finding, with or without words for the place; "" for one that has no place to name."""
    if located and finding.zone == "heart":
        return ""
    while True:
        text = say(finding, READER, rng, located=located, graded=False)
        if names_place(text) is located:
            return text
