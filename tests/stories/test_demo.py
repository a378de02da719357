"""The main job on made-up films, from an install without Qt."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.story, pytest.mark.timeout(1800)]

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_model_learns_from_the_readings(demo_folder: Path) -> None:
    report = json.loads((demo_folder / "report.json").read_text(encoding="utf-8"))
    zero_shot = report["zero_shot"]
    low, high = zero_shot["ci95"]
    assert 0 < zero_shot["chance"] <= 0.25
    assert 2 * zero_shot["chance"] < low <= zero_shot["accuracy"] <= high <= 1
    assert report["gaze_agreement"]["shuffled_auc"] > 0.55
    assert report["n_readings"] > 100
    assert report["n_samples_recorded"] > 100 * report["n_readings"]
    assert report["prompts_seen_in_training"] == []
    assert "seen in training" in report["note"]
    assert len(list((demo_folder / "overlays").glob("*.png"))) >= 3
    assert (demo_folder / "run" / "latest").is_file()


def test_second_run_has_nothing_left_to_do(demo_folder: Path, bare_egma: Run) -> None:
    before = (demo_folder / "report.json").read_bytes()
    done = bare_egma("demo", "--headless", "--out", demo_folder)
    assert done.returncode == 0, done.stderr
    assert (demo_folder / "report.json").read_bytes() == before


def test_demo_leaves_a_foreign_folder_alone(tmp_path: Path, bare_egma: Run) -> None:
    (tmp_path / "holiday.txt").write_text("mine", encoding="utf-8")
    done = bare_egma("demo", "--headless", "--fresh", "--out", tmp_path)
    assert done.returncode == 2
    assert "holiday.txt" in [p.name for p in tmp_path.iterdir()]
    assert "Traceback" not in done.stderr
