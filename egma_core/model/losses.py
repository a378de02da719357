"""The EGMA loss terms (arXiv 2403.12416): fine-grained contrast, gaze loss, cross-modality mapping, and a global contrast.

Every term takes one batch of B films and its S sentences, laid end to end film by film. Terms are computed for
the whole batch at once, on sentences padded to the longest report, with padding masked out of every maximum, mean and sum.

`scale` is t = exp(theta), the inverse temperature itself and not its logarithm. Half precision is raised to float32;
float64 stays float64. `variant` names the correct form or one of the forms of the paper's released code, which keep
their own published constants.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from egma_core.errors import ConfigError
from egma_core.model.legacy_mapping import RELEASED, released_mapping
from egma_core.model.mapping import cross_modality_losses, mapping_weights
from egma_core.model.padding import Counts, PaddedBatch, as_scale, checked_embeddings, checked_gaze, raised, without_autocast

FINE_GRAINED_VARIANTS = ("correct", "legacy", "legacy_masked", "legacy_transposed")
GAZE_VARIANTS = ("correct", "legacy")
MAPPING_VARIANTS = ("correct", "legacy", *RELEASED)

RELEASED_GAZE_ALPHA = 0.8
RELEASED_GAZE_THRESHOLD = 0.0


def fine_grained_loss(patches: Tensor, sentences: Tensor, counts: Counts, scale: Tensor | float, *, variant: str = "correct") -> Tensor:
    """Contrast films with reports through their best matching patches and sentences (paper Eq. 2, 3, 5; after FILIP).

    I2T[i, j] is the mean over film i's patches of the best cosine among report j's sentences; T2I[i, j] the mean over
    report j's sentences of the best cosine among film i's patches, both times t. The loss is the mean of two
    cross-entropies: of I2T over reports for each film, and of T2I over films for each report.

    Args:
        patches: (B, N, d) unit-length patch embeddings.
        sentences: (S, d) unit-length sentence embeddings, film by film.
        counts: (B,) whole numbers: sentences of each film, at least one.
        scale: t = exp(theta), a float or a 0-d tensor.
        variant: `correct`; `legacy` lets the zero padding of shorter reports into the maximum over sentences and
            contrasts reports twice but never films; `legacy_masked` is the release with only the padding put right,
            `legacy_transposed` with only the direction put right.

    Returns:
        A scalar.

    Raises:
        ConfigError: Shapes do not fit together, a film has no sentence, or the variant is unknown.
    """
    _check_variant(variant, FINE_GRAINED_VARIANTS)
    with without_autocast(patches):
        patches, sentences = checked_embeddings(patches, sentences)
        batch = PaddedBatch.of(sentences, counts, patches.shape[0])
        cosine = sentences @ patches.reshape(-1, patches.shape[2]).T
        t = as_scale(scale, patches)
        padding = -torch.inf if variant in ("correct", "legacy_masked") else 0.0
        by_patch = batch.pad(cosine, padding).amax(dim=1).view(len(patches), *patches.shape[:2])
        by_sentence = batch.pad(cosine.view(-1, *patches.shape[:2]).amax(dim=2)).sum(dim=1) / batch.counts[:, None]
        image_to_text, text_to_image = t * by_patch.mean(dim=2).T, t * by_sentence.T
        over_films = text_to_image.T if variant in ("correct", "legacy_transposed") else text_to_image
        target = torch.arange(len(patches), device=patches.device)
        return (functional.cross_entropy(image_to_text, target) + functional.cross_entropy(over_films, target)) / 2


def gaze_loss(
    patches: Tensor,
    sentences: Tensor,
    counts: Counts,
    gaze: Tensor,
    has_gaze: Tensor,
    scale: Tensor | float,
    *,
    alpha: float = 0.5,
    threshold: float = 0.1,
    variant: str = "correct",
) -> Tensor:
    """Pull each sentence to the patches that were looked at while it was said, and away from the others (MLCE, paper Eq. 6).

    A patch is positive for a sentence where gaze > threshold * the sentence's maximum. A film's loss is alpha * (mean
    over its sentences of `multi_label_loss` over patches) + (1 - alpha) * (mean over its patches of `multi_label_loss`
    over sentences). Sentences without gaze take part on neither side: the second one's lists hold only the film's
    sentences that have gaze. A sentence that has gaze but no positive patch only repels.

    Args:
        patches: (B, N, d) unit-length patch embeddings.
        sentences: (S, d) unit-length sentence embeddings, film by film.
        counts: (B,) whole numbers: sentences of each film, at least one.
        gaze: (S, N) gaze density a patch, in 0..1; rows without gaze may hold anything.
        has_gaze: (S,) bool: whether the sentence has gaze.
        scale: t = exp(theta), a float or a 0-d tensor.
        alpha: Share of the sentence-to-patch side.
        threshold: Share of a sentence's maximum above which a patch counts as looked at.
        variant: `correct`, or `legacy`: the release's constants alpha = 0.8 and threshold = 0, whatever is passed.

    Returns:
        A scalar: the mean over films that have gaze; zero when none has.

    Raises:
        ConfigError: Shapes do not fit together, a film has no sentence, gaze is negative or not finite, or the variant is unknown.
    """
    _check_variant(variant, GAZE_VARIANTS)
    if variant == "legacy":
        alpha, threshold = RELEASED_GAZE_ALPHA, RELEASED_GAZE_THRESHOLD
    with without_autocast(patches):
        patches, sentences = checked_embeddings(patches, sentences)
        batch = PaddedBatch.of(sentences, counts, patches.shape[0])
        gaze, has_gaze = checked_gaze(gaze, has_gaze, sentences, patches.shape[1])
        looked_at = batch.pad(gaze > threshold * gaze.amax(dim=1, keepdim=True))
        counted = batch.pad(has_gaze)
        logits = as_scale(scale, patches) * batch.sentences @ patches.transpose(1, 2)
        together = counted[:, :, None].expand_as(logits)
        with_gaze = counted.sum(dim=1)
        by_sentence = multi_label_loss(logits, looked_at, together, dim=2).sum(dim=1) / with_gaze.clamp(min=1)
        by_patch = multi_label_loss(logits, looked_at, together, dim=1).mean(dim=1)
        per_film = alpha * by_sentence + (1 - alpha) * by_patch
        return per_film.sum() / (with_gaze > 0).sum().clamp(min=1)


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


def mapping_loss(
    patches: Tensor,
    sentences: Tensor,
    counts: Counts,
    gaze: Tensor,
    has_gaze: Tensor,
    scale: Tensor | float,
    *,
    gaze_weight: float = 0.5,
    threshold: float = 2 / 7,
    text_weight: float = 0.5,
    variant: str = "correct",
) -> Tensor:
    """Rebuild each sentence from its film's patches and each patch from its report's sentences, then match (paper Eq. 7 to 9; after SPARC).

    The weights of the rebuilding are sparse similarities, mixed with gaze where a sentence has it (`mapping.mapping_weights`).
    A film's loss is text_weight * (contrast of rebuilt and real sentences) + (1 - text_weight) * (contrast of rebuilt
    and real patches). With a single sentence the first is 1 - cosine and the second zero.

    Args:
        patches: (B, N, d) unit-length patch embeddings.
        sentences: (S, d) unit-length sentence embeddings, film by film.
        counts: (B,) whole numbers: sentences of each film, at least one.
        gaze: (S, N) gaze density a patch, in 0..1; rows without gaze may hold anything.
        has_gaze: (S,) bool: whether the sentence has gaze; sentences without are mapped by similarity alone.
        scale: t = exp(theta), a float or a 0-d tensor.
        gaze_weight: Share of gaze in the weights of a sentence that has it (lambda).
        threshold: Weights below this, after scaling to 0..1, are dropped (tau).
        text_weight: Share of the text side (beta).
        variant: `correct`, or a form of the release: `plain_v2` (also called `legacy`: what it runs, without gaze) and
            `gaze_v2` (what it holds but never calls) give its numbers; `plain_v1`, `gaze_v1`, `gaze_v3`, `gaze_v4` and
            `gaze_v5` follow its other forms. Each keeps its own threshold, text weight and use of gaze, whatever is
            passed; see `legacy_mapping`.

    Returns:
        A scalar: the mean over films.

    Raises:
        ConfigError: Shapes do not fit together, a film has no sentence, gaze is negative or not finite, or the variant is unknown.
    """
    _check_variant(variant, MAPPING_VARIANTS)
    with without_autocast(patches):
        patches, sentences = checked_embeddings(patches, sentences)
        batch = PaddedBatch.of(sentences, counts, patches.shape[0])
        gaze, has_gaze = checked_gaze(gaze, has_gaze, sentences, patches.shape[1])
        t = as_scale(scale, patches)
        looked, seen = batch.pad(gaze), batch.pad(has_gaze)
        if variant != "correct":
            return released_mapping(patches, batch, looked, seen, t, "plain_v2" if variant == "legacy" else variant)
        cosine = batch.sentences @ patches.transpose(1, 2)
        text, image = mapping_weights(cosine, batch.real, looked, seen, gaze_weight, threshold)
        by_text, by_image = cross_modality_losses(patches, batch, cosine, text, image, t)
        return (text_weight * by_text + (1 - text_weight) * by_image).mean()


def global_loss(pooled: Tensor, sentences: Tensor, counts: Counts, scale: Tensor | float) -> Tensor:
    """Contrast whole films with whole reports, both ways (CLIP's loss); a report is the mean of its sentences, at unit length.

    Args:
        pooled: (B, d) unit-length film embeddings.
        sentences: (S, d) unit-length sentence embeddings, film by film.
        counts: (B,) whole numbers: sentences of each film, at least one.
        scale: t = exp(theta), a float or a 0-d tensor.

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
        reports = functional.normalize(batch.sentences.sum(dim=1) / batch.counts[:, None], dim=-1, eps=1e-6)
        logits = as_scale(scale, pooled) * pooled @ reports.T
        target = torch.arange(len(logits), device=logits.device)
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


def _log_one_plus_sum(logits: Tensor, counted: Tensor, dim: int) -> Tensor:
    """ln(1 + sum of e^logits over counted entries), without overflow and with finite gradients where nothing is counted."""
    kept = logits.masked_fill(~counted, -torch.inf)
    top = kept.detach().amax(dim=dim, keepdim=True).clamp(min=0.0)
    total = torch.exp(-top) + torch.exp(kept - top).sum(dim=dim, keepdim=True)
    return (top + torch.log(total)).squeeze(dim)


def _check_variant(variant: str, known: tuple[str, ...]) -> None:
    if variant not in known:
        raise ConfigError(f"This loss has no variant {variant!r}.", f"Choose one of: {', '.join(known)}.")
