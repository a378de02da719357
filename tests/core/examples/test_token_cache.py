"""Sentences tokenised once and padded to a few lengths."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from egma_core.errors import ConfigError
from egma_core.examples.tokens import LENGTH_STEP, TokenCache
from egma_core.model.config import TextConfig
from egma_core.model.tokens import TokenBatch, WordTokenizer

WORDS = ["no", "mark", "in", "the", "upper", "lower", "left", "right", "corner", "of", "this", "film"]
SENTENCES = ["no mark", "a mark in the upper left corner", " ".join(WORDS), "no mark"]


class Counted(WordTokenizer):
    """A tokenizer that remembers what it was asked."""

    asked: list[str]

    def encode(self, sentences: Sequence[str]) -> TokenBatch:
        self.asked = [*getattr(self, "asked", []), *sentences]
        return super().encode(sentences)


def tokenizer(**changes: object) -> Counted:
    return Counted(WORDS, TextConfig(**changes))  # type: ignore[arg-type]


def test_tokens_are_those_of_the_tokenizer_but_for_the_padding() -> None:
    plain = tokenizer().encode(SENTENCES)
    batch = TokenCache(tokenizer()).batch(SENTENCES)
    longest = plain.ids.shape[1]
    assert torch.equal(batch.ids[:, :longest], plain.ids)
    assert torch.equal(batch.mask[:, :longest], plain.mask)
    assert not batch.mask[:, longest:].any()
    assert not batch.ids[:, longest:].any()
    assert batch.ids.dtype == plain.ids.dtype
    assert batch.mask.dtype == torch.bool


def test_lengths_are_few() -> None:
    cache = TokenCache(tokenizer(max_tokens=30))
    lengths = [cache.batch(["mark " * n]).ids.shape[1] for n in range(1, 60)]
    assert set(lengths) == {8, 16, 24, 30}
    assert all(length - LENGTH_STEP < min(n, 30) <= length for n, length in enumerate(lengths, start=1))


def test_each_sentence_is_tokenised_once() -> None:
    counted = tokenizer()
    cache = TokenCache(counted)
    counted.asked.clear()
    for _ in range(3):
        cache.batch(SENTENCES)
        cache.batch([SENTENCES[1]])
    assert sorted(counted.asked) == sorted(set(SENTENCES))


def test_padding_to_the_full_length_is_kept_where_the_mean_takes_it_in() -> None:
    legacy = tokenizer(pooling="legacy_unmasked")
    batch = TokenCache(legacy).batch(SENTENCES[:2])
    expected = legacy.encode(SENTENCES[:2])
    assert torch.equal(batch.ids, expected.ids)
    assert torch.equal(batch.mask, expected.mask)


def test_what_cannot_be_tokenised_is_refused_as_ever() -> None:
    cache = TokenCache(tokenizer())
    with pytest.raises(ConfigError, match="no sentence"):
        cache.batch([])
    with pytest.raises(ConfigError, match="no word"):
        cache.batch(["no mark", "\N{BULLET}"])


def test_the_padding_of_a_pretrained_tokenizer_is_its_own() -> None:
    pytest.importorskip("tokenizers")
    from tokenizers import Tokenizer as Backend
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    from egma_core.model.tokens import PretrainedTokenizer

    vocabulary = {token: i for i, token in enumerate(["[UNK]", "[CLS]", "[SEP]", "no", "mark", "[PAD]"])}
    backend = Backend(WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = Whitespace()
    backend.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    batch = TokenCache(PretrainedTokenizer(backend.to_str(), TextConfig(max_tokens=12))).batch(["no mark", "mark"])
    assert batch.ids.tolist() == [[1, 3, 4, 2, 5, 5, 5, 5], [1, 4, 2, 5, 5, 5, 5, 5]]
    assert batch.mask.sum(dim=1).tolist() == [4, 3]
