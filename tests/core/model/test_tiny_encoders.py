"""The tiny pair: grids, sizes, invariances of the embeddings, temperature, and that it learns."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from egma_core.errors import ConfigError
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.losses import fine_grained_loss
from egma_core.model.tokens import WordTokenizer

SENTENCES = ["mark on the left", "mark on the right", "there is no mark at all anywhere in this film ."]


def make(size_px: int = 64, *, pooling: str = "masked", patch_source: str = "post_ln", width: int = 32) -> Egma:
    torch.manual_seed(0)
    text = TextConfig(width=32, pooling=pooling, max_tokens=16)
    config = ModelConfig(VisionConfig(size_px=size_px, width=width, patch_source=patch_source), text, embed_dim=16)
    return Egma(config, WordTokenizer.build(SENTENCES, text))


@pytest.mark.parametrize(("size_px", "side"), [(112, 7), (224, 14), (64, 4)])
def test_the_grid_comes_from_the_encoder(size_px: int, side: int) -> None:
    model = make(size_px)
    assert model.grid == (side, side)
    films = model.encode_images(torch.randn(2, 1, size_px, size_px))
    assert films.patches.shape == (2, side * side, 16)
    assert (films.rows, films.columns) == (side, side)
    assert films.pooled.shape == (2, 16)


@pytest.mark.parametrize("size_px", [96, 256])
def test_other_sizes_than_the_configured_one(size_px: int) -> None:
    films = make(64).encode_images(torch.randn(1, 1, size_px, size_px))
    assert films.rows == films.columns == size_px // 16


@pytest.mark.parametrize("shape", [(1, 1, 64, 48), (1, 3, 64, 64), (1, 64, 64), (1, 1, 72, 72)])
def test_pictures_that_do_not_suit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError):
        make().encode_images(torch.zeros(shape))


def test_a_size_that_does_not_suit_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="multiple of 16"):
        make(100)


@pytest.mark.parametrize("width", [8, 20, 33])
def test_odd_widths(width: int) -> None:
    make(width=width).encode_images(torch.randn(1, 1, 64, 64)).patches.sum().backward()


def test_embeddings_have_unit_length() -> None:
    model = make()
    films = model.encode_images(torch.randn(3, 1, 64, 64))
    texts = model.encode_sentences(model.tokenizer.encode(SENTENCES))
    for vectors in (films.patches, films.pooled, texts):
        torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(vectors.shape[:-1]))


def test_patches_follow_rows_and_columns() -> None:
    model = make().eval()
    blank = torch.zeros(1, 1, 64, 64)
    marked = blank.clone()
    marked[..., 3 * 16 : 4 * 16, 1 * 16 : 2 * 16] = 5.0
    with torch.no_grad():
        change = (model.vision.stem(marked) - model.vision.stem(blank)).square().sum(dim=1)[0]
    assert int(change.argmax()) == 3 * 4 + 1


def test_a_cells_features_are_centred_on_the_cell() -> None:
    """The stem's window reaches equally far to both sides of a cell."""
    model = make().eval()
    pixels = torch.randn(1, 1, 64, 64, requires_grad=True)
    convolutions = [layer for layer in model.vision.stem if isinstance(layer, torch.nn.Conv2d)]
    features = pixels
    for layer in convolutions:
        features = layer(features)
    (gradient,) = torch.autograd.grad(features[0, :, 2, 2].sum(), pixels)
    rows = gradient[0, 0].abs().sum(dim=1).nonzero().flatten()
    assert 2 * 16 - int(rows.min()) == int(rows.max()) + 1 - 3 * 16


def test_sentences_do_not_depend_on_their_neighbours() -> None:
    model = make().eval()
    with torch.no_grad():
        alone = model.encode_sentences(model.tokenizer.encode(SENTENCES[:1]))
        beside = model.encode_sentences(model.tokenizer.encode(SENTENCES))[:1]
    torch.testing.assert_close(alone, beside, atol=1e-6, rtol=0)


def test_legacy_pooling_averages_padding_but_repeatably() -> None:
    model, masked = make(pooling="legacy_unmasked").eval(), make().eval()
    with torch.no_grad():
        alone = model.encode_sentences(model.tokenizer.encode(SENTENCES[:1]))
        beside = model.encode_sentences(model.tokenizer.encode(SENTENCES))[:1]
        correct = masked.encode_sentences(masked.tokenizer.encode(SENTENCES[:1]))
    torch.testing.assert_close(alone, beside, atol=1e-6, rtol=0)
    assert float((alone * correct).sum()) < 0.99


def test_post_norm_patches_average_to_the_pooled_features() -> None:
    model, pixels = make(), torch.randn(2, 1, 64, 64)
    features = model.vision(pixels)
    torch.testing.assert_close(features.patches.mean(dim=1), features.pooled)
    before = make(patch_source="pre_ln").vision(pixels)
    assert not torch.allclose(before.patches.mean(dim=1), before.pooled)
    torch.testing.assert_close(before.pooled, features.pooled)


def test_temperature_starts_at_the_papers_and_is_clamped() -> None:
    model = make()
    assert model.scale.item() == pytest.approx(1 / 0.07, rel=1e-5)
    for log_scale, expected in ((9.0, 100.0), (-3.0, 1.0)):
        model.log_scale.data.fill_(log_scale)
        model.clamp_scale()
        assert model.scale.item() == pytest.approx(expected, rel=1e-5)
    assert model.log_scale.requires_grad


def test_every_weight_gets_a_gradient() -> None:
    model = make()
    films = model.encode_images(torch.randn(2, 1, 64, 64))
    texts = model.encode_sentences(model.tokenizer.encode(SENTENCES[:2]))
    (fine_grained_loss(films.patches, texts, [1, 1], model.scale) + films.pooled.sum()).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None or not torch.isfinite(weight.grad).all()] == []


def test_the_same_seed_builds_the_same_model() -> None:
    a, b = make().state_dict(), make().state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_it_learns_which_side_a_mark_is_on() -> None:
    model = make(32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    g = torch.Generator().manual_seed(0)
    tokens = model.tokenizer.encode(SENTENCES[:2])

    def films(n: int) -> torch.Tensor:
        pixels = torch.randn(n, 2, 1, 32, 32, generator=g) * 0.3
        pixels[:, 0, :, 8:24, 2:14] += 2.0
        pixels[:, 1, :, 8:24, 18:30] += 2.0
        return pixels

    for _ in range(40):
        loss = torch.zeros(())
        for pair in films(2):
            loss = loss + fine_grained_loss(model.encode_images(pair).patches, model.encode_sentences(tokens), [1, 1], model.scale)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        model.clamp_scale()
    model.eval()
    with torch.no_grad():
        texts = model.encode_sentences(tokens)
        right = [
            bool(((model.encode_images(pair).patches @ texts.T).amax(dim=1).argmax(dim=1) == torch.arange(2)).all()) for pair in films(10)
        ]
    assert sum(right) >= 9


def test_the_tiny_pair_does_without_transformers() -> None:
    code = (
        "import sys; import egma_core.model.checkpoint, egma_core.inference.predictor, egma_core.model.losses\n"
        "from egma_core.model.egma import Egma; from egma_core.model.config import ModelConfig\n"
        "from egma_core.model.tokens import build_tokenizer\n"
        "c = ModelConfig(); Egma(c, build_tokenizer(c.text, [('x', 'a b'), ('y', 'a b')]))\n"
        "sys.exit('transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def test_scale_bounds_are_those_of_the_method() -> None:
    assert math.log(1 / 0.07) == pytest.approx(make().log_scale.item())
