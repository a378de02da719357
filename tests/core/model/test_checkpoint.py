"""Checkpoints: the same model comes back, and nothing torn, altered or foreign is ever read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from egma_core.errors import CheckpointError
from egma_core.model import sealed
from egma_core.model.checkpoint import find_checkpoint, load_model, read_provenance, save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.sealed import SEAL
from egma_core.model.tokens import WordTokenizer

SENTENCES = ["the heart is enlarged", "no effusion"]
FILES = ["config.json", "model.safetensors", "preprocessing.json", "provenance.json", "tokenizer.json"]


def make(seed: int = 0) -> Egma:
    torch.manual_seed(seed)
    text = TextConfig(width=16, layers=1)
    return Egma(ModelConfig(VisionConfig(size_px=32, width=16), text, embed_dim=8), WordTokenizer.build(SENTENCES, text)).eval()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_model(tmp_path / "step_000010", make(), {"manifest": "abc", "parent": None})
    return tmp_path / "step_000010"


def reseal(folder: Path) -> None:
    """Make the hashes fit again, as somebody who edits a checkpoint by hand might."""
    from hashlib import sha256

    names = sorted(path.name for path in folder.iterdir() if path.name != SEAL)
    (folder / SEAL).write_text("".join(f"{sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names), encoding="utf-8")


def test_the_same_model_comes_back(saved: Path) -> None:
    model, again = make(), load_model(saved)
    assert not again.training
    assert again.config == model.config
    assert again.grid == model.grid
    pixels = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(again.encode_images(pixels).patches, model.encode_images(pixels).patches)
        tokens = again.tokenizer.encode(SENTENCES)
        assert torch.equal(again.encode_sentences(tokens), model.encode_sentences(model.tokenizer.encode(SENTENCES)))
    assert torch.equal(again.log_scale, model.log_scale)


def test_a_checkpoint_is_json_and_safetensors_alone(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == sorted([*FILES, SEAL])
    assert json.loads((saved / "config.json").read_text(encoding="utf-8"))["grid"] == [2, 2]
    assert [path for path in saved.parent.iterdir() if path != saved] == []


def test_provenance_is_kept(saved: Path) -> None:
    provenance = read_provenance(saved)
    assert provenance["manifest"] == "abc"
    assert provenance["parent"] is None
    assert provenance["egma"]
    assert len(provenance["code"]) == 64
    assert provenance["torch"] == torch.__version__


def test_hashes_are_those_of_sha256sum(saved: Path) -> None:
    lines = (saved / SEAL).read_text(encoding="utf-8").splitlines()
    assert [line[66:] for line in lines] == FILES
    assert all(line[64:66] == "  " for line in lines)


@pytest.mark.parametrize("kept", range(len(FILES)))
def test_a_seal_that_was_cut_off_is_refused(saved: Path, kept: int) -> None:
    lines = (saved / SEAL).read_text(encoding="utf-8").splitlines(keepends=True)
    (saved / SEAL).write_text("".join(lines[:kept]), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"not whole: its MANIFEST\.sha256 does not hold"):
        load_model(saved)


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_refused(saved: Path, name: str) -> None:
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match=name):
        load_model(saved)


@pytest.mark.parametrize("name", FILES)
def test_a_torn_one_is_refused(saved: Path, name: str) -> None:
    (saved / name).write_bytes((saved / name).read_bytes()[:-5])
    with pytest.raises(CheckpointError, match=name):
        load_model(saved)
    (saved / name).unlink()
    with pytest.raises(CheckpointError, match="missing"):
        load_model(saved)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, saved: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        load_model(tmp_path)
    (saved / SEAL).unlink()
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        load_model(saved)


def test_a_seal_cannot_point_outside_the_folder(saved: Path) -> None:
    (saved.parent / "secret").write_bytes(b"x")
    with (saved / SEAL).open("a", encoding="utf-8") as file:
        file.write("0" * 64 + "  ../secret\n")
    with pytest.raises(CheckpointError, match="not whole"):
        load_model(saved)


@pytest.mark.parametrize(
    ("file", "edit", "words"),
    [
        ("config.json", lambda c: {**c, "format": 99}, "not a checkpoint that this version reads"),
        ("config.json", lambda c: {**c, "model_type": "bert"}, "not a checkpoint that this version reads"),
        ("config.json", lambda c: {**c, "model": {**c["model"], "embed_dim": 16}}, "belong together"),
        ("config.json", lambda c: {**c, "model": {**c["model"], "colour": 1}}, "no setting colour"),
        ("config.json", lambda c: {k: v for k, v in c.items() if k != "text_backbone"}, "belong together"),
        ("config.json", lambda c: {**c, "grid": [3, 3]}, "another grid"),
        ("config.json", lambda c: [c], "no readable config"),
        ("preprocessing.json", lambda c: {**c, "mean": 0.5}, "another way"),
        ("tokenizer.json", lambda c: {**c, "words": c["words"][:-1]}, "belong together"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(saved: Path, file: str, edit: Callable[[Any], Any], words: str) -> None:
    content = json.loads((saved / file).read_text(encoding="utf-8"))
    (saved / file).write_text(json.dumps(edit(content)), encoding="utf-8")
    reseal(saved)
    with pytest.raises(CheckpointError, match=words):
        load_model(saved)


def test_weights_that_are_no_safetensors_are_refused(saved: Path) -> None:
    (saved / "model.safetensors").write_bytes(b"\x80\x04pickle")
    reseal(saved)
    with pytest.raises(CheckpointError, match="belong together"):
        load_model(saved)


def test_more_files_are_sealed_too(tmp_path: Path) -> None:
    folder = tmp_path / "step_000001"
    save_model(folder, make(), {}, more=lambda unfinished: (unfinished / "state.json").write_text("{}", encoding="utf-8") and None)
    load_model(folder)
    (folder / "state.json").write_text("{ }", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"state\.json"):
        load_model(folder)


def test_files_added_later_are_left_alone(saved: Path) -> None:
    (saved / "notes.txt").write_text("looks good", encoding="utf-8")
    load_model(saved)


def test_an_older_checkpoint_is_replaced(saved: Path) -> None:
    save_model(saved, make(seed=5), {"manifest": "new"})
    assert read_provenance(saved)["manifest"] == "new"
    assert torch.equal(load_model(saved).vision_projection.weight, make(seed=5).vision_projection.weight)
    assert list(saved.parent.iterdir()) == [saved]


def test_somebody_elses_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("...", encoding="utf-8")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        save_model(tmp_path / "thesis", make(), {})
    assert (tmp_path / "thesis" / "chapter.txt").exists()


def test_interrupted_writing_leaves_the_old_one(saved: Path) -> None:
    def fail(unfinished: Path) -> None:
        raise KeyboardInterrupt

    before = (saved / SEAL).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        save_model(saved, make(seed=1), {}, more=fail)
    assert (saved / SEAL).read_bytes() == before
    load_model(saved)
    assert list(saved.parent.iterdir()) == [saved]


def test_a_full_disk_is_said_in_words(saved: Path) -> None:
    def fail(unfinished: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match="No space left"):
        save_model(saved.with_name("step_000020"), make(), {}, more=fail)
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.skipif(os.name != "posix", reason="the size of files can be limited on POSIX systems")
def test_a_disk_that_takes_no_more_weights_is_said_in_words(saved: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (saved / "model.safetensors").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, before[1]))
    try:
        with pytest.raises(CheckpointError, match=r"model\.safetensors could not be written"):
            save_model(saved.with_name("step_000020"), make(), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(saved.parent.iterdir()) == [saved]


def test_a_file_that_cannot_be_read_is_said_in_words(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sealed, "file_digest", fail)
    with pytest.raises(CheckpointError, match=r"config\.json of the checkpoint step_000010 cannot be read \(Input/output error\)"):
        load_model(saved)


def test_no_folder_of_this_machine_is_told_and_hub_names_stay(tmp_path: Path) -> None:
    text = TextConfig(width=16, layers=1, source="emilyalsentzer/Bio_ClinicalBERT")
    config = ModelConfig(VisionConfig(size_px=32, width=16, source=str(tmp_path / "my swin")), text, embed_dim=8)
    torch.manual_seed(0)
    save_model(tmp_path / "step_000001", Egma(config, WordTokenizer.build(SENTENCES, text)), {})
    described = (tmp_path / "step_000001" / "config.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in described
    model = json.loads(described)["model"]
    assert (model["vision"]["source"], model["text"]["source"]) == ("my swin", "emilyalsentzer/Bio_ClinicalBERT")
    assert load_model(tmp_path / "step_000001").config.text == text


def test_a_runs_best_checkpoint_is_found(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for step in (1, 2):
        save_model(run / "checkpoints" / f"step_{step:06d}", make(), {})
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        find_checkpoint(run)
    (run / "latest").write_text("step_000002\n", encoding="utf-8")
    assert find_checkpoint(run).name == "step_000002"
    (run / "best").write_text("step_000001\n", encoding="utf-8")
    assert find_checkpoint(run).name == "step_000001"
    assert find_checkpoint(run / "checkpoints" / "step_000002").name == "step_000002"
    for name in ("step_000009", "../checkpoints"):
        (run / "best").write_text(name, encoding="utf-8")
        with pytest.raises(CheckpointError, match="not there"):
            find_checkpoint(run)
