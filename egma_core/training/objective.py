"""What training minimises: the weighted sum of the loss terms on one batch."""

from __future__ import annotations

from torch import Tensor

from egma_core.examples.loader import Batch
from egma_core.model.config import LossConfig
from egma_core.model.egma import Egma, ImageEmbedding
from egma_core.model.losses import fine_grained_loss, gaze_loss, global_loss, mapping_loss

TERMS = ("fine_grained", "gaze", "mapping", "global")


def embed(model: Egma, batch: Batch) -> tuple[ImageEmbedding, Tensor]:
    """The batch's films and its (S, d) sentences in the shared space."""
    return model.encode_images(batch.pixels), model.encode_sentences(batch.tokens)


def loss_terms(model: Egma, batch: Batch, films: ImageEmbedding, sentences: Tensor, config: LossConfig) -> dict[str, Tensor]:
    """Every term of `TERMS` as a scalar before weighting, and `loss`, their weighted sum; a term of weight 0 is left at zero."""
    scale = model.scale
    zero = scale.new_zeros(())
    terms: dict[str, Tensor] = dict.fromkeys(TERMS, zero)
    if config.fine_grained_weight:
        terms["fine_grained"] = fine_grained_loss(films.patches, sentences, batch.counts, scale, variant=config.variant)
    if config.gaze_weight:
        terms["gaze"] = gaze_loss(
            films.patches,
            sentences,
            batch.counts,
            batch.gaze,
            batch.has_gaze,
            scale,
            alpha=config.gaze_alpha,
            threshold=config.gaze_threshold,
            variant=config.variant,
        )
    if config.mapping_weight:
        terms["mapping"] = mapping_loss(
            films.patches,
            sentences,
            batch.counts,
            batch.gaze,
            batch.has_gaze,
            scale,
            gaze_weight=config.mapping_gaze,
            threshold=config.mapping_threshold,
            text_weight=config.mapping_text,
            variant=config.variant,
        )
    if config.global_weight:
        terms["global"] = global_loss(films.pooled, sentences, batch.counts, scale)
    weights = (config.fine_grained_weight, config.gaze_weight, config.mapping_weight, config.global_weight)
    terms["loss"] = sum((weight * terms[name] for name, weight in zip(TERMS, weights, strict=True)), zero)
    return terms
