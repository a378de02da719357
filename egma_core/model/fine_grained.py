"""The contrasts between films and reports: fine-grained, through their best matching patches and sentences, and global."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from egma_core.errors import ConfigError
from egma_core.model.chunks import AT_ONCE, by_films
from egma_core.model.config import FINE_GRAINED_FORMS
from egma_core.model.padding import Counts, PaddedBatch, as_scale, check_form, checked_embeddings, raised, without_autocast


def fine_grained_loss(
    patches: Tensor,
    sentences: Tensor,
    counts: Counts,
    scale: Tensor | float,
    *,
    reports: Tensor | None = None,
    variant: str = "correct",
    at_once: int = AT_ONCE,
) -> Tensor:
    """Contrast films with reports through their best matching patches and sentences (paper Eq. 2, 3, 5; after FILIP).

    I2T[i, j] is the mean over film i's patches of the best cosine among report j's sentences; T2I[i, j] the mean over
    report j's sentences of the best cosine among film i's patches, both times t. The loss is the mean of two
    cross-entropies: of I2T over reports for each film, and of T2I over films for each report.

    Args:
        patches: (B, N, d) unit-length patch embeddings.
        sentences: (S, d) unit-length sentence embeddings, film by film.
        counts: (B,) whole numbers: sentences of each film, at least one.
        scale: t = exp(theta), a float or a 0-d tensor.
        reports: (B,) whole numbers that identical reports share (`tokens.report_keys`): films and reports with the
            same number all match, in equal shares. Without it a film matches its own report alone.
        variant: `correct`; `legacy` lets the zero padding of shorter reports into the maximum over sentences and
            contrasts reports twice but never films; `legacy_masked` is the release with only the padding put right,
            `legacy_transposed` with only the direction put right.
        at_once: Cosines, of S * B * N, that may be held at once; see `chunks.by_films`.

    Returns:
        A scalar.

    Raises:
        ConfigError: Shapes do not fit together, a film has no sentence, or the variant is unknown.
    """
    check_form(variant, FINE_GRAINED_FORMS)
    with without_autocast(patches):
        patches, sentences = checked_embeddings(patches, sentences)
        batch = PaddedBatch.of(sentences, counts, patches.shape[0])
        padding = -torch.inf if variant in ("correct", "legacy_masked") else 0.0

        def similarities(films: slice) -> Tensor:
            """I2T and T2I of some films with all reports, (films, 2, B), as cosines."""
            part = patches[films]
            cosine = sentences @ part.reshape(-1, part.shape[2]).T
            by_patch = batch.pad(cosine, padding).amax(dim=1).view(len(patches), *part.shape[:2])
            by_sentence = batch.pad(cosine.view(-1, *part.shape[:2]).amax(dim=2)).sum(dim=1) / batch.counts[:, None]
            return torch.stack((by_patch.mean(dim=2).T, by_sentence.T), dim=1)

        logits = as_scale(scale, patches) * by_films(similarities, len(patches), patches.shape[1] * len(sentences), at_once)
        image_to_text, text_to_image = logits.unbind(dim=1)
        over_films = text_to_image.T if variant in ("correct", "legacy_transposed") else text_to_image
        return _both_ways(image_to_text, over_films, reports)


def global_loss(pooled: Tensor, sentences: Tensor, counts: Counts, scale: Tensor | float, *, reports: Tensor | None = None) -> Tensor:
    """Contrast whole films with whole reports, both ways (CLIP's loss); a report is the mean of its sentences, at unit length.

    Args:
        pooled: (B, d) unit-length film embeddings.
        sentences: (S, d) unit-length sentence embeddings, film by film.
        counts: (B,) whole numbers: sentences of each film, at least one.
        scale: t = exp(theta), a float or a 0-d tensor.
        reports: (B,) whole numbers that identical reports share, as in `fine_grained_loss`.

    Returns:
        A scalar.

    Raises:
        ConfigError: Shapes do not fit together, or a film has no sentence.
    """
    with without_autocast(pooled):
        if pooled.ndim != 2 or sentences.ndim != 2 or pooled.shape[1] != sentences.shape[1] or pooled.shape[0] == 0:
            raise ConfigError(
                f"Films of shape {tuple(pooled.shape)} and sentences of shape {tuple(sentences.shape)} do not fit together.",
                "Pass films (films, d) and sentences (sentences, d).",
            )
        pooled, sentences = raised(pooled, sentences)
        batch = PaddedBatch.of(sentences, counts, pooled.shape[0])
        whole = functional.normalize(batch.sentences.sum(dim=1) / batch.counts[:, None], dim=-1, eps=1e-6)
        logits = as_scale(scale, pooled) * pooled @ whole.T
        return _both_ways(logits, logits.T, reports)


def _both_ways(over_reports: Tensor, over_films: Tensor, reports: Tensor | None) -> Tensor:
    """The mean of two cross-entropies over the rows of (B, B) logits."""
    target = torch.arange(len(over_reports), device=over_reports.device)
    if reports is not None:
        if tuple(reports.shape) != tuple(target.shape) or reports.is_floating_point():
            raise ConfigError(
                f"Report keys of shape {tuple(reports.shape)} and type {reports.dtype} do not fit {len(target)} films.",
                "Pass one whole number a film.",
            )
        keys = reports.to(over_reports.device)
        same = (keys[:, None] == keys[None, :]).to(over_reports)
        target = same / same.sum(dim=1, keepdim=True)
    return (functional.cross_entropy(over_reports, target) + functional.cross_entropy(over_films, target)) / 2
