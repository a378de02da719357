"""Backbones of the transformers library by family and size: their grids, their finer levels, and how they come back from a checkpoint."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from egma_core.errors import CheckpointError, ConfigError
from egma_core.model.checkpoint import load_model, read_provenance, save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.losses import fine_grained_loss
from egma_core.model.sealed import SEAL
from egma_core.model.tokens import WordTokenizer

transformers = pytest.importorskip("transformers")

SENTENCES = ["The heart is enlarged.", "Clear."]


def fresh(family: str, size_px: int = 64, levels: int = 1, **more: str) -> Egma:
    torch.manual_seed(0)
    text = TextConfig(width=16, layers=1)
    vision = VisionConfig(kind="transformers", family=family, size_px=size_px, levels=levels, width=16, **more)
    return Egma(ModelConfig(vision, text, embed_dim=8), WordTokenizer.build(SENTENCES, text))


SIZES = {"swin": (224, 256, 384, 448), "convnext": (224, 448), "vit": (224, 448)}


@pytest.mark.parametrize(
    ("family", "stride", "levels", "size_px"),
    [(*kind, size) for kind in (("swin", 32, 3), ("convnext", 32, 3), ("vit", 16, 1)) for size in SIZES[kind[0]]],
)
def test_grids_come_from_the_encoder(family: str, stride: int, levels: int, size_px: int) -> None:
    model, side = fresh(family, size_px, levels).eval(), size_px // stride
    assert model.grid == (side, side)
    assert model.finer_grids == ((2 * side, 2 * side), (4 * side, 4 * side))[: levels - 1]
    with torch.no_grad():
        films = model.encode_images(torch.randn(1, 1, size_px, size_px))
    assert films.patches.shape == (1, side * side, 8)
    assert [level.shape for level in films.finer] == [(1, rows * columns, 8) for rows, columns in model.finer_grids]
    for vectors in (films.patches, *films.finer, films.pooled):
        torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(vectors.shape[:-1]))


@pytest.mark.parametrize(("family", "indices"), [("swin", (2, 1)), ("convnext", (3, 2))])
def test_levels_are_the_stages_last_states(family: str, indices: tuple[int, int]) -> None:
    model = fresh(family, 64, 3).eval() if family == "convnext" else fresh(family, 224, 3).eval()
    side = model.config.vision.size_px
    pixels = torch.randn(2, 1, side, side)
    with torch.no_grad():
        states = model.vision.model(pixels.expand(-1, 3, -1, -1), output_hidden_states=True).hidden_states
        finer = model.vision(pixels).finer
    for level, index in zip(finer, indices, strict=True):
        state = states[index]
        expected = state.permute(0, 2, 3, 1) if state.ndim == 4 else state.view(level.shape)
        torch.testing.assert_close(level, expected)


@pytest.mark.parametrize("family", ["swin", "convnext"])
def test_every_weight_of_three_levels_trains(family: str) -> None:
    model = fresh(family, 64, 3)
    films = model.encode_images(torch.randn(2, 1, 64, 64))
    texts = model.encode_sentences(model.tokenizer.encode(SENTENCES))
    loss = films.pooled.sum()
    for level in (films.patches, *films.finer):
        loss = loss + fine_grained_loss(level, texts, [1, 1], model.scale)
    loss.backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
    assert [layer.bias for layer in model.finer_projections] == [None, None]


def test_fewer_grids_than_levels() -> None:
    with pytest.raises(ConfigError, match="1 patch grids, and 2"):
        fresh("vit", levels=2)
    text = TextConfig(width=16, layers=1)
    with pytest.raises(ConfigError, match="one grid"):
        Egma(ModelConfig(VisionConfig(size_px=32, levels=2), text), WordTokenizer.build(SENTENCES, text))


def test_class_and_register_tokens_are_no_patches(tmp_path: Path) -> None:
    """With five tokens ahead of four patches there are nine, which would make a square of their own."""
    config = transformers.Dinov2WithRegistersConfig(
        image_size=32, patch_size=16, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_register_tokens=4, mlp_ratio=1
    )
    torch.manual_seed(0)
    backbone = transformers.AutoModel.from_config(config).eval()
    backbone.save_pretrained(tmp_path / "dino")
    text = TextConfig(width=16, layers=1)
    vision = VisionConfig(kind="transformers", source=str(tmp_path / "dino"), size_px=32)
    model = Egma(ModelConfig(vision, text, embed_dim=8), WordTokenizer.build(SENTENCES, text)).eval()
    assert model.grid == (2, 2)
    pixels = torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.vision(pixels).patches, backbone(pixels.expand(-1, 3, -1, -1)).last_hidden_state[:, 5:])


@pytest.mark.parametrize(("family", "levels"), [("swin", 3), ("convnext", 2), ("vit", 1)])
@pytest.mark.parametrize("patch_source", ["post_ln", "pre_ln"])
def test_checkpoints_bring_back_every_family(tmp_path: Path, family: str, levels: int, patch_source: str) -> None:
    model = fresh(family, 64, levels, patch_source=patch_source).eval()
    save_model(tmp_path / "checkpoint", model, {"parent": None})
    again = load_model(tmp_path / "checkpoint")
    assert (again.grid, again.finer_grids) == (model.grid, model.finer_grids)
    assert read_provenance(tmp_path / "checkpoint")["transformers"] == transformers.__version__
    pixels = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        ours, theirs = model.encode_images(pixels), again.encode_images(pixels)
    for a, b in zip((ours.patches, ours.pooled, *ours.finer), (theirs.patches, theirs.pooled, *theirs.finer), strict=True):
        assert torch.equal(a, b)


def renamed_checkpoint(folder: Path, model: Egma, drop: str = "") -> None:
    """The model as an older release of transformers would have named its Swin's weights."""
    save_model(folder, model, {})
    weights = load_file(folder / "model.safetensors")
    model.vision.model.save_pretrained(folder.parent / "swin")
    others = {name: value for name, value in weights.items() if not name.startswith("vision.model.")}
    older = {f"vision.model.{name}": value for name, value in load_file(folder.parent / "swin" / "model.safetensors").items()}
    assert older.keys() - weights.keys()
    older.pop(drop, None)
    save_file(others | older, folder / "model.safetensors", metadata={"format": "pt"})
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir()) if path.name != SEAL]
    (folder / SEAL).write_text("".join(lines), encoding="utf-8")


def test_checkpoints_outlive_new_names_in_transformers(tmp_path: Path) -> None:
    model = fresh("swin").eval()
    renamed_checkpoint(tmp_path / "checkpoint", model)
    again = load_model(tmp_path / "checkpoint")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_weight_that_is_missing_is_named(tmp_path: Path) -> None:
    renamed_checkpoint(tmp_path / "checkpoint", fresh("swin"), drop="vision.model.layernorm.bias")
    with pytest.raises(CheckpointError, match=r"layernorm\.bias is missing"):
        load_model(tmp_path / "checkpoint")


def test_the_finer_grids_are_part_of_the_configuration(tmp_path: Path) -> None:
    save_model(tmp_path / "checkpoint", fresh("swin", 64, 2), {})
    description = json.loads((tmp_path / "checkpoint" / "config.json").read_text(encoding="utf-8"))
    assert description["model"]["vision"]["levels"] == 2
    assert description["model"]["vision"]["family"] == "swin"


@pytest.mark.parametrize(
    ("part", "kind"), [("vision", "bert"), ("vision", "t5"), ("vision", "clip"), ("text", "vit"), ("text", "t5"), ("text", "clip")]
)
def test_a_model_of_another_kind_is_refused(tmp_path: Path, part: str, kind: str) -> None:
    small = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8}
    configs = {
        "bert": lambda: transformers.BertConfig(vocab_size=9, **small),
        "vit": lambda: transformers.ViTConfig(image_size=32, **small),
        "t5": lambda: transformers.T5Config(vocab_size=9, d_model=8, d_kv=8, d_ff=8, num_layers=1, num_heads=1),
        "clip": lambda: transformers.CLIPConfig(text_config={"vocab_size": 9, **small}, vision_config={"image_size": 32, **small}),
    }
    transformers.AutoModel.from_config(configs[kind]()).save_pretrained(tmp_path)
    text = TextConfig(width=16, layers=1) if part == "vision" else TextConfig(kind="transformers", source=str(tmp_path))
    vision = VisionConfig(kind="transformers", source=str(tmp_path)) if part == "vision" else VisionConfig(size_px=32)
    with pytest.raises(ConfigError, match="does not serve"):
        Egma(ModelConfig(vision, text), WordTokenizer.build(SENTENCES, text))


@pytest.mark.parametrize("kind", ["ResNet", "RegNet"])
def test_a_backbone_that_cannot_be_read_as_a_grid_is_refused(tmp_path: Path, kind: str) -> None:
    """These pool on their way, by a layer that is left out here."""
    small = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]} | ({"groups_width": 8} if kind == "RegNet" else {})
    config = getattr(transformers, f"{kind}Config")(**small)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    text = TextConfig(width=16, layers=1)
    with pytest.raises(ConfigError, match=rf"The image encoder \({kind.lower()}\) does not give .* grid of patches"):
        Egma(ModelConfig(VisionConfig(kind="transformers", source=str(tmp_path)), text), WordTokenizer.build(SENTENCES, text))


def test_a_text_model_that_reads_less_than_a_sentence_may_be_long(tmp_path: Path) -> None:
    config = transformers.DistilBertConfig(vocab_size=20, dim=8, n_layers=1, n_heads=1, hidden_dim=8, max_position_embeddings=12)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    for max_tokens, fits in ((12, True), (13, False)):
        text = TextConfig(kind="transformers", source=str(tmp_path), max_tokens=max_tokens)
        model_config, tokenizer = ModelConfig(VisionConfig(size_px=32), text, embed_dim=8), WordTokenizer.build(SENTENCES, text)
        if fits:
            model = Egma(model_config, tokenizer)
            assert model.encode_sentences(tokenizer.encode(SENTENCES)).shape == (2, 8)
        else:
            with pytest.raises(ConfigError, match="12 tokens at most"):
                Egma(model_config, tokenizer)
