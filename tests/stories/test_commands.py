"""What a researcher does from a shell with a finished demo, where Qt is not installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from egma_core.demo.folder import DemoFolder
from egma_core.demo.stages import first_test_film
from egma_core.errors import ConfigError
from egma_core.recording.headless import record_headless
from egma_core.store.store import Store

pytestmark = [pytest.mark.story, pytest.mark.timeout(1800)]

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_evaluation_repeats_the_report(demo_folder: Path, bare_egma: Run) -> None:
    done = bare_egma("evaluate", demo_folder / "run", "--prompts", "phantom", "--json")
    assert done.returncode == 0, done.stderr
    figures, report = json.loads(done.stdout), json.loads((demo_folder / "report.json").read_text(encoding="utf-8"))
    for part in ("zero_shot", "gaze_agreement"):
        assert figures[part] == report[part]
    said = bare_egma("evaluate", next((demo_folder / "run" / "checkpoints").iterdir()), "--prompts", "phantom", "--no-gaze")
    assert said.returncode == 0, said.stderr
    assert "95 % interval" in said.stdout


def test_prediction_of_one_film(demo_folder: Path, bare_egma: Run, tmp_path: Path) -> None:
    film, picture = first_test_film(demo_folder), tmp_path / "overlay.png"
    done = bare_egma("predict", demo_folder / "run", film, "--prompts", "phantom", "--overlay", picture, "--json")
    assert done.returncode == 0, done.stderr
    shares = [answer["preference"] for answer in json.loads(done.stdout).values()]
    assert len(shares) == 8 and sum(shares) == pytest.approx(1.0, abs=1e-4)
    with Image.open(picture) as overlay:
        assert overlay.size == (512, 512)
    one = bare_egma("predict", demo_folder / "run", film, "--say", "There is a nodule present.")
    assert one.returncode == 0 and "%" not in one.stdout


def test_bad_input_is_two_sentences_and_status_2(demo_folder: Path, bare_egma: Run, tmp_path: Path) -> None:
    (tmp_path / "no_film.dcm").write_bytes(b"not a film")
    for command in (
        ("predict", demo_folder / "run", tmp_path / "no_film.dcm", "--say", "x"),
        ("predict", tmp_path, first_test_film(demo_folder), "--say", "x"),
        ("evaluate", demo_folder / "run", "--prompts", "no_such_set"),
        ("train", "tiny", "--out", tmp_path / "run"),
        ("process", "--store", tmp_path / "absent.sqlite"),
        ("import", "dicom", tmp_path / "absent", "--store", tmp_path / "new.sqlite"),
        ("import", "medclip", tmp_path / "no_film.dcm", "--out", tmp_path / "checkpoint"),
    ):
        done = bare_egma(*command)
        assert done.returncode == 2, (command, done.stderr)
        assert done.stderr.startswith("egma: ") and "Traceback" not in done.stderr, (command, done.stderr)


def test_a_recording_without_a_window(bare_egma: Run, tmp_path: Path) -> None:
    library = tmp_path / "new.sqlite"
    recorded = bare_egma("record", "--store", library, "--rate", 600, "--seconds", 1)
    assert recorded.returncode == 0, recorded.stderr
    (health,) = json.loads(bare_egma("doctor", "--store", library, "--json").stdout)["readings"]
    assert health["state"] == "complete" and health["n_gaps"] == 0 and health["n_samples"] >= 600
    assert bare_egma("process", "--store", library).returncode == 0
    assert bare_egma("export", "samples", "--store", library, "--reading", 1, "--out", tmp_path / "samples.csv").returncode == 0
    assert len((tmp_path / "samples.csv").read_text(encoding="utf-8").splitlines()) == health["n_samples"] + 1


def test_starting_over_never_removes_a_persons_reading(demo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    for name in ("demo.json", "library.sqlite"):
        shutil.copy(demo_folder / name, folder / name)
    with Store.open(folder / "library.sqlite") as store:
        record_headless(store, seconds=0.3, reader="Ada")
    with pytest.raises(ConfigError, match="people recorded"):
        DemoFolder.open(folder, {"another": "plan"})
    with Store.open(folder / "library.sqlite", read_only=True) as store:
        assert any(reading.reader == "Ada" for reading in store.readings())
