"""Tokenizers: one id a word, unknown words, cutting, padding, and the way to and from JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from egma_core.errors import ConfigError, MissingExtraError
from egma_core.model.config import TextConfig
from egma_core.model.tokens import UNKNOWN, WordTokenizer, build_tokenizer, read_tokenizer

SENTENCES = ["The heart is enlarged.", "No pleural effusion on the left."]


def test_words_and_padding() -> None:
    batch = WordTokenizer.build(SENTENCES, TextConfig()).encode(SENTENCES)
    assert batch.ids.shape == batch.mask.shape == (2, 7)
    assert batch.mask.sum(dim=1).tolist() == [5, 7]
    assert batch.ids[0, 0] == batch.ids[1, 4]
    assert (batch.ids[batch.mask] > UNKNOWN).all()
    assert (batch.ids[~batch.mask] == 0).all()


def test_case_and_spacing_do_not_matter() -> None:
    tokenizer = WordTokenizer.build(SENTENCES, TextConfig())
    a, b = tokenizer.encode(["the HEART   is enlarged ."]), tokenizer.encode(SENTENCES[:1])
    assert torch.equal(a.ids, b.ids)


def test_unknown_words_share_an_id() -> None:
    batch = WordTokenizer.build(SENTENCES, TextConfig()).encode(["the zebra and the okapi"])
    assert batch.ids[0, 1] == batch.ids[0, 2] == batch.ids[0, 4] == UNKNOWN
    assert batch.mask.all()


def test_rare_words_can_be_left_out() -> None:
    assert WordTokenizer.build([*SENTENCES, "The heart."], TextConfig(), at_least=3).words == (".", "the")


def test_what_was_said_of_one_patient_alone_is_not_in_the_vocabulary() -> None:
    reports = [("a", "Mrs Miller has a large heart."), ("a", "Miller again."), ("b", "A large heart."), ("c", "Clear.")]
    tokenizer = build_tokenizer(TextConfig(), reports)
    assert isinstance(tokenizer, WordTokenizer)
    assert tokenizer.words == (".", "a", "heart", "large")
    assert "iller" not in tokenizer.to_json()
    assert tokenizer.encode(["Miller is large"]).ids.tolist() == [[UNKNOWN, UNKNOWN, tokenizer.encode(["large"]).ids.item()]]
    assert build_tokenizer(TextConfig(), [("a", "one"), ("a", "one")]).size == 2


def test_without_its_library_a_pretrained_tokenizer_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text('{"model": {}}', encoding="utf-8")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"egma\[train\]"):
        read_tokenizer(path, TextConfig(kind="transformers"))


def test_long_sentences_are_cut() -> None:
    tokenizer = WordTokenizer.build(SENTENCES, TextConfig(max_tokens=4))
    assert tokenizer.encode(SENTENCES).ids.shape == (2, 4)


def test_legacy_pooling_pads_to_a_fixed_length() -> None:
    tokenizer = WordTokenizer.build(SENTENCES, TextConfig(max_tokens=20, pooling="legacy_unmasked"))
    assert tokenizer.encode(SENTENCES[:1]).ids.shape == (1, 20)


@pytest.mark.parametrize("sentences", [[], ["  "], ["fine", "気胸"]])
def test_nothing_to_encode(sentences: list[str]) -> None:
    with pytest.raises(ConfigError):
        WordTokenizer.build(SENTENCES, TextConfig()).encode(sentences)


def test_json_round_trip(tmp_path: Path) -> None:
    config = TextConfig()
    tokenizer = build_tokenizer(config, [(patient, sentence) for patient in ("a", "b") for sentence in SENTENCES])
    assert tokenizer.size == WordTokenizer.build(SENTENCES, config).size
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer.to_json(), encoding="utf-8")
    again = read_tokenizer(path, config)
    assert again.size == tokenizer.size
    assert torch.equal(again.encode(SENTENCES).ids, tokenizer.encode(SENTENCES).ids)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": "egma-words"}', '{"format": "egma-words", "words": [1]}', '{"format": "egma-words", "words": ["a", "a"]}'],
)
def test_foreign_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError):
        read_tokenizer(path, TextConfig())


def test_the_vocabulary_does_not_depend_on_the_order_of_sentences() -> None:
    assert WordTokenizer.build(SENTENCES, TextConfig()).words == WordTokenizer.build(SENTENCES[::-1], TextConfig()).words
    assert json.loads(WordTokenizer.build(SENTENCES, TextConfig()).to_json())["words"][0] == "."
