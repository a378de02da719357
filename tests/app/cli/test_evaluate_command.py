"""`egma evaluate` on an untrained checkpoint: every part runs, says what it is beside, and refuses in words."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from egma_app.cli.main import main
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import ConfigError
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents, Manifest
from egma_core.examples.splits import Split
from egma_core.model.checkpoint import save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.tokens import WordTokenizer

SIDE, LABELS = 48, ("nodule", "edema")


def example(i: int, split: Split, films: Path) -> Example:
    random = np.random.default_rng(i)
    pixels = random.integers(0, 255, (SIDE, SIDE)).astype(np.uint8)
    digest = write_film(films / f"{i}.dcm", pixels, FilmTags(f"P{i}", f"1.2.{i}", f"1.2.{i}.1", f"1.2.{i}.1.1"))
    x, y = random.uniform(5, 40, (2, 4))
    gaze = GazeComponents(x, y, np.full(4, 3.0), np.full(4, 0.3), np.tile([0.0, 0, SIDE, SIDE], (4, 1)))
    label = LABELS[i % 2]
    sentences = (ExampleSentence(f"a {label} on film {i}", "typed", gaze), ExampleSentence("no fracture", "typed"))
    return Example(f"ex{i}", f"P{i}", "reader-1", f"{i}.dcm", digest, (SIDE, SIDE), (label,), split, "simulated", sentences)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    films = folder.parent / "films"
    films.mkdir()
    splits: list[Split] = ["train"] * 8 + ["validation"] * 6 + ["test"] * 8
    manifest = Manifest(films, tuple(example(i, split, films) for i, split in enumerate(splits)))
    torch.manual_seed(0)
    text = TextConfig(width=16, layers=1)
    words = WordTokenizer.build([s.text for e in manifest.examples for s in e.sentences], text)
    save_model(folder / "checkpoints" / "step_000001", Egma(ModelConfig(VisionConfig(size_px=32, width=16), text, embed_dim=8), words), {})
    manifest.save(folder / "manifest.json")
    (folder / "best").write_text("step_000001", encoding="utf-8")
    return folder


def evaluated(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_the_usual_report(run_folder: Path) -> None:
    done = evaluated(run_folder, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert set(report) == {"checkpoint", "checkpoint_hash", "class_score", "reference_films", "notes", "zero_shot", "gaze_agreement"}
    assert report["checkpoint"] == "step_000001" and len(report["checkpoint_hash"]) == 64
    assert report["reference_films"] == 6 and report["notes"] == []
    assert report["zero_shot"]["n"] == report["gaze_agreement"]["n_sentences"] == 8
    assert "nodule" in report["zero_shot"]["classes"], "the prompt set that names the labels"
    plain = json.loads(evaluated(run_folder, "--json", "--no-centre", "--no-gaze").stdout)
    assert plain["reference_films"] == 0 and "gaze_agreement" not in plain


def boxes(path: Path, findings: dict[int, str]) -> None:
    """A table with one box for each film's finding."""
    rows = [f"{film}.dcm,a {finding},{finding},5,5,15,15" for film, finding in findings.items()]
    path.write_text("\n".join(["film,phrase,label,x,y,w,h", *rows]) + "\n", encoding="utf-8")


def test_all_parts_in_words(run_folder: Path, tmp_path: Path) -> None:
    boxes(tmp_path / "boxes.csv", {i: LABELS[i % 2] for i in range(22)})
    done = evaluated(run_folder, "--retrieval", "--probe", "--boxes", tmp_path / "boxes.csv", "--tolerance", "2")
    assert done.exit_code == 0, done.output
    for words in (
        "95 % interval",
        "naming the commonest class: 0.500",
        "other film",
        "anywhere usual",
        "text finds film, P@1",
        "random order: 0.125",
        "AUROC, 1 % of patients",
        "The penalty is chosen on the labels of all 6 validation films, so the rows below 100 % use more labels",
        "8 phrases of 2 findings on 8 films; 14 phrases' films were not at hand",
        "relative to their mean over 6 validation films",
    ):
        assert words in done.stdout, words
    assert "other reader" not in done.stdout


def test_other_splits_are_allowed_and_said(run_folder: Path) -> None:
    assert "the model was trained on" in evaluated(run_folder, "--split", "train", "--no-gaze").stdout
    assert "was chosen on these films" in evaluated(run_folder, "--split", "validation", "--no-gaze").stdout


def test_a_protocol_beside_published_figures(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    lines = ["patientId,x,y,width,height,Target"]
    for i in range(14, 20):
        example(i, "test", tmp_path / "films")
        lines.append(f"{i},,,,,0" if i % 3 else f"{i},1,2,3,4,1")
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    assert len(lines) == 7
    chosen = ("--protocol", "rsna", "--data", tmp_path / "films", "--labels", tmp_path / "labels.csv")
    done = evaluated(run_folder, *chosen)
    assert done.exit_code == 0, done.output
    assert "at hand: No Finding 4, Pneumonia 2" in done.stdout
    assert "EGMA 76.97" in done.stdout and "43.49" in done.stdout
    report = json.loads(evaluated(run_folder, *chosen, "--json").stdout)
    assert report["class_score"] == "ensemble" and report["reference_films"] == 0
    assert report["protocol"]["zero_shot"]["chance"] == pytest.approx(4 / 6)
    assert "order films by the difference of the two classes' scores" in done.stdout
    (compared,) = report["notes"]
    assert "6 films reported on were compared with the 14" in compared and "None is in both" in compared
    example(3, "test", tmp_path / "films")
    (tmp_path / "labels.csv").write_text("\n".join([*lines, "3,,,,,0"]), encoding="utf-8")
    with pytest.raises(ConfigError, match="1 of the 7 films"):
        main.commands["evaluate"].main([str(run_folder), *map(str, chosen)], standalone_mode=False)
    assert "OVERLAP WITH TRAINING: 1 of the 7 films" in evaluated(run_folder, *chosen, "--allow-overlap").stdout


def test_another_manifest_is_compared_with_the_runs_own(run_folder: Path, tmp_path: Path) -> None:
    own = Manifest.load(run_folder / "manifest.json")
    leaking = tmp_path / "leaking.json"
    moved = tuple(replace(e, split="test") for e in own.examples if e.id in ("ex0", "ex9", "ex14", "ex15"))
    Manifest(own.films, moved).save(leaking)
    refused = evaluated(run_folder, "--manifest", leaking)
    assert refused.exit_code == 2 and "2 of the 4 films to report on" in refused.stderr and "--allow-overlap" in refused.stderr
    allowed = evaluated(run_folder, "--manifest", leaking, "--allow-overlap", "--no-gaze")
    assert "Note: OVERLAP WITH TRAINING: 2 of the 4 films" in allowed.stdout
    clean = tmp_path / "clean.json"
    Manifest(own.films, own.of("test")).save(clean)
    assert "None is in both" in evaluated(run_folder, "--manifest", clean, "--no-gaze").stdout
    checkpoint = tmp_path / "alone"
    shutil.copytree(run_folder / "checkpoints" / "step_000001", checkpoint)
    alone = evaluated(checkpoint, "--manifest", clean, "--no-gaze").stdout
    assert "Note: Not checked for films in common with training" in alone


def test_boxes_on_films_of_a_folder_are_compared_too(run_folder: Path, tmp_path: Path) -> None:
    films = Manifest.load(run_folder / "manifest.json").films
    boxes(tmp_path / "boxes.csv", {2: "nodule", 16: "nodule"})
    refused = evaluated(run_folder, "--boxes", tmp_path / "boxes.csv", "--data", films)
    assert refused.exit_code == 2 and "1 of the 9 films to report on" in refused.stderr


def test_centring_on_films_that_are_not_there(run_folder: Path, tmp_path: Path) -> None:
    own = Manifest.load(run_folder / "manifest.json")
    films, run = tmp_path / "films", tmp_path / "run"
    shutil.copytree(own.films, films)
    shutil.copytree(run_folder, run)
    replace(own, films=films).save(run / "manifest.json")
    gone = [films / e.film for e in own.of("validation")]
    gone[0].unlink()
    assert "relative to 5 other films, since 1 of the 6 validation films" in evaluated(run, "--no-gaze").stdout
    for path in gone[1:]:
        path.unlink()
    plain = json.loads(evaluated(run, "--no-gaze", "--json").stdout)
    assert plain["reference_films"] == 0 and "Scores are plain" in plain["notes"][0] and "6 of the 6 validation films" in plain["notes"][0]
    assert json.loads(evaluated(run, "--no-gaze", "--no-centre", "--json").stdout)["notes"] == []
    refused = evaluated(run, "--centre")
    assert refused.exit_code == 2 and "6 of the 6 validation films that the run's manifest names are not there" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--protocol", "rsna"), "needs the data set"),
        (("--protocol", "imagenet"), "There is no protocol"),
        (("--protocol", "rsna", "--data", os.curdir, "--labels", "x.csv", "--retrieval"), "--retrieval has no meaning"),
        (("--protocol", "rsna", "--split", "test"), "--split has no meaning in a protocol"),
        (("--protocol", "rsna", "--no-gaze"), "--no-gaze has no meaning"),
        (("--protocol", "rsna", "--gaze"), "--gaze has no meaning"),
        (("--protocol", "rsna", "--overlap-of", "minmax"), "--overlap-of has no meaning"),
        (("--protocol", "rsna", "--tolerance", "0"), "--tolerance has no meaning"),
        (("--tolerance", "3"), "--tolerance has no meaning without --boxes"),
        (("--overlap-of", "cosine"), "--overlap-of has no meaning without --boxes"),
        (("--labels", "x.csv"), "belong to a protocol"),
        (("--probe", "--split", "validation"), "cannot report on validation"),
        (("--prompts", "none"), "no prompt set"),
        (("--device", "abacus"), "no kind of device"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(run_folder: Path, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        main.commands["evaluate"].main([str(run_folder), *arguments], standalone_mode=False)
