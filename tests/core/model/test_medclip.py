"""MedCLIP's file becomes a checkpoint; anything else in its place is refused by name, and nothing in it runs."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from egma_core.errors import CheckpointError, ConfigError
from egma_core.model.checkpoint import load_model, read_provenance
from egma_core.model.medclip import import_medclip
from egma_core.model.sealed import file_digest

transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "heart", "is", "enlarged", "."]
Weights = dict[str, Any]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The two backbones' folders as a user may have them: configurations and the tokenizer, no weights."""
    where = tmp_path_factory.mktemp("sources")
    swin = transformers.SwinConfig(image_size=64, patch_size=4, embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=4)
    bert = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=5, num_attention_heads=2, intermediate_size=32, max_position_embeddings=80
    )
    swin.save_pretrained(where / "swin")
    bert.save_pretrained(where / "bert")
    (where / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(where / "vocab.txt")).save_pretrained(where / "bert")
    return {"swin": where / "swin", "bert": where / "bert"}


@pytest.fixture(scope="module")
def originals(sources: dict[str, Path]) -> tuple[Any, Any]:
    torch.manual_seed(0)
    models = [transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(sources[name])) for name in ("swin", "bert")]
    return models[0].eval(), models[1].eval()


@pytest.fixture
def weights(originals: tuple[Any, Any], tmp_path: Path) -> Weights:
    """What MedCLIP saves: both encoders under the names that transformers had in 2022, with their tables of indices."""
    from safetensors.torch import load_file

    found: Weights = {"logit_scale": torch.tensor(3.0)}
    for part, model, width in (("vision_model", originals[0], 16), ("text_model", originals[1], 16)):
        # The library itself writes the names of old.
        model.save_pretrained(tmp_path / part)
        found |= {f"{part}.model.{name}": value for name, value in load_file(tmp_path / part / "model.safetensors").items()}
        found[f"{part}.projection_head.weight"] = torch.randn(12, width, generator=torch.Generator().manual_seed(width))
    found["text_model.model.embeddings.position_ids"] = torch.arange(80)[None]
    for block in ("0.blocks.0", "1.blocks.0", "1.blocks.1"):
        found[f"vision_model.model.encoder.layers.{block}.attention.self.relative_position_index"] = torch.zeros(16, 16, dtype=torch.int64)
    assert "vision_model.model.encoder.layers.0.blocks.0.attention.self.query.weight" in found
    assert "text_model.model.pooler.dense.weight" in found
    return found


def saved(weights: object, path: Path) -> Path:
    torch.save(weights, path)
    return path


def taken(path: Path, sources: dict[str, Path], **more: Any) -> Any:
    return import_medclip(
        path, path.parent / "out", vision_source=str(sources["swin"]), text_source=str(sources["bert"]), size_px=64, **more
    )


@pytest.mark.parametrize("legacy", [False, True])
def test_the_checkpoint_computes_what_medclip_does(
    weights: Weights, originals: tuple[Any, Any], sources: dict[str, Path], tmp_path: Path, legacy: bool
) -> None:
    path = saved(weights, tmp_path / "pytorch_model.bin")
    taken(path, sources, legacy=legacy)
    model = load_model(tmp_path / "out")
    assert model.config.score == "global"
    assert model.config.vision.patch_source == ("pre_ln" if legacy else "post_ln")
    assert model.config.embed_dim == 12
    assert model.scale.item() == pytest.approx(torch.tensor(3.0).exp().item())
    assert read_provenance(tmp_path / "out")["parent"] == file_digest(path)
    pixels = torch.randn(2, 1, 64, 64)
    tokens = model.tokenizer.encode(["the heart is enlarged .", "heart"])
    with torch.no_grad():
        seen = originals[0](pixels.repeat(1, 3, 1, 1)).pooler_output @ weights["vision_model.projection_head.weight"].T
        hidden = originals[1](tokens.ids, attention_mask=tokens.mask.long(), output_hidden_states=True).hidden_states
        features = torch.stack(hidden[-4:]).mean(dim=0)
        mask = torch.ones_like(features[:, :, :1]) if legacy else tokens.mask.float()[:, :, None]
        said = ((features * mask).sum(dim=1) / mask.sum(dim=1)) @ weights["text_model.projection_head.weight"].T
        torch.testing.assert_close(model.encode_images(pixels).pooled, seen / seen.norm(dim=1, keepdim=True), atol=1e-5, rtol=0)
        torch.testing.assert_close(model.encode_sentences(tokens), said / said.norm(dim=1, keepdim=True), atol=1e-5, rtol=0)


def without(name: str) -> Callable[[Weights], Weights]:
    return lambda weights: {key: value for key, value in weights.items() if key != name}


def having(name: Any, value: Any) -> Callable[[Weights], Weights]:
    return lambda weights: {**weights, name: value}


HEAD, QUERY = "vision_model.projection_head.weight", "vision_model.model.encoder.layers.0.blocks.0.attention.self.query.weight"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (without("logit_scale"), "logit_scale is missing"),
        (without(HEAD), "projection_head.weight is missing"),
        (without(QUERY), "layers.0.blocks.0.attention.* is missing"),
        (without("text_model.model.encoder.layer.4.output.dense.bias"), "encoder.layer.4.output.dense.bias is missing"),
        (having("vision_model.model.conv1.weight", torch.ones(3, 3)), "conv1.weight has no place"),
        (having("vision_model.projection_head.bias", torch.ones(12)), "projection_head.bias has no place"),
        (having("optimizer", torch.ones(3)), "optimizer has no place"),
        (having(7, torch.ones(3)), "7 has no place"),
        (having("logit_scale", {"nested": torch.ones(1)}), "logit_scale is no plain array"),
        (having("logit_scale", torch.ones(2)), r"logit_scale has the shape \(2,\)"),
        (having("logit_scale", torch.tensor(1)), "logit_scale holds values"),
        (having("logit_scale", torch.tensor(float("nan"))), "logit_scale holds values"),
        (having(HEAD, torch.ones(1).expand(100_000, 16)), "no plain array"),
        (having(HEAD, torch.ones(12, 16).to_sparse()), "no plain array"),
        (having(HEAD, torch.ones(9, 16)), "do not lead into one space"),
        (having(HEAD, torch.ones(12, 9)), r"has the shape \(12, 9\)"),
        (having(QUERY, torch.ones(4, 4)), "another shape"),
        (having("text_model.model.embeddings.word_embeddings.weight", torch.ones(4, 16)), "word_embeddings.weight has another shape"),
    ],
)
def test_whatever_does_not_belong_is_named(
    weights: Weights, sources: dict[str, Path], tmp_path: Path, edit: Callable[[Weights], Weights], words: str
) -> None:
    path = saved(edit(weights), tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=words):
        taken(path, sources)
    assert not (tmp_path / "out").exists()


class Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def test_code_in_the_file_does_not_run(weights: Weights, sources: dict[str, Path], tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = saved({**weights, "logit_scale": Trap(mark)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="cannot be read"):
        taken(path, sources)
    assert not mark.exists()


def test_what_is_no_file_of_weights(sources: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no file"):
        taken(tmp_path / "nowhere.bin", sources)
    path = tmp_path / "pytorch_model.bin"
    for content in (b"", b"hello", pickle.dumps({"logit_scale": 1})):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="cannot be read"):
            taken(path, sources)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    with pytest.raises(CheckpointError, match="cannot be read"):
        taken(path, sources)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.")  # a tensor, rebuilt from nothing
        archive.writestr("archive/version", b"3")
    with pytest.raises(CheckpointError, match="cannot be read") as caught:
        taken(path, sources)
    assert isinstance(caught.value.__cause__, TypeError)
    saved([torch.ones(1)], path)
    with pytest.raises(CheckpointError, match="no named weights"):
        taken(path, sources)


def test_a_file_that_unpacks_to_more_than_memory_is_not_unpacked(
    weights: Weights, sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("egma_core.model.medclip.LARGEST_BYTES", 1000)
    with pytest.raises(CheckpointError, match="unpacks to"):
        taken(saved(weights, tmp_path / "pytorch_model.bin"), sources)


def test_a_missing_source_says_what_to_download(weights: Weights, sources: dict[str, Path], tmp_path: Path) -> None:
    path = saved(weights, tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="hf download nobody/swin"):
        import_medclip(path, tmp_path / "out", vision_source="nobody/swin", text_source=str(sources["bert"]))


def test_weights_in_half_precision_are_raised(weights: Weights, sources: dict[str, Path], tmp_path: Path) -> None:
    half = {name: value.half() if isinstance(value, Tensor) and value.is_floating_point() else value for name, value in weights.items()}
    model = taken(saved(half, tmp_path / "pytorch_model.bin"), sources)
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32}
