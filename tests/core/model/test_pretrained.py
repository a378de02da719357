"""Transformers encoders: fresh small ones, ones from a local folder, and what is said when one is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from egma_core.errors import ConfigError
from egma_core.model.checkpoint import load_model, save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.losses import fine_grained_loss
from egma_core.model.tokens import PretrainedTokenizer, WordTokenizer, build_tokenizer

transformers = pytest.importorskip("transformers")

SENTENCES = ["The heart is enlarged.", "No effusion at all on either side of the chest.", "Clear."]
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "heart",
    "is",
    "enlarged",
    ".",
    "no",
    "effusion",
    "clear",
    "all",
    "on",
    "side",
    "of",
]


def fresh(*, size_px: int = 64, patch_source: str = "post_ln") -> Egma:
    torch.manual_seed(0)
    config = ModelConfig(
        VisionConfig(kind="transformers", size_px=size_px, patch_source=patch_source),
        TextConfig(kind="transformers", width=16, layers=4, max_tokens=16),
        embed_dim=8,
    )
    return Egma(config, WordTokenizer.build(SENTENCES, config.text))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small pretrained models as the hub would give them: three vision backbones, and a BERT with its tokenizer."""
    torch.manual_seed(0)
    where = tmp_path_factory.mktemp("pretrained")
    made = {
        "swin": transformers.SwinModel(
            transformers.SwinConfig(image_size=64, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4)
        ),
        "vit": transformers.ViTModel(
            transformers.ViTConfig(
                image_size=64, patch_size=16, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
            )
        ),
        "convnext": transformers.ConvNextModel(transformers.ConvNextConfig(hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1])),
        "bert": transformers.BertModel(
            transformers.BertConfig(
                vocab_size=len(WORDS),
                hidden_size=16,
                num_hidden_layers=5,
                num_attention_heads=2,
                intermediate_size=32,
                max_position_embeddings=32,
            )
        ),
    }
    for name, model in made.items():
        model.eval().save_pretrained(where / name)
    (where / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(where / "vocab.txt")).save_pretrained(where / "bert")
    return {name: where / name for name in made}


def from_folders(folders: dict[str, Path], vision: str, *, size_px: int = 64, patch_source: str = "post_ln", **text: Any) -> Egma:
    config = ModelConfig(
        VisionConfig(kind="transformers", source=str(folders[vision]), size_px=size_px, patch_source=patch_source),
        TextConfig(kind="transformers", source=str(folders["bert"]), max_tokens=16, **text),
        embed_dim=8,
    )
    return Egma(config, build_tokenizer(config.text, []))


@pytest.mark.parametrize(("size_px", "side"), [(64, 2), (224, 7)])
def test_a_fresh_small_pair_trains(size_px: int, side: int) -> None:
    model = fresh(size_px=size_px)
    assert model.grid == (side, side)
    films = model.encode_images(torch.randn(2, 1, size_px, size_px))
    texts = model.encode_sentences(model.tokenizer.encode(SENTENCES))
    (fine_grained_loss(films.patches, texts, [1, 2], model.scale) + films.pooled.sum()).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize(("vision", "side", "other_px", "other_side"), [("swin", 8, 128, 16), ("vit", 4, 96, 6), ("convnext", 2, 96, 3)])
def test_backbones_from_a_folder(folders: dict[str, Path], vision: str, side: int, other_px: int, other_side: int) -> None:
    model = from_folders(folders, vision).eval()
    assert model.grid == (side, side)
    assert from_folders(folders, vision, size_px=other_px).grid == (other_side, other_side)
    with torch.no_grad():
        features = model.vision(torch.randn(2, 1, 64, 64))
    torch.testing.assert_close(features.patches.mean(dim=1), features.pooled)


@pytest.mark.parametrize("vision", ["swin", "vit"])
def test_features_are_the_backbones_own(folders: dict[str, Path], vision: str) -> None:
    pixels = torch.randn(2, 1, 64, 64)
    backbone = transformers.AutoModel.from_pretrained(folders[vision]).eval()
    with torch.no_grad():
        output = backbone(pixels.repeat(1, 3, 1, 1), output_hidden_states=True)
        after = from_folders(folders, vision).eval().vision(pixels)
        before = from_folders(folders, vision, patch_source="pre_ln").eval().vision(pixels)
    prefix = 1 if vision == "vit" else 0
    torch.testing.assert_close(after.patches, output.last_hidden_state[:, prefix:])
    torch.testing.assert_close(before.patches, output.hidden_states[-1][:, prefix:])
    torch.testing.assert_close(after.pooled, output.last_hidden_state[:, prefix:].mean(dim=1))
    torch.testing.assert_close(before.pooled, after.pooled)
    assert not torch.allclose(before.patches, after.patches)


def test_sentences_are_the_masked_mean_of_the_last_four_layers(folders: dict[str, Path]) -> None:
    model = from_folders(folders, "swin").eval()
    assert isinstance(model.tokenizer, PretrainedTokenizer)
    tokens = model.tokenizer.encode(["the heart is enlarged ."])
    assert tokens.ids[0].tolist() == [2, 5, 6, 7, 8, 9, 3]
    bert = transformers.AutoModel.from_pretrained(folders["bert"]).eval()
    with torch.no_grad():
        hidden = bert(input_ids=tokens.ids, output_hidden_states=True).hidden_states
        expected = torch.stack(hidden[-4:]).mean(dim=0).mean(dim=1)
        alone = model.text(tokens)
        beside = model.text(model.tokenizer.encode(["the heart is enlarged .", "no effusion at all on either side of the heart"]))[:1]
    torch.testing.assert_close(alone, expected)
    torch.testing.assert_close(beside, expected, atol=1e-5, rtol=0)


def test_a_sentence_may_be_the_mean_of_its_words_alone(folders: dict[str, Path]) -> None:
    """The mean leaves out what the tokenizer put around the sentence, which the layers saw."""
    model = from_folders(folders, "swin", pooling="masked_words").eval()
    tokens = model.tokenizer.encode(SENTENCES)
    assert model.tokenizer.special == (WORDS.index("[CLS]"), WORDS.index("[SEP]"))
    with torch.no_grad():
        hidden = model.text.model(tokens.ids, attention_mask=tokens.mask.long(), output_hidden_states=True).hidden_states
        ours = model.text(tokens)
    features = torch.stack(hidden[-4:]).mean(dim=0)
    for row, mask, sentence in zip(features, tokens.mask, ours, strict=True):
        torch.testing.assert_close(sentence, row[mask][1:-1].mean(dim=0))
    assert model.state_dict().keys() == from_folders(folders, "swin").state_dict().keys()


@pytest.mark.parametrize("pooling", ["masked", "masked_words", "legacy_unmasked"])
def test_sentences_grouped_by_length_are_the_same_in_their_order(folders: dict[str, Path], pooling: str) -> None:
    model = from_folders(folders, "swin", pooling=pooling).eval()
    grouped = from_folders(folders, "swin", pooling=pooling, by_length=True).eval()
    grouped.load_state_dict(model.state_dict())
    sentences = ["clear.", SENTENCES[1], "the heart is enlarged.", "no effusion.", " ".join(["heart"] * 14), "clear."]
    tokens = model.tokenizer.encode(sentences)
    calls: list[torch.Size] = []
    grouped.text.model.register_forward_pre_hook(lambda _module, _args, given: calls.append(given["input_ids"].shape), with_kwargs=True)
    with torch.no_grad():
        torch.testing.assert_close(grouped.encode_sentences(tokens), model.encode_sentences(tokens), atol=1e-6, rtol=0)
    whole = [torch.Size([6, 16])]
    assert calls == (whole if pooling == "legacy_unmasked" else [torch.Size([4, 7]), torch.Size([2, 16])])


def test_code_that_lies_beside_a_model_does_not_run(tmp_path: Path) -> None:
    mark, source = tmp_path / "ran", tmp_path / "model"
    source.mkdir()
    (source / "code.py").write_text(f"open({str(mark)!r}, 'w').close()\n", encoding="utf-8")
    auto = {"AutoConfig": "code.Config", "AutoModel": "code.Model", "AutoTokenizer": "code.Tokenizer"}
    (source / "config.json").write_text(json.dumps({"model_type": "unheard-of", "auto_map": auto}), encoding="utf-8")
    text = TextConfig(kind="transformers", source=str(source))
    with pytest.raises(ConfigError, match=r"The folder .* holds no vision model"):
        Egma(ModelConfig(VisionConfig(kind="transformers", source=str(source))), WordTokenizer.build(SENTENCES, TextConfig()))
    with pytest.raises(ConfigError, match=r"The folder .* holds no text model"):
        build_tokenizer(text, [])
    assert not mark.exists()


def test_a_pretrained_tokenizer_cuts_long_sentences(folders: dict[str, Path]) -> None:
    tokenizer = PretrainedTokenizer.of(TextConfig(kind="transformers", source=str(folders["bert"]), max_tokens=5))
    ids = tokenizer.encode(["no effusion on the heart side"]).ids
    assert ids.tolist() == [[2, 10, 11, 14, 3]]
    with pytest.raises(ConfigError, match="no word"):
        tokenizer.encode([" "])


def test_checkpoints_do_not_need_the_source_again(folders: dict[str, Path], tmp_path: Path) -> None:
    model = from_folders(folders, "vit").eval()
    save_model(tmp_path / "checkpoint", model, {})
    assert str(folders["vit"]) not in str(model.backbones)
    hidden = {name: folder.rename(folder.with_name(folder.name + "-away")) for name, folder in folders.items()}
    try:
        again = load_model(tmp_path / "checkpoint")
    finally:
        for name, folder in hidden.items():
            folder.rename(folders[name])
    pixels = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(again.encode_images(pixels).patches, model.encode_images(pixels).patches)
        tokens = model.tokenizer.encode(SENTENCES)
        assert torch.equal(again.tokenizer.encode(SENTENCES).ids, tokens.ids)
        torch.testing.assert_close(again.encode_sentences(tokens), model.encode_sentences(tokens))


def test_a_fresh_pair_round_trips(tmp_path: Path) -> None:
    model = fresh().eval()
    assert isinstance(model.tokenizer, WordTokenizer)
    save_model(tmp_path / "checkpoint", model, {})
    pixels = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(load_model(tmp_path / "checkpoint").encode_images(pixels).pooled, model.encode_images(pixels).pooled)


@pytest.mark.parametrize("part", ["vision", "text"])
def test_a_missing_model_says_what_to_download(part: str, tmp_path: Path) -> None:
    vision = VisionConfig(kind="transformers", source="nobody/swin-of-nowhere" if part == "vision" else "", size_px=64)
    text = TextConfig(kind="transformers", source="nobody/bert-of-nowhere" if part == "text" else "")
    with pytest.raises(ConfigError) as refusal:
        Egma(ModelConfig(vision, text), build_tokenizer(text, [("a", SENTENCES[0])]))
    assert f"hf download nobody/{'swin' if part == 'vision' else 'bert'}-of-nowhere" in refusal.value.remedy
    assert f"{part}.source" in refusal.value.remedy


def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json"):
        Egma(
            ModelConfig(VisionConfig(kind="transformers", source=str(tmp_path)), TextConfig()), WordTokenizer.build(SENTENCES, TextConfig())
        )


@pytest.mark.parametrize(("weights", "words"), [("of another model", "do not fit"), ("one missing", "lacks 1 weights")])
def test_weights_that_do_not_belong_to_the_model(folders: dict[str, Path], tmp_path: Path, weights: str, words: str) -> None:
    (tmp_path / "config.json").write_bytes((folders["vit"] / "config.json").read_bytes())
    own = load_file(folders["vit" if weights == "one missing" else "swin"] / "model.safetensors")
    own.pop(min(own))
    save_file(own, tmp_path / "model.safetensors", metadata={"format": "pt"})
    config = ModelConfig(VisionConfig(kind="transformers", source=str(tmp_path), size_px=64), TextConfig())
    with pytest.raises(ConfigError, match=words):
        Egma(config, WordTokenizer.build(SENTENCES, TextConfig()))


def test_a_size_that_does_not_suit() -> None:
    with pytest.raises(ConfigError, match="multiple of 32"):
        fresh(size_px=112)
