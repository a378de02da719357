"""The weighted sum of the loss terms, over one patch grid or several."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional

from egma_core.examples.batch import Batch
from egma_core.model.config import LossConfig, ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma, ImageEmbedding
from egma_core.model.tokens import WordTokenizer
from egma_core.training.objective import loss_terms

MODEL = ModelConfig(VisionConfig(size_px=32, width=8), TextConfig(width=8, layers=1), embed_dim=8)


def example() -> tuple[Egma, Batch, ImageEmbedding, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    model = Egma(MODEL, WordTokenizer.build(["a b c"], MODEL.text))
    tokens = model.tokenizer.encode(["a", "b", "a", "b", "c"])
    gaze = torch.rand(5, 4, generator=random)
    batch = Batch(torch.zeros(3, 1, 32, 32), tokens, torch.tensor([2, 2, 1]), gaze, torch.ones(5, dtype=torch.bool), ("x", "y", "z"))
    patches = functional.normalize(torch.randn(3, 4, 8, generator=random), dim=-1)
    sentences = functional.normalize(torch.randn(5, 8, generator=random), dim=-1)
    return model, batch, ImageEmbedding(patches, patches.mean(dim=1), 2, 2), sentences


def test_levels_average_the_contrast_and_add_up_the_gaze_loss() -> None:
    model, batch, films, sentences = example()
    one = loss_terms(model, batch, films, sentences, LossConfig())
    finer = films.patches.flip(1)
    doubled = (
        dataclasses.replace(films, finer=(films.patches, finer)),
        dataclasses.replace(batch, finer_gaze=(batch.gaze, batch.gaze.flip(1))),
    )
    three = loss_terms(model, doubled[1], doubled[0], sentences, LossConfig())
    for name, factor in (("fine_grained", 1), ("gaze", 3), ("mapping", 1), ("global", 1)):
        assert float(three[name].detach()) == pytest.approx(factor * float(one[name].detach()), rel=1e-5)


def test_the_loss_is_the_weighted_sum_and_a_weight_of_zero_leaves_a_term_out() -> None:
    model, batch, films, sentences = example()
    config = LossConfig(fine_grained_weight=2.0, gaze_weight=0.5, mapping_weight=0.0, global_weight=3.0)
    terms = {name: float(term.detach()) for name, term in loss_terms(model, batch, films, sentences, config).items()}
    assert terms["mapping"] == 0.0
    assert terms["loss"] == pytest.approx(2 * terms["fine_grained"] + 0.5 * terms["gaze"] + 3 * terms["global"], rel=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"positives": "identical_text"},
        {"gaze_form": "soft"},
        {"gaze_alpha": 0.8},
        {"gaze_threshold": 0.6},
        {"mapping_form": "plain_v2"},
        {"fine_grained_form": "legacy"},
        {"mapping_gaze": 0.0},
        {"variant": "legacy"},
    ],
)
def test_every_option_reaches_its_term(change: dict[str, object]) -> None:
    model, batch, films, sentences = example()
    plain, changed = (float(loss_terms(model, batch, films, sentences, LossConfig(**c))["loss"].detach()) for c in ({}, change))
    assert plain != changed


def test_the_batch_normalisation_counts_films_without_gaze() -> None:
    model, batch, films, sentences = example()
    bare = dataclasses.replace(batch, has_gaze=torch.tensor([True, True, False, False, False]))
    own, of_all = (
        float(loss_terms(model, bare, films, sentences, LossConfig(gaze_normalisation=n))["gaze"].detach()) for n in ("gaze", "batch")
    )
    assert of_all == pytest.approx(own / 3, rel=1e-5)
