"""Films in common with training are found through other manifests, libraries and parents, refused or said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egma_core.dicom.reader import read_image
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import ConfigError, ImageError
from egma_core.evaluation.overlap import ReportedFilm, ancestry, overlap_notes
from egma_core.examples.manifest import Example, Manifest
from egma_core.inference.films import film_shape
from egma_core.model.checkpoint import find_checkpoint, save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.sealed import seal_hash
from egma_core.model.tokens import WordTokenizer
from egma_core.training.config import OptimConfig, TrainingConfig
from egma_core.training.loop import train

MakeToy = Callable[..., Path]


def run(folder: Path, manifest: Manifest | None, *, start_from: Path | None = None, steps: int = 1, **more: object) -> Path:
    """A run's folder with checkpoints; the last one's own folder."""
    torch.manual_seed(0)
    text = TextConfig(width=16, layers=1)
    model = Egma(ModelConfig(VisionConfig(size_px=32, width=16), text, embed_dim=8), WordTokenizer.build(["a mark"], text))
    parent = None if start_from is None else seal_hash(start_from)
    provenance = {"manifest": None if manifest is None else manifest.hash, "parent": parent, **more}
    for step in range(1, steps + 1):
        checkpoint = folder / "checkpoints" / f"step_{step:06d}"
        save_model(checkpoint, model, {**provenance, "step": step})
    source = "" if start_from is None else start_from.parent.parent.as_posix()
    (folder / "config.toml").write_text(f'start_from = "{source}"\n', encoding="utf-8")
    (folder / "best").write_text(checkpoint.name + "\n", encoding="utf-8")
    if manifest is not None:
        manifest.save(folder / "manifest.json")
    return checkpoint


@pytest.fixture
def toy(toy_manifest: MakeToy) -> Manifest:
    """6 training, 2 validation and 4 test films."""
    return Manifest.load(toy_manifest(6, 2, 4))


def only(manifest: Manifest, examples: tuple[Example, ...]) -> Manifest:
    return dataclasses.replace(manifest, examples=tuple(dataclasses.replace(e, split="test") for e in examples))


def reported(manifest: Manifest) -> list[ReportedFilm]:
    return [ReportedFilm.of(manifest, e) for e in manifest.of("test")]


def test_the_runs_own_test_split_has_nothing_to_be_said_of(tmp_path: Path, toy: Manifest) -> None:
    seen = ancestry(run(tmp_path / "run", toy), [toy])
    assert ([m.hash for m in seen.manifests], seen.unknown) == ([toy.hash], "")
    assert overlap_notes(seen, reported(toy), source=toy.hash) == ()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_another_manifest_with_learned_films_is_refused_unless_allowed(tmp_path: Path, toy: Manifest, split: str) -> None:
    seen = ancestry(run(tmp_path / "run", toy))
    other = only(toy, (*toy.of("test"), *[e for e in toy.examples if e.split == split][:2]))
    with pytest.raises(ConfigError, match=r"2 of the 6 films .* --allow-overlap"):
        overlap_notes(seen, reported(other), source=other.hash)
    warning, compared = overlap_notes(seen, reported(other), source=other.hash, allowed=True)
    assert warning.startswith("OVERLAP WITH TRAINING: 2 of the 6 films")
    assert "compared with the 8 that" in compared and "None is in both" not in compared


def test_a_learned_patients_other_film_counts(tmp_path: Path, toy: Manifest) -> None:
    """Another file and other pixels: the pseudonym alone tells."""
    seen = ancestry(run(tmp_path / "run", toy))
    test, train = toy.of("test")[0], toy.of("train")[0]
    with pytest.raises(ConfigError, match="1 of the 1 films"):
        overlap_notes(seen, reported(only(toy, (dataclasses.replace(test, patient=train.patient),))))
    (compared,) = overlap_notes(seen, reported(only(toy, (test,))))
    assert "None is in both" in compared and "pseudonyms, film files (SHA-256) and pixels" in compared


def test_a_parents_films_count_too(tmp_path: Path, toy: Manifest) -> None:
    """The parent was trained on what the child keeps for its test; the parent has gone on since, and then moved."""
    learned = only(toy, toy.of("train"))
    parent_manifest = dataclasses.replace(toy, examples=tuple(dataclasses.replace(e, split="train") for e in learned.examples))
    child_manifest = dataclasses.replace(
        toy, examples=(*(dataclasses.replace(e, split="train") for e in toy.of("test")), *only(toy, toy.of("train")[:1]).examples)
    )
    run(tmp_path / "old" / "parent", parent_manifest, steps=2)
    first = tmp_path / "old" / "parent" / "checkpoints" / "step_000001"
    child = run(tmp_path / "runs" / "child", child_manifest, start_from=first)
    seen = ancestry(child, [child_manifest])
    assert [m.hash for m in seen.manifests] == [child_manifest.hash, parent_manifest.hash]
    with pytest.raises(ConfigError, match="1 of the 1 films"):
        overlap_notes(seen, reported(child_manifest), source=child_manifest.hash)
    (tmp_path / "old" / "parent").rename(tmp_path / "runs" / "elsewhere")
    assert len(ancestry(child, [child_manifest]).manifests) == 2, "found beside the child by its hash"
    (tmp_path / "runs" / "elsewhere").rename(tmp_path / "gone")
    lost = ancestry(child, [child_manifest])
    assert len(lost.manifests) == 1 and "was started from" in lost.unknown
    (note,) = overlap_notes(lost, reported(child_manifest), source=child_manifest.hash)
    assert note.startswith("Not checked")


def test_training_leaves_what_is_needed_to_follow_it(tmp_path: Path, toy: Manifest) -> None:
    """Two real runs, one started from the other, which was trained on other films."""
    model = ModelConfig(VisionConfig(size_px=32, width=16), TextConfig(width=16, layers=1), embed_dim=8)
    config = TrainingConfig(model=model, optim=OptimConfig(steps=1, batch_size=4), device="cpu")
    first = dataclasses.replace(toy, examples=tuple(e for e in toy.examples if e.id not in ("ex000", "ex001")))
    first.save(tmp_path / "first.json")
    threads = torch.get_num_threads()
    train(config, tmp_path / "first.json", tmp_path / "a", emit=lambda event: None, should_stop=lambda: False)
    further = dataclasses.replace(config, start_from=str(tmp_path / "a"))
    train(further, tmp_path / "manifest.json", tmp_path / "b", emit=lambda event: None, should_stop=lambda: False)
    torch.set_num_threads(threads)
    seen = ancestry(find_checkpoint(tmp_path / "b"))
    assert ([m.hash for m in seen.manifests], seen.unknown) == ([toy.hash, first.hash], "")


def test_what_cannot_be_known_is_said(tmp_path: Path, toy: Manifest) -> None:
    alone = run(tmp_path / "alone", None)
    (note,) = overlap_notes(ancestry(alone), reported(toy))
    assert note.startswith("Not checked for films in common with training") and "manifest.json is not there" in note
    imported = run(tmp_path / "imported", None, imported="MedCLIP", parent="ab")
    assert "which were imported" in ancestry(imported).unknown
    bare = run(tmp_path / "bare", toy)
    (tmp_path / "bare" / "manifest.json").unlink()
    assert ancestry(bare).manifests == ()
    assert ancestry(bare, [toy]).manifests == (toy,), "the manifest at hand is the one that the checkpoint names"
    only(toy, toy.of("test")).save(tmp_path / "bare" / "manifest.json")
    assert ancestry(bare).manifests == (), "another run's manifest is none"


def test_films_of_another_library_and_raw_pictures_meet_by_their_pixels(tmp_path: Path, toy: Manifest) -> None:
    """Other tags, other pseudonyms, another form of file; only the picture is the same."""
    seen = ancestry(run(tmp_path / "run", toy))
    pixels = read_image(toy.film_path(toy.of("train")[0])).pixels[0].astype(np.uint8)
    write_film(tmp_path / "a.dcm", pixels, FilmTags("Q1", "1.3.1", "1.3.1.1", "1.3.1.1.1"))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[:, :40]).save(tmp_path / "smaller.png")
    changed = pixels.copy()
    changed[0, 0] ^= 1
    Image.fromarray(changed).save(tmp_path / "changed.png")
    assert [film_shape(tmp_path / name) for name in ("a.dcm", "a.png", "smaller.png")] == [(64, 64), (64, 64), (64, 40)]
    steps: list[tuple[int, int]] = []
    for name in ("a.dcm", "a.png"):
        with pytest.raises(ConfigError, match="1 of the 2 films"):
            overlap_notes(
                seen, [ReportedFilm(tmp_path / name), ReportedFilm(tmp_path / "changed.png")], progress=lambda i, n: steps.append((i, n))
            )
    assert steps == [(i, 10) for i in range(1, 11)] * 2
    (compared,) = overlap_notes(seen, [ReportedFilm(tmp_path / "smaller.png"), ReportedFilm(tmp_path / "changed.png")])
    assert "by film files (SHA-256) and pixels. None is in both." in compared
    toy.film_path(toy.of("train")[0]).unlink()
    (compared,) = overlap_notes(seen, [ReportedFilm(tmp_path / "a.png")])
    assert "pixels of 1 of the latter could not be read" in compared
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:20])
    with pytest.raises(ImageError, match=r"broken\.png"):
        overlap_notes(seen, [ReportedFilm(tmp_path / "broken.png")])
    with pytest.raises(ImageError, match=r"absent\.png"):
        overlap_notes(seen, [ReportedFilm(tmp_path / "absent.png")])
