"""Manifests: kept, moved, and refused when they are not what they claim."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from egma_core.errors import InterchangeError
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents, Manifest
from egma_core.examples.splits import Split

GAZE = GazeComponents(
    np.array([10.1, 20.2]),
    np.array([1 / 3, 5.0]),
    np.array([4.0, 4.5]),
    np.array([0.2, 0.31]),
    np.array([[0.0, 0, 90, 60], [5, 5, 50, 50]]),
)


def example(name: str, patient: str = "P1", split: Split = "train") -> Example:
    sentences = (ExampleSentence("Heart enlarged.", "typed", GAZE), ExampleSentence("Keine Stauung – unauffällig.", "typed"))
    return Example(name, patient, "reader-1", f"ab/{name}.dcm", "0" * 64, (60, 90), ("Edema",), split, "mouse", sentences)


def manifest(films: Path) -> Manifest:
    return Manifest(films, (example("a"), example("b"), example("c", "P2", "test")), "recipe", 5)


def test_a_saved_manifest_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    written = manifest(tmp_path / "films")
    written.save(tmp_path / "manifest.json")
    read = Manifest.load(tmp_path / "manifest.json")
    assert read.hash == written.hash
    assert dataclasses.replace(read, examples=()) == dataclasses.replace(written, examples=())
    assert [e.id for e in read.examples] == ["a", "b", "c"]
    gaze = read.examples[0].sentences[0].gaze
    assert gaze is not None
    assert np.array_equal(gaze.y_px, GAZE.y_px)
    assert np.array_equal(gaze.visible, GAZE.visible)
    assert read.examples[0].sentences[1] == written.examples[0].sentences[1]
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_manifest_and_films_move_together(tmp_path: Path) -> None:
    (tmp_path / "here" / "films").mkdir(parents=True)
    manifest(tmp_path / "here" / "films").save(tmp_path / "here" / "manifest.json")
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = Manifest.load(tmp_path / "there" / "manifest.json")
    assert moved.films == tmp_path / "there" / "films"
    assert moved.film_path(moved.examples[0]) == tmp_path / "there" / "films" / "ab" / "a.dcm"
    assert str(tmp_path) not in (tmp_path / "there" / "manifest.json").read_text(encoding="utf-8")


def test_the_hash_follows_the_content_alone(tmp_path: Path) -> None:
    one = manifest(tmp_path)
    assert dataclasses.replace(one, films=tmp_path / "elsewhere").hash == one.hash
    other = dataclasses.replace(one.examples[0], labels=("Fracture",))
    assert dataclasses.replace(one, examples=(other, *one.examples[1:])).hash != one.hash


def test_counts_say_what_is_there_by_split_and_origin(tmp_path: Path) -> None:
    counts = manifest(tmp_path).counts
    assert counts["train"] == {"examples": 2, "patients": 1, "sentences": 4, "sentences_with_gaze": 2, "gaze:mouse": 2, "text:typed": 4}
    assert counts["validation"]["examples"] == 0
    assert counts["test"]["patients"] == 1


def test_a_manifest_that_leaks_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(InterchangeError, match="Patient P1"):
        Manifest(tmp_path, (example("a"), example("b", split="test")))


def test_an_example_cannot_come_twice(tmp_path: Path) -> None:
    with pytest.raises(InterchangeError, match="example a twice"):
        Manifest(tmp_path, (example("a"), example("a")))


@pytest.mark.parametrize("film", ["../secret.dcm", "/etc/passwd", "C:/x.dcm", "a\\..\\..\\x.dcm"])
def test_a_film_outside_the_folder_is_refused(tmp_path: Path, film: str) -> None:
    with pytest.raises(InterchangeError, match="outside the films folder"):
        Manifest(tmp_path, (dataclasses.replace(example("a"), film=film),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["examples"][0].update(patient="P9"), "changed after"),
        (lambda d: d["examples"][0].update(split="holdout"), "holdout"),
        (lambda d: d["examples"][0].update(sentences=[]), "sentences of example a"),
        (lambda d: d["examples"][0]["sentences"][0]["gaze"]["x_px"].pop(), "different lengths"),
        (lambda d: d["examples"][0].pop("film"), "film"),
        (lambda d: d.pop("films"), "films"),
        (lambda d: d.update(format="egma-manifest-0"), "not a manifest"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, change, message: str) -> None:
    path = tmp_path / "manifest.json"
    manifest(tmp_path).save(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InterchangeError, match=message):
        Manifest.load(path)


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InterchangeError, match=r"manifest\.json"):
        Manifest.load(path)
    with pytest.raises(InterchangeError, match="cannot be read"):
        Manifest.load(tmp_path / "absent.json")
