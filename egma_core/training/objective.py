"""What training minimises: the weighted sum of the loss terms on one batch."""

from __future__ import annotations

from torch import Tensor

from egma_core.examples.batch import Batch
from egma_core.model.config import LossConfig
from egma_core.model.egma import Egma, ImageEmbedding
from egma_core.model.losses import fine_grained_loss, gaze_loss, global_loss, mapping_loss
from egma_core.model.tokens import report_keys

TERMS = ("fine_grained", "gaze", "mapping", "global")


def embed(model: Egma, batch: Batch) -> tuple[ImageEmbedding, Tensor]:
    """The batch's films and its (S, d) sentences in the shared space."""
    return model.encode_images(batch.pixels), model.encode_sentences(batch.tokens)


def loss_terms(model: Egma, batch: Batch, films: ImageEmbedding, sentences: Tensor, config: LossConfig) -> dict[str, Tensor]:
    """The loss terms on one batch.

    Where the model aligns several patch grids, the fine-grained contrast is their mean and the gaze loss their sum, as in
    the paper's release; the mapping takes the coarsest grid alone.

    Returns:
        Every term of `TERMS` as a scalar before weighting, and `loss`, their weighted sum; a term of weight 0 is left at zero.
    """
    config = config.spelled_out()
    scale, counts = model.scale, batch.counts
    zero = scale.new_zeros(())
    terms: dict[str, Tensor] = dict.fromkeys(TERMS, zero)
    reports = report_keys(batch.tokens, counts.tolist()) if config.positives == "identical_text" else None
    levels = list(zip((films.patches, *films.finer), (batch.gaze, *batch.finer_gaze), strict=True))
    if config.fine_grained_weight:
        contrasts = [
            fine_grained_loss(patches, sentences, counts, scale, reports=reports, variant=config.fine_grained_form) for patches, _ in levels
        ]
        terms["fine_grained"] = sum(contrasts, zero) / len(levels)
    if config.gaze_weight:
        gazes = [
            gaze_loss(
                patches,
                sentences,
                counts,
                gaze,
                batch.has_gaze,
                scale,
                form=config.gaze_form,
                alpha=config.gaze_alpha,
                threshold=config.gaze_threshold,
                top=config.gaze_top,
                normalisation=config.gaze_normalisation,
            )
            for patches, gaze in levels
        ]
        terms["gaze"] = sum(gazes, zero)
    if config.mapping_weight:
        terms["mapping"] = mapping_loss(
            films.patches,
            sentences,
            counts,
            batch.gaze,
            batch.has_gaze,
            scale,
            gaze_weight=config.mapping_gaze,
            threshold=config.mapping_threshold,
            text_weight=config.mapping_text,
            variant=config.mapping_form,
        )
    if config.global_weight:
        terms["global"] = global_loss(films.pooled, sentences, counts, scale, reports=reports)
    weights = (config.fine_grained_weight, config.gaze_weight, config.mapping_weight, config.global_weight)
    terms["loss"] = sum((weight * terms[name] for name, weight in zip(TERMS, weights, strict=True)), zero)
    return terms
