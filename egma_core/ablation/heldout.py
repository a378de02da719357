"""The held-out films of a study, made ready once: pictures, questions with the true boxes, reports, and where readers looked.

A model is judged on all of it at once: every film and every different sentence is encoded once, and all figures are
read from the similarities between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egma_core.ablation.questions import Questions
from egma_core.alignment.patches import PatchGrid
from egma_core.dicom.reader import read_image
from egma_core.examples.manifest import Example, Manifest
from egma_core.model.preprocess import normalise, prepare
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.phantoms import patient_id

NEGATIVES = 200
"""Fixations of other films that each film's maps are compared with."""


@dataclass(frozen=True)
class Look:
    """What one sentence's map is compared with.

    Attributes:
        film: Index of the film.
        text: The sentence.
        points: (k, 2) x and y in image pixels; fixations of the sentence first, then those of other films.
        n_own: How many are the sentence's own.
    """

    film: int
    text: str
    points: NDArray[np.float64]
    n_own: int


@dataclass(frozen=True)
class HeldOut:
    """F films and everything asked about them.

    Attributes:
        pixels: (F, 1, S, S) float32 network pictures.
        grids: Where each picture's cells lie on its film, for one cell: refit to the model's grid by `grid`.
        questions: Sentences with boxes.
        removed: (R, 1, S, S) float32 network pictures of the films, each without one of its findings.
        removed_of: (q,) which of them is without the question's finding.
        reports: Each film's sentences.
        looks: Sentences with fixations.
        prompts: The sentences that stand for each finding.
    """

    pixels: Tensor
    grids: tuple[PatchGrid, ...]
    questions: Questions
    removed: Tensor
    removed_of: NDArray[np.int64]
    reports: tuple[tuple[str, ...], ...]
    looks: tuple[Look, ...]
    prompts: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        questions: Questions,
        pictures: Callable[[Phantom], NDArray[np.uint8]],
        prompts: Mapping[str, tuple[str, ...]],
        size_px: int,
        *,
        seed: int,
    ) -> HeldOut:
        """Make the test split ready.

        Args:
            manifest: The examples; of the test split, one for each phantom.
            questions: What is asked about the test films.
            pictures: A film's (k, S, S) pictures without each of its findings (see `pictures_without`).
            prompts: The sentences that stand for each finding.
            size_px: Side of the network picture.
            seed: Seed of the fixations that serve as negatives.

        Raises:
            ImageError: A film cannot be read.
        """
        by_patient = {example.patient: example for example in manifest.of("test")}
        examples = [by_patient[patient_id(phantom)] for phantom in questions.phantoms]
        own = [prepare(read_image(manifest.film_path(example)), size_px) for example in examples]
        removed = [normalise(picture) for phantom in questions.phantoms for picture in pictures(phantom)]
        row_of = {
            key: row for row, key in enumerate((film, f.name) for film, phantom in enumerate(questions.phantoms) for f in phantom.findings)
        }
        return cls(
            pixels=torch.from_numpy(np.stack([picture.pixels for picture in own])),
            grids=tuple(PatchGrid(1, 1, size_px, picture.image_to_network) for picture in own),
            questions=questions,
            removed=torch.from_numpy(np.stack(removed) if removed else np.zeros((0, 1, size_px, size_px), dtype=np.float32)),
            removed_of=np.array([row_of[question.film, question.finding] for question in questions.every], dtype=np.int64),
            reports=tuple(tuple(s.text for s in example.sentences) for example in examples),
            looks=tuple(_looks(examples, seed)),
            prompts=prompts,
        )

    def texts(self) -> tuple[str, ...]:
        """Every different sentence that a model is asked about."""
        asked = [question.text for question in self.questions.every] + [look.text for look in self.looks]
        asked += [text for report in self.reports for text in report] + [text for own in self.prompts.values() for text in own]
        return tuple(dict.fromkeys(asked))

    def grid(self, film: int, rows: int, columns: int) -> PatchGrid:
        """Where a model's cells lie on one film."""
        return PatchGrid(rows, columns, self.grids[film].size_px, self.grids[film].image_to_network)


def _looks(examples: Sequence[Example], seed: int) -> list[Look]:
    points = [[_points(sentence.gaze.x_px, sentence.gaze.y_px) for sentence in e.sentences if sentence.gaze is not None] for e in examples]
    every = [np.concatenate([np.zeros((0, 2)), *own]) for own in points]
    owner = np.repeat(np.arange(len(examples)), [len(own) for own in every])
    pool = np.concatenate([np.zeros((0, 2)), *every])
    looks: list[Look] = []
    for film, example in enumerate(examples):
        elsewhere = pool[owner != film]
        rng = np.random.default_rng((seed, 13, film))
        chosen = elsewhere[rng.choice(len(elsewhere), min(NEGATIVES, len(elsewhere)), replace=False)] if len(elsewhere) else elsewhere
        for sentence in example.sentences:
            if sentence.gaze is not None and len(chosen):
                own = _points(sentence.gaze.x_px, sentence.gaze.y_px)
                looks.append(Look(film, sentence.text, np.concatenate([own, chosen]), len(own)))
    return looks


def _points(x_px: NDArray[np.float64], y_px: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([x_px, y_px])
