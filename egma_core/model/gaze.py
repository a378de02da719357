"""The gaze loss: each sentence is pulled to the patches that were looked at while it was said."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from egma_core.model.chunks import AT_ONCE, by_films
from egma_core.model.config import RELEASED_GAZE_ALPHA, RELEASED_GAZE_THRESHOLD
from egma_core.model.padding import Counts, PaddedBatch, as_scale, check_form, checked_embeddings, checked_gaze, without_autocast


def gaze_loss(
    patches: Tensor,
    sentences: Tensor,
    counts: Counts,
    gaze: Tensor,
    has_gaze: Tensor,
    scale: Tensor | float,
    *,
    form: str = "mlce",
    alpha: float = 0.5,
    threshold: float = 0.1,
    top: float = 0.25,
    normalisation: str = "gaze",
    variant: str = "correct",
    at_once: int = AT_ONCE,
) -> Tensor:
    """Pull each sentence to the patches that were looked at while it was said, and away from the others.

    `mlce` (paper Eq. 6): a patch is positive for a sentence where gaze > threshold * the sentence's maximum. A film's
    loss is alpha * (mean over its sentences of `multi_label_loss` over patches) + (1 - alpha) * (mean over its patches
    of `multi_label_loss` over sentences). A sentence that has gaze but no positive patch only repels.

    `soft`: a film's loss is the mean over its sentences of the `divergence` of two distributions over patches: the
    softmax of t * cosine, and the gaze on the share `top` of patches that was looked at most. It is at most ln 2, and has
    no patch-to-sentence side. A sentence whose gaze is zero everywhere counts as one without gaze.

    Sentences without gaze take part on neither side: the second one's lists hold only the film's sentences that have it.

    Args:
        patches: (B, N, d) unit-length patch embeddings.
        sentences: (S, d) unit-length sentence embeddings, film by film.
        counts: (B,) whole numbers: sentences of each film, at least one.
        gaze: (S, N) gaze density a patch, in 0..1; rows without gaze may hold anything.
        has_gaze: (S,) bool: whether the sentence has gaze.
        scale: t = exp(theta), a float or a 0-d tensor.
        form: `mlce` or `soft`.
        alpha: Share of the sentence-to-patch side; `mlce` alone.
        threshold: Share of a sentence's maximum above which a patch counts as looked at; `mlce` alone.
        top: Share of patches, one patch at least, whose gaze is kept; `soft` alone.
        normalisation: `gaze`: the mean over films that have gaze; `batch`: their sum, divided by all films.
        variant: `correct`, or `legacy`: the release's constants alpha = 0.8 and threshold = 0, whatever is passed.
        at_once: Numbers, of B * M * N, that may be held at once; see `chunks.by_films`.

    Returns:
        A scalar; zero when no film has gaze.

    Raises:
        ConfigError: Shapes do not fit together, a film has no sentence, gaze is negative or not finite, or a name is unknown.
    """
    check_form(variant, ("correct", "legacy"))
    check_form(form, ("mlce", "soft"))
    check_form(normalisation, ("gaze", "batch"))
    if variant == "legacy":
        form, alpha, threshold = "mlce", RELEASED_GAZE_ALPHA, RELEASED_GAZE_THRESHOLD
    with without_autocast(patches):
        patches, sentences = checked_embeddings(patches, sentences)
        batch = PaddedBatch.of(sentences, counts, patches.shape[0])
        gaze, has_gaze = checked_gaze(gaze, has_gaze, sentences, patches.shape[1])
        if form == "soft":
            has_gaze = has_gaze & (gaze > 0).any(dim=1)
            aim = batch.pad(most_looked_at(gaze, top))
        else:
            aim = batch.pad(gaze > threshold * gaze.amax(dim=1, keepdim=True))
        counted = batch.pad(has_gaze)
        with_gaze = counted.sum(dim=1)
        t = as_scale(scale, patches)

        def per_film(films: slice) -> Tensor:
            logits = t * batch.sentences[films] @ patches[films].transpose(1, 2)
            if form == "soft":
                apart = divergence(logits, aim[films]).masked_fill(~counted[films], 0.0)
                return apart.sum(dim=1) / with_gaze[films].clamp(min=1)
            together = counted[films, :, None].expand_as(logits)
            by_sentence = multi_label_loss(logits, aim[films], together, dim=2).sum(dim=1) / with_gaze[films].clamp(min=1)
            by_patch = multi_label_loss(logits, aim[films], together, dim=1).mean(dim=1)
            return alpha * by_sentence + (1 - alpha) * by_patch

        films = len(patches)
        total = by_films(per_film, films, batch.real.shape[1] * patches.shape[1], at_once).sum()
        return total / (films if normalisation == "batch" else (with_gaze > 0).sum().clamp(min=1))


def multi_label_loss(logits: Tensor, positive: Tensor, counted: Tensor, dim: int = -1) -> Tensor:
    """Multi-label cross-entropy: ln(1 + sum of e^z over negatives) + ln(1 + sum of e^-z over positives), along `dim`.

    Args:
        logits: Any shape.
        positive: Same shape, bool: the labels.
        counted: Same shape, bool: entries that take part at all.
        dim: The dimension of the list.

    Returns:
        The logits' shape without `dim`; zero where nothing is counted.
    """
    return _log_one_plus_sum(logits, counted & ~positive, dim) + _log_one_plus_sum(-logits, counted & positive, dim)


def divergence(logits: Tensor, share: Tensor) -> Tensor:
    """Jensen-Shannon divergence, in nats, of the softmax of `logits` from the distribution `share`, along the last dimension.

    Args:
        logits: Any shape.
        share: Same shape: rows that sum to one; a row of zeros gives a finite value without meaning.

    Returns:
        The logits' shape without its last dimension, in 0..ln 2.
    """
    log_predicted = torch.log_softmax(logits, dim=-1)
    log_share = torch.log(share)
    log_middle = torch.logaddexp(log_predicted, log_share) - math.log(2)
    of_predicted = log_predicted.exp() * (log_predicted - log_middle)
    of_share = torch.xlogy(share, share) - share * log_middle
    return (of_predicted + of_share).sum(dim=-1) / 2


def most_looked_at(gaze: Tensor, top: float) -> Tensor:
    """(S, N) gaze as distributions over the share `top` of each row's cells that have most of it; ties stay together, zeros stay zeros."""
    cells = gaze.shape[1]
    least = gaze.topk(min(cells, max(1, math.ceil(top * cells))), dim=1).values[:, -1:]
    kept = torch.where(gaze >= least, gaze, torch.zeros_like(gaze))
    mass = kept.sum(dim=1, keepdim=True)
    return kept / torch.where(mass > 0, mass, torch.ones_like(mass))


def _log_one_plus_sum(logits: Tensor, counted: Tensor, dim: int) -> Tensor:
    """ln(1 + sum of e^logits over counted entries), without overflow and with finite gradients where nothing is counted."""
    kept = logits.masked_fill(~counted, -torch.inf)
    top = kept.detach().amax(dim=dim, keepdim=True).clamp(min=0.0)
    total = torch.exp(-top) + torch.exp(kept - top).sum(dim=dim, keepdim=True)
    return (top + torch.log(total)).squeeze(dim)
