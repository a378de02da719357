"""The main job on real films: imported, read in the real window by hand and keys, trained on, explored."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.story, pytest.mark.needs_data, pytest.mark.timeout(1200)]

Run = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """
[model]
embed_dim = 32
[model.vision]
size_px = 112
width = 32
[model.text]
width = 32
layers = 1
[optim]
epochs = 2
batch_size = 2
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def egma(desk: Path) -> Run:
    environment = {**os.environ, "EGMA_KEYS": str(desk / "keys"), "EGMA_SETTINGS": str(desk / "settings.ini")}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "egma_app.cli", *map(str, arguments)]
        return subprocess.run(command, cwd=desk, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def hands(desk: Path) -> Run:
    """Play a story through the real window, under an X server of its own."""
    pytest.importorskip("PySide6", reason="the window needs PySide6")
    for tool in ("xvfb-run", "xdotool"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "xcb",
        "EGMA_KEYS": str(desk / "keys"),
        "EGMA_SETTINGS": str(desk / "settings.ini"),
    }

    def run(story: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        server = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24"]
        script = [sys.executable, str(Path(__file__).with_name("hands.py")), story, str(desk), *map(str, arguments)]
        return subprocess.run([*server, *script], env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def library(desk: Path, egma: Run, shared_data: Path) -> Path:
    """A library of the 61 pictures of a public set and the DICOM films of several vendors."""
    path, nih = desk / "library.sqlite", shared_data / "cxr" / "nih"
    columns = ("--columns", "labels=finding_labels", "--columns", "sentences=label_derived_sentences_NOT_A_REAL_REPORT")
    pictures = egma("import", "images", nih, "--labels", nih / "labels.csv", *columns, "--store", path)
    assert "61 films imported" in pictures.stdout, pictures.stderr
    films = egma("import", "dicom", shared_data / "dicom" / "real", "--store", path)
    assert films.returncode == 0, films.stderr
    assert "Traceback" not in pictures.stderr + films.stderr
    return path


@pytest.fixture(scope="module")
def read_library(library: Path, hands: Run) -> Path:
    played = hands("read", library, "capture")
    assert played.returncode == 0, played.stderr
    return library


@pytest.fixture(scope="module")
def run_folder(read_library: Path, desk: Path, egma: Run) -> Path:
    """A model trained for two epochs on what was read by hand, and on nothing else."""
    assert egma("process", "--store", read_library).returncode == 0
    mixed = egma("export", "examples", "--store", read_library, "--out", desk / "mixed.json")
    assert mixed.returncode == 2, "sentences made from labels must not mix silently with typed ones"
    assert "label" in mixed.stderr and "typed" in mixed.stderr
    chosen = ("--gaze-origin", "mouse", "--text-origin", "typed")
    for seed in range(40):
        made = egma("export", "examples", "--store", read_library, "--out", desk / "manifest.json", *chosen, "--seed", seed)
        assert made.returncode == 0, made.stderr
        splits = [e["split"] for e in json.loads((desk / "manifest.json").read_text(encoding="utf-8"))["examples"]]
        if splits.count("train") >= 2 and "validation" in splits:
            break
    assert len(splits) == 4
    (desk / "two_epochs.toml").write_text(CONFIG, encoding="utf-8")
    trained = egma("train", desk / "two_epochs.toml", "--manifest", desk / "manifest.json", "--out", desk / "run")
    assert trained.returncode == 0, trained.stderr
    return desk / "run"


def test_readings_by_hand_are_whole(read_library: Path, egma: Run) -> None:
    health = json.loads(egma("doctor", "--store", read_library, "--json").stdout)
    assert health["integrity"] == "ok"
    assert [r["state"] for r in health["readings"]] == ["complete"] * 4
    assert all(r["n_samples"] > 100 and r["n_gaps"] == 0 for r in health["readings"])


def test_two_epochs_were_trained(run_folder: Path) -> None:
    events = [json.loads(line) for line in (run_folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert events[-1]["event"] == "done"
    assert len([e for e in events if e["event"] == "evaluation"]) == 2
    steps = [e for e in events if e["event"] == "step"]
    assert all(e["gaze"] > 0 for e in steps), "the gaze of the mouse reached the loss"


def test_explorer_shows_the_model_over_a_real_film(run_folder: Path, read_library: Path, hands: Run, desk: Path) -> None:
    played = hands("look", read_library, "explore", run_folder)
    assert played.returncode == 0, played.stderr
    assert (desk / "explore.png").stat().st_size > 20_000


def test_nothing_of_the_sources_names_is_kept(read_library: Path, desk: Path, shared_data: Path) -> None:
    names = [p.stem.encode() for p in (shared_data / "cxr" / "nih" / "images").iterdir()]
    assert len(names) == 61
    for path in [p for p in desk.rglob("*") if p.is_file() and p.suffix in {".sqlite", ".sqlite-wal", ".json", ".jsonl", ".ini", ".toml"}]:
        content = path.read_bytes()
        assert not [name for name in names if name in content], path.name
