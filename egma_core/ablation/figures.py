"""What a trained model reaches on the held-out films: naming, retrieval, looking where readers looked, and grounding by film swap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egma_core.ablation.heldout import HeldOut
from egma_core.ablation.outcomes import means_by_words, outcomes
from egma_core.alignment.patches import PatchGrid
from egma_core.evaluation.film_swap import FilmSwap, cells_on, film_swap
from egma_core.evaluation.metrics import auroc, finite_or_none
from egma_core.model.egma import Egma
from egma_core.synthetic.findings import FINDINGS

AT_ONCE = 64
"""Films or sentences that are encoded, or compared, in one go."""


@dataclass(frozen=True)
class Similarities:
    """F films against T different sentences, as cosines.

    Attributes:
        rows: Cells of the patch grid down.
        columns: Cells across; N = rows * columns.
        patches: (F, N, d) embeddings of the cells.
        sentences: (T, d) embeddings.
        index: Each sentence's place among the T.
        highest: (T, F) similarity of the best patch.
        best: (T, F) index of the best patch; of equal ones, the first.
        pooled: (T, F) similarity of the whole film.
        removed: (q,) index of the best patch for each question, on its film without the finding.
    """

    rows: int
    columns: int
    patches: Tensor
    sentences: Tensor
    index: dict[str, int]
    highest: NDArray[np.float64]
    best: NDArray[np.int64]
    pooled: NDArray[np.float64]
    removed: NDArray[np.int64]

    def rows_of(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The places of sentences among the T."""
        return np.array([self.index[text] for text in texts], dtype=np.int64)


@torch.no_grad()
def similarities(model: Egma, held_out: HeldOut) -> Similarities:
    """Encode every held-out film and every different sentence once, and compare them all; films without a finding with its questions."""
    model.eval()
    films = [model.encode_images(block) for block in held_out.pixels.to(model.device).split(AT_ONCE)]
    patches, pooled = torch.cat([f.patches for f in films]), torch.cat([f.pooled for f in films])
    texts = held_out.texts()
    blocks = [texts[i : i + AT_ONCE] for i in range(0, len(texts), AT_ONCE)]
    sentences = torch.cat([model.encode_sentences(model.tokenizer.encode(list(block)).to(model.device)) for block in blocks])
    found = [(some @ patches.flatten(0, 1).T).view(len(some), *patches.shape[:2]).max(dim=2) for some in sentences.split(AT_ONCE)]
    index = {text: i for i, text in enumerate(texts)}
    asked = sentences[[index[question.text] for question in held_out.questions.every]]
    changed = [model.encode_images(block).patches for block in held_out.removed.to(model.device).split(AT_ONCE)]
    shown = torch.cat([patches[:0], *changed])[torch.from_numpy(held_out.removed_of)]
    return Similarities(
        rows=films[0].rows,
        columns=films[0].columns,
        patches=patches.cpu(),
        sentences=sentences.cpu(),
        index=index,
        highest=torch.cat([f.values for f in found]).double().cpu().numpy(),
        best=torch.cat([f.indices for f in found]).cpu().numpy(),
        pooled=(sentences @ pooled.T).double().cpu().numpy(),
        removed=(shown @ asked[:, :, None])[:, :, 0].argmax(dim=1).cpu().numpy(),
    )


def evaluate(model: Egma, held_out: HeldOut) -> dict[str, Any]:
    """All figures of one model, as plain values.

    Returns:
        `auroc_fine_grained` and `auroc_global`: mean over the findings of the area under the ROC curve of the best
        patch's and the whole film's similarity to the finding's prompts. `retrieval_p1`: share of reports whose own film
        scores highest among all (mean over sentences of the best patch; ties are misses). `shuffled_auc`: see
        `egma_core.evaluation.gaze_agreement`; here fixations of other films are drawn once for each film. `with_place` and
        `without_place`: `FilmSwap.means` over all questions whose words do, or do not, tell where to look.
        `by_finding`: for each finding, its areas. `outcomes`: pointing question by question, `own` and each of its controls.
        `grid`: rows and columns of the patch grid. Undefined figures are None.
    """
    found = similarities(model, held_out)
    fine, whole = (_auroc(found, scores, held_out) for scores in (found.highest, found.pooled))
    swap, located = _swap(found, held_out), held_out.questions.located
    return {
        "auroc_fine_grained": _mean(fine),
        "auroc_global": _mean(whole),
        "retrieval_p1": _retrieval_p1(found, held_out),
        "shuffled_auc": _shuffled_auc(found, held_out),
        **means_by_words(swap, located),
        "by_finding": {
            name: {"auroc_fine_grained": finite_or_none(fine[c]), "auroc_global": finite_or_none(whole[c])}
            for c, name in enumerate(FINDINGS)
        },
        "outcomes": outcomes(swap),
        "grid": [found.rows, found.columns],
    }


def _auroc(found: Similarities, scores: NDArray[np.float64], held_out: HeldOut) -> list[float]:
    """One area a finding: films with it against films without, by the mean score of its prompts."""
    return [
        auroc(held_out.questions.has[:, c], scores[found.rows_of(held_out.prompts[name])].mean(axis=0)) for c, name in enumerate(FINDINGS)
    ]


def _swap(found: Similarities, held_out: HeldOut) -> FilmSwap:
    asked = held_out.questions
    on_box = cells_on([q.box for q in asked.every], [held_out.grid(q.film, found.rows, found.columns) for q in asked.every])
    best = found.best[found.rows_of([q.text for q in asked.every])]
    return film_swap(best, asked.film, on_box, asked.without, found.removed, asked.others)


def _retrieval_p1(found: Similarities, held_out: HeldOut) -> float:
    hits = 0
    for film, report in enumerate(held_out.reports):
        scores = found.highest[found.rows_of(report)].mean(axis=0)
        hits += bool(scores[film] > np.delete(scores, film).max(initial=-np.inf))
    return hits / len(held_out.reports)


def _shuffled_auc(found: Similarities, held_out: HeldOut) -> float | None:
    areas: list[float] = []
    for look in held_out.looks:
        cosine = (found.patches[look.film] @ found.sentences[found.index[look.text]]).double().numpy()
        values = _values(cosine.reshape(found.rows, found.columns), held_out.grid(look.film, found.rows, found.columns), look.points)
        areas.append(auroc(np.arange(len(values)) < look.n_own, values))
    return _mean(areas)


def _values(cosine: NDArray[np.float64], grid: PatchGrid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map's values at (k, 2) points in image pixels: bilinear between the centres of the cells, level beyond the outermost."""
    cell = np.clip(grid.image_to_patch().apply(points) - 0.5, 0.0, (grid.columns - 1, grid.rows - 1))
    low = np.floor(cell).astype(np.int64)
    (left, top), (right, bottom) = low.T, np.minimum(low + 1, (grid.columns - 1, grid.rows - 1)).T
    across, down = (cell - low).T
    upper = cosine[top, left] * (1 - across) + cosine[top, right] * across
    lower = cosine[bottom, left] * (1 - across) + cosine[bottom, right] * across
    return upper * (1 - down) + lower * down


def _mean(values: Sequence[float]) -> float | None:
    """Mean of the defined values; None where there is none."""
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else None
