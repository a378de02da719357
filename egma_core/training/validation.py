"""Figures on the validation split while training: loss terms, retrieval, and whether sentences point where the reader looked."""

from __future__ import annotations

import torch
from torch import Tensor

from egma_core.examples.batch import Batch
from egma_core.examples.loader import ExampleLoader
from egma_core.model.config import LossConfig
from egma_core.model.egma import Egma
from egma_core.training.objective import TERMS, embed, loss_terms
from egma_core.training.precision import Precision

SELECTION = "retrieval_mrr"
"""The figure that chooses the best checkpoint; higher is better."""

LOOKED_AT = 0.5
"""A sentence points right when its best patch has more gaze than this share of the most looked-at patch."""


@torch.no_grad()
def validate(model: Egma, loader: ExampleLoader, config: LossConfig, precision: Precision) -> dict[str, float]:
    """Figures over one split; empty where it has no examples.

    Returns:
        The loss terms (means over films, within the loader's batches), `retrieval_p1` and `retrieval_mrr` (a report's own
        film among all films of the split, by the fine-grained similarity; with two films at least), `pointing` (share of
        sentences with gaze whose best patch was looked at) and `pointing_chance` (the same for a random patch).
    """
    training = model.training
    model.eval()
    totals = dict.fromkeys((*TERMS, "loss"), 0.0)
    patches: list[Tensor] = []
    sentences: list[Tensor] = []
    counts: list[int] = []
    pointing: list[Tensor] = []
    for read in loader.epoch(0):
        batch = read.to(model.device)
        with precision.autocast():
            films, texts = embed(model, batch)
        terms = loss_terms(model, batch, films, texts, config)
        totals = {name: total + float(terms[name]) * len(batch.ids) for name, total in totals.items()}
        patches.append(films.patches.float())
        sentences.append(texts.float())
        counts += batch.counts.tolist()
        pointing.append(_pointing(patches[-1], sentences[-1], batch))
    model.train(training)
    if not counts:
        return {}
    figures = {name: total / len(counts) for name, total in totals.items()}
    hits = torch.cat(pointing)
    if len(hits):
        figures["pointing"], figures["pointing_chance"] = hits.mean(dim=0).tolist()
    names = loader.films
    if len(set(names)) > 1:
        ranks = _ranks(torch.cat(patches), sentences, counts, names)
        figures["retrieval_p1"] = float((ranks == 1).double().mean())
        figures["retrieval_mrr"] = float((1 / ranks).mean())
    return figures


def _pointing(patches: Tensor, sentences: Tensor, batch: Batch) -> Tensor:
    """(k, 2) for the sentences with gaze: whether the best patch was looked at, and the share of patches that were."""
    film = torch.repeat_interleave(torch.arange(len(batch.ids), device=patches.device), batch.counts)
    best = torch.einsum("snd,sd->sn", patches[film], sentences).argmax(dim=1, keepdim=True)
    looked = batch.gaze > LOOKED_AT
    return torch.stack([looked.gather(1, best)[:, 0].double(), looked.double().mean(dim=1)], dim=1)[batch.has_gaze]


def _ranks(patches: Tensor, sentences: list[Tensor], counts: list[int], films: tuple[str, ...]) -> Tensor:
    """(n,) rank of each report's own film among the other films (1 is best); a film read twice is no rival of itself.

    A score that is no finite number is the worst there is: last for a report's own film, no better than any for a rival.
    """
    places = {film: i for i, film in enumerate(dict.fromkeys(films))}
    own = torch.tensor([places[film] for film in films], device=patches.device)
    first = torch.tensor([films.index(film) for film in places], device=patches.device)
    candidates = patches[first]
    by_sentence = torch.cat([torch.stack([(s @ film.T).amax(dim=1) for film in candidates], dim=1) for s in sentences])
    report = torch.repeat_interleave(torch.arange(len(counts), device=patches.device), torch.tensor(counts, device=patches.device))
    scores = torch.zeros(len(counts), len(candidates), device=patches.device).index_add_(0, report, by_sentence)
    reached = scores.gather(1, own[:, None])
    rivals = torch.ones_like(scores, dtype=torch.bool).scatter_(1, own[:, None], False)
    lost = ~torch.isfinite(reached)
    rivals_worth = rivals & (torch.isfinite(scores) | lost)
    better = ((lost | (scores > reached)) & rivals_worth).sum(dim=1).double()
    level = (~lost & (scores == reached) & rivals_worth).sum(dim=1).double()
    return 1 + better + level / 2
